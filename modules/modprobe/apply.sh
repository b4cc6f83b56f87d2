# shellcheck shell=sh disable=SC2154
# $act: load, unload, set (a parameter of a loaded module that can be written).
case $act in
  load) modprobe -- "$name" "$@" ;;
  unload) modprobe -r -- "$name" ;;
  set) printf '%s\n' "$value" >"/sys/module/$real/parameters/$param" ;;
esac
