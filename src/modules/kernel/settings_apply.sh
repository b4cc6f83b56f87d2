# shellcheck shell=sh
# Sets running values: pairs of a path below /proc/sys and a value in "$@". All are tried; each is read back.
status=0
while [ $# -gt 1 ]; do
  if why=$({ printf '%s\n' "$2" >"/proc/sys/$1"; } 2>&1); then
    emit "live:$1" value "$(cat -- "/proc/sys/$1" 2>/dev/null)"
  else
    printf 'the kernel does not take "%s" for %s (%s)\n' "$2" "$1" "${why##*: }" >&2
    status=1
  fi
  shift 2
done
exit "$status"
