# shellcheck shell=sh disable=SC2154
# $act: mkdir (the drop-in's folder), remove, reload, restart (and say what the new process has).
case $act in
  mkdir) mkdir -p -- "${file%/*}" ;;
  remove) rm -f -- "$file" && { rmdir -- "${file%/*}" 2>/dev/null || :; } ;;
  reload) [ ! -d /run/systemd/system ] || systemctl daemon-reload ;;
  restart)
    systemctl restart -- "$unit" || exit 1
    pid=$(systemctl show -p MainPID --value -- "$unit")
    [ "${pid:-0}" = 0 ] || emit '' limits "$(cat "/proc/$pid/limits")"
    ;;
esac
