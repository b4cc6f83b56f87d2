# shellcheck shell=sh disable=SC2154
# `value` is the wanted one where nothing is to do.
set -- --"${scope:-system}"
[ "$scope" != file ] || set -- --file "$file"
cd "${repo:-/}" || exit 1
said=$(git config --includes "$@" --get-all "$name" 2>&1)
rc=$?
# 1: not set; git also says 1 of a file that is not there.
if [ "$rc" -gt 1 ]; then
  printf '%s\n' "$said" >&2
  exit "$rc"
fi
[ "$rc" = 0 ] || said=
emit '' config_value "$said"
if [ "$rc" = 0 ]; then is=present; else is=absent; fi
if [ "$state" = present ] && [ -z "${value+set}" ]; then is=present; fi
emit '' state "$is"
if [ "$rc" = 0 ] && [ "$add_mode" = add ] && printf '%s\n' "$said" | grep -qxF -- "$value"; then said=$value; fi
emit '' value "$said"
