# shellcheck shell=sh disable=SC2154,SC2086
# Does the acts "$@" to $name, in order: daemon-reload daemon-reexec mask unmask enable disable start stop restart
# reload. $arguments are words for an init script. $manager: systemd, openrc, sysv. $sleep: seconds between stop and start of init scripts.
for act in "$@"; do
  case $manager:$act in
    # Where systemd does not run (an image in the making), it reads its files when it does.
    systemd:daemon-*) [ ! -d /run/systemd/system ] || systemctl_ "$act" ;;
    systemd:start | systemd:stop | systemd:restart | systemd:reload)
      systemctl_ ${no_block:+--no-block} "$act" -- "$name"
      ;;
    systemd:*) systemctl_ ${force:+--force} "$act" -- "$name" ;;
    openrc:enable) rc-update add "$name" "${runlevel:-default}" ;;
    openrc:disable) rc-update del "$name" "${runlevel:-default}" ;;
    openrc:*) rc-service "$name" "$act" ;;
    sysv:enable)
      if command -v update-rc.d >/dev/null 2>&1; then
        update-rc.d "$name" defaults && update-rc.d "$name" enable
      else
        chkconfig "$name" on
      fi
      ;;
    sysv:disable)
      if command -v update-rc.d >/dev/null 2>&1; then update-rc.d "$name" disable; else chkconfig "$name" off; fi
      ;;
    sysv:restart)
      "/etc/init.d/$name" stop $arguments
      sleep "${sleep:-0}"
      "/etc/init.d/$name" start $arguments
      ;;
    sysv:*) "/etc/init.d/$name" "$act" $arguments ;;
    *) false ;;
  esac >/dev/null </dev/null || {
    rc=$?
    if [ "$manager" = systemd ]; then
      case $act in start | restart | reload)
        systemctl_ --no-pager -n 10 -l status -- "$name" >&2
        ;;
      esac
    fi
    exit "$rc"
  }
done
:
