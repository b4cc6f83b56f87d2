# shellcheck shell=sh
# Sets running values: pairs of a path below /proc/sys and a value in "$@". All are tried; those taken are read back behind
# the last one, for one key may reset another.
status=0 left=$#
while [ "$left" -gt 1 ]; do
  if why=$({ printf '%s\n' "$2" >"/proc/sys/$1"; } 2>&1); then
    set -- "$@" "$1"
  else
    printf 'the kernel does not take "%s" for %s (%s)\n' "$2" "$1" "${why##*: }" >&2
    status=1
  fi
  shift 2
  left=$((left - 2))
done
for key in "$@"; do
  emit "live:$key" value "$(cat -- "/proc/sys/$key" 2>/dev/null)"
done
exit "$status"
