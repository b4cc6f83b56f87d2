# shellcheck shell=sh disable=SC2154
# Reboots a moment after this script has answered, so that the answer is not lost with the connection.
if [ "$command" ]; then
  (trap '' HUP; sleep "$delay"; sh -c "$command") >/dev/null 2>&1 </dev/null &
  exit 0
fi
for one in systemctl reboot shutdown; do
  if command -v "$one" >/dev/null 2>&1; then how=$one; break; fi
done
case $how in
  systemctl | reboot) ;;
  shutdown) ;;
  *) printf 'the host has no systemctl, reboot or shutdown\n' >&2; exit 1 ;;
esac
[ -z "$msg" ] || ! command -v wall >/dev/null 2>&1 || printf '%s\n' "$msg" | wall 2>/dev/null || :
(
  trap '' HUP
  sleep "$delay"
  case $how in
    systemctl) systemctl reboot || reboot ;;
    reboot) reboot ;;
    shutdown) shutdown -r now ;;
  esac
) >/dev/null 2>&1 </dev/null &
