# shellcheck shell=sh disable=SC2154
# $act: start, reload, restart or nothing; $enable: 1, 0 or nothing; $file: the configuration, put back where the engine
# does not take the new one. $live: the new configuration lets containers live on; $runtime: containerd's unit is new.
up() { systemctl is-active -q docker.service; }
run() { systemctl "$1" docker.service 2>&1 && up; }
# What the engine itself says: with -u there would be systemd's words on it, which are the last ones and give no reason.
log() { journalctl _SYSTEMD_UNIT=docker.service -o cat --no-pager "$@" 2>/dev/null; }
# A reload is a signal, which always arrives: an engine that takes the configuration over tells so in an event and in its log,
# one that refuses it goes on with the former one and tells so in its log alone.
reloaded() {
  since=$(date +%s.%N)
  mark=$(journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p')
  said=$(systemctl reload docker.service 2>&1) || return 1
  tries=40
  while [ "$tries" -gt 0 ]; do
    [ -z "$(docker events --since "$since" --until "$(date +%s.%N)" --filter event=reload --filter type=daemon 2>/dev/null)" ] ||
      return 0
    new=$(log --after-cursor="$mark")
    case $new in *'Reloaded configuration'*) return 0 ;; esac
    said=$(printf '%s\n' "$new" | grep -i 'level=error.*configur') && return 1
    up || break
    tries=$((tries - 1))
    sleep 0.25
  done
  said='it does not say that it has taken it over'
  return 1
}
# The file that the engine runs with.
put_back() {
  if [ -e "$file.before" ]; then mv -f "$file.before" "$file"; else mv -f "$file" "$file.refused"; fi
}
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
if [ -z "$act" ]; then
  # Nothing is tried with the new configuration now, so there is nothing to go back from.
  rm -f "$file.before"
  exit 0
fi
# The engine that is stopped is the one that has to know that its containers stay.
if [ "$act" = reload ] || { [ "$act" = restart ] && [ -n "$live" ] && up && command -v docker >/dev/null 2>&1; }; then
  if ! reloaded; then
    printf 'the engine does not take over the new configuration: %s\n' "$said" >&2
    if [ -n "$new_config" ]; then
      put_back
      systemctl reload docker.service 2>/dev/null
      printf 'the former configuration was put back; the engine was not restarted\n' >&2
    fi
    exit 1
  fi
  if [ "$act" = reload ]; then
    rm -f "$file.before"
    exit 0
  fi
fi
# An engine that failed too often is not started again before that is forgotten.
systemctl reset-failed docker.service 2>/dev/null
if said=$(run "$act"); then
  rm -f "$file.before"
  exit 0
fi
printf 'the engine does not start: %s\n%s\n' "$said" "$(log -n 20 | grep -i -e fail -e error -e unable | tail -n 3)" >&2
if [ -n "$new_config" ]; then
  put_back
  systemctl reset-failed docker.service 2>/dev/null
  if run restart >/dev/null; then
    printf 'the former configuration was put back, and the engine runs with it\n' >&2
  else
    printf 'the former configuration was put back, and the engine does not start with it either\n' >&2
  fi
fi
exit 1
