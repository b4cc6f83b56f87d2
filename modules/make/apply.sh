# shellcheck shell=sh disable=SC2154
cd -- "$chdir" || exit 1
exec "$make" "$@" </dev/null
