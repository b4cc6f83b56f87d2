# shellcheck shell=sh disable=SC2154,SC2009
# The state of unit $name, behind systemctl.sh. $any: other service managers are fine too;
# $pattern: a process name that tells whether an old init script's service runs.
if command -v systemctl >/dev/null 2>&1 && { [ -d /run/systemd/system ] || [ ! -x /sbin/openrc ]; }; then
  emit '' manager systemd
  if [ -z "$name" ]; then
    emit '' need_reload "$(systemctl_ show -p NeedDaemonReload '*' 2>/dev/null | grep -c =yes)"
    exit 0
  fi
  if [ "$scope" != global ] && show=$(systemctl_ show -- "$name" 2>&1); then
    emit '' show "$show"
  else
    emit '' offline "$show"
  fi
  case "
$show" in
    *'
UnitFileState='[a-z]*) ;;
    *) [ -z "$enabled" ] || emit '' is_enabled "$(systemctl_ is-enabled -- "$name" 2>&1)" ;;
  esac
elif [ -z "$any" ]; then
  emit '' manager none
elif command -v rc-service >/dev/null 2>&1; then
  emit '' manager openrc
  [ ! -e "/etc/init.d/$name" ] || emit '' exists 1
  if rc-service "$name" status >/dev/null 2>&1; then emit '' running 1; fi
  case " $(rc-update show 2>/dev/null | tr '\n|' '  ') " in *" $name "*) emit '' enabled 1 ;; esac
elif [ -d /etc/init.d ] || command -v service >/dev/null 2>&1; then
  emit '' manager sysv
  [ ! -e "/etc/init.d/$name" ] || emit '' exists 1
  if [ "$pattern" ]; then
    ps ax 2>/dev/null | grep -F -- "$pattern" | grep -vq grep && emit '' running 1
  elif [ -e "/etc/init.d/$name" ] && "/etc/init.d/$name" status >/dev/null 2>&1; then
    emit '' running 1
  fi
  for link in /etc/rc[2345].d/S[0-9][0-9]"$name" /etc/rc.d/rc[2345].d/S[0-9][0-9]"$name"; do
    [ ! -e "$link" ] || { emit '' enabled 1; break; }
  done
else
  emit '' manager none
fi
:
