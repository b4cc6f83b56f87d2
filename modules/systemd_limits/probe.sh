# shellcheck shell=sh disable=SC2154
# What systemd says of $unit, the limits of its first process, the drop-in $file, and limits in other drop-ins.
if [ -e "$file" ]; then
  emit "$file" exists 1
  if text_of "$file"; then emit "$file" content "$content"; fi
fi
[ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1 || exit 0
emit '' systemd 1
shown=$(systemctl show --no-pager -- "$unit" 2>/dev/null | grep -E '^(Limit[A-Z]+(Soft)?|TasksMax|LoadState|ActiveState|MainPID|NeedDaemonReload|DropInPaths)=')
emit '' show "$shown"
pid=
paths=
while IFS='=' read -r key value; do
  case $key in
    MainPID) pid=$value ;;
    DropInPaths) paths=$value ;;
  esac
done <<EOF
$shown
EOF
[ "${pid:-0}" = 0 ] || ! [ -r "/proc/$pid/limits" ] || emit '' limits "$(cat "/proc/$pid/limits")"
# shellcheck disable=SC2086
set -- $paths
[ $# -eq 0 ] || emit '' others "$(grep -sHE '^[[:space:]]*(Limit[A-Z]+|TasksMax)[[:space:]]*=' "$@")"
