# shellcheck shell=sh disable=SC2086
# All services, as the service managers list them.
if command -v systemctl >/dev/null 2>&1; then
  units=$(systemctl list-units --no-pager --no-legend --plain --all --type service 2>/dev/null)
  files=$(systemctl list-unit-files --no-pager --no-legend --type service --all 2>/dev/null)
  emit systemd units "$units"
  emit systemd files "$files"
  # Of what is not loaded, or another unit's name, only `show` tells the state; a template has none.
  loaded=" $(printf '%s\n' "$units" | sed 's/^[^a-zA-Z0-9]*\([^ ]*\).*/\1/' | tr '\n' ' ')"
  set --
  for name in $(printf '%s\n' "$files" | sed -n 's/^\([^ ]*[^ @]\.service\) .*/\1/p'); do
    case $loaded in *" $name "*) ;; *) set -- "$@" "$name" ;; esac
  done
  [ "$#" -eq 0 ] || emit systemd others "$(systemctl show -p Names -p ActiveState -- "$@" 2>/dev/null)"
fi
if command -v rc-status >/dev/null 2>&1; then
  emit openrc status "$(rc-status -a -s -q 2>/dev/null)"
elif command -v service >/dev/null 2>&1 && ! command -v chkconfig >/dev/null 2>&1; then
  emit sysv status "$(service --status-all 2>/dev/null)"
fi
:
