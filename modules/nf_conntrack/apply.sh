# shellcheck shell=sh disable=SC2154
# $act: load the module, or give its table $value chains.
case $act in
  load) modprobe -- nf_conntrack ;;
  hashsize) printf '%s\n' "$value" >/sys/module/nf_conntrack/parameters/hashsize ;;
esac
