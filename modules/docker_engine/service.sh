# shellcheck shell=sh disable=SC2154
# $act: start, reload, restart or nothing; $enable: 1, 0 or nothing; $file: the configuration, put back where the engine
# does not start with a new one. $live: the new configuration lets containers live on; $runtime: containerd's unit is new.
up() { systemctl is-active -q docker.service; }
run() { systemctl "$1" docker.service 2>&1 && up; }
case $enable in
  1) systemctl -q enable docker.service >/dev/null 2>&1 || exit 1 ;;
  0) systemctl -q disable docker.service >/dev/null 2>&1 || exit 1 ;;
esac
# Where systemd does not run, it reads its files when it does.
[ ! -d /run/systemd/system ] || systemctl daemon-reload || exit 1
# Containers are no children of containerd's: they go on without it, and the engine finds the new one.
if [ -n "$runtime" ] && systemctl is-active -q containerd.service; then
  systemctl restart containerd.service || exit 1
fi
[ -n "$act" ] || exit 0
# The engine that is stopped is the one that has to know that its containers stay.
if [ "$act" = restart ] && [ -n "$live" ] && up && command -v docker >/dev/null 2>&1; then
  systemctl reload docker.service 2>/dev/null
  tries=20
  until [ "$(docker info -f '{{.LiveRestoreEnabled}}' 2>/dev/null)" = true ] || [ "$tries" -eq 0 ]; do
    tries=$((tries - 1))
    sleep 0.5
  done
fi
# An engine that failed too often is not started again before that is forgotten.
systemctl reset-failed docker.service 2>/dev/null
if said=$(run "$act"); then
  rm -f "$file.before"
  exit 0
fi
# What the engine itself said: with -u there would be systemd's words on it, which are the last ones and give no reason.
log=$(journalctl _SYSTEMD_UNIT=docker.service -n 20 -o cat --no-pager 2>/dev/null | grep -i -e fail -e error -e unable | tail -n 3)
printf 'the engine does not start: %s\n%s\n' "$said" "$log" >&2
if [ -n "$new" ]; then
  if [ -e "$file.before" ]; then mv -f "$file.before" "$file"; else mv -f "$file" "$file.refused"; fi
  systemctl reset-failed docker.service 2>/dev/null
  if run restart >/dev/null; then
    printf 'the former configuration was put back, and the engine runs with it\n' >&2
  else
    printf 'the former configuration was put back, and the engine does not start with it either\n' >&2
  fi
fi
exit 1
