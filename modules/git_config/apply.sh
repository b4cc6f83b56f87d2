# shellcheck shell=sh disable=SC2154
set -- --"${scope:-system}"
[ "$scope" != file ] || set -- --file "$file"
cd "${repo:-/}" || exit 1
case $state:$add_mode in
  absent:*) git config "$@" --unset-all "$name" ;;
  *:add) git config "$@" --add "$name" "$value" ;;
  *) git config "$@" --replace-all "$name" "$value" ;;
esac
