# shellcheck shell=sh disable=SC2154
# $act: load the module, or give its table $value chains.
case $act in
  load)
    modprobe -- nf_conntrack || exit 1
    # What the rule sets, it sets before the parameters are set that are asked for.
    ! command -v udevadm >/dev/null 2>&1 || udevadm settle --timeout=20 || :
    ;;
  hashsize) printf '%s\n' "$value" >/sys/module/nf_conntrack/parameters/hashsize ;;
esac
