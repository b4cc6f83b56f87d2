# shellcheck shell=sh disable=SC2154
tool=a2enmod
[ "$state" != absent ] || tool=a2dismod
set -- "$name"
[ -z "$force" ] || set -- -f "$@"
said=$("$tool" -q "$@" 2>&1 </dev/null) || {
  printf '%s\n' "$said" >&2
  exit 1
}
