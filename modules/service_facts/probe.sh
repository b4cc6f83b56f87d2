# shellcheck shell=sh
# All services, as the service manager lists them.
if command -v systemctl >/dev/null 2>&1; then
  emit systemd units "$(systemctl list-units --no-pager --no-legend --plain --all --type service 2>/dev/null)"
  emit systemd files "$(systemctl list-unit-files --no-pager --no-legend --type service --all 2>/dev/null)"
elif command -v rc-status >/dev/null 2>&1; then
  emit openrc status "$(rc-status -a -s -q 2>/dev/null)"
else
  emit sysv status "$(service --status-all 2>/dev/null)"
fi
:
