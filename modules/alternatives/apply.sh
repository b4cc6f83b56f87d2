# shellcheck shell=sh disable=SC2154,SC2016
if [ "$state" = absent ]; then
  update-alternatives --quiet --remove "$name" "$path"
  exit
fi
if ! update-alternatives --list "$name" 2>/dev/null | grep -qxF -- "$path"; then
  [ "$link" ] || link=$(update-alternatives --query "$name" 2>/dev/null | sed -n 's/^Link: //p')
  [ "$link" ] || {
    printf '%s is no alternative yet: give `link` too\n' "$name" >&2
    exit 1
  }
  update-alternatives --quiet --install "$link" "$name" "$path" "${priority:-50}" || exit
fi
case $state in
  selected) update-alternatives --quiet --set "$name" "$path" ;;
  auto) update-alternatives --quiet --auto "$name" ;;
esac
