# shellcheck shell=sh disable=SC2154,SC2086
# Takes the lines whose numbers are $drop out of $path, and adds $line, with a hashed name where $hash is set.
dir=${path%/*}
[ -d "$dir" ] || (umask 077 && mkdir -p -- "$dir") || exit 1
tmp=$(mktemp "$dir/.fitout-XXXXXX") || exit 1
trap 'rm -f "$tmp" "$tmp.old" "$tmp.one" "$tmp.one.old"' EXIT
if [ -f "$path" ]; then
  expression=
  for number in $drop; do expression="$expression${number}d;"; done
  sed -e "$expression" "$path" >"$tmp" || exit 1
  chmod --reference="$path" "$tmp" 2>/dev/null || chmod 0644 "$tmp"
else
  chmod 0644 "$tmp"
fi
if [ "$line" ]; then
  printf '%s\n' "$line" >"$tmp.one"
  [ -z "$hash" ] || ssh-keygen -q -H -f "$tmp.one" >/dev/null 2>&1 || exit 1
  if [ -s "$tmp" ] && [ "$(tail -c 1 "$tmp" | wc -l)" -eq 0 ]; then echo >>"$tmp"; fi
  cat "$tmp.one" >>"$tmp" || exit 1
fi
mv -f "$tmp" "$path"
