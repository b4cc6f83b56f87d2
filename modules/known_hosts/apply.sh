# shellcheck shell=sh disable=SC2154,SC2088
# Takes host $name's keys of type $type (all when empty) out of $path, and adds $line.
case $path in "~/"*) path=$HOME/${path#??} ;; esac
dir=${path%/*}
[ -d "$dir" ] || (umask 077 && mkdir -p -- "$dir") || exit 1
tmp=$(mktemp "$dir/.fitout-XXXXXX") || exit 1
trap 'rm -f "$tmp" "$tmp.old" "$tmp.one"' EXIT
if [ -f "$path" ]; then
  drop=$(ssh-keygen -F "$name" -f "$path" 2>/dev/null | sed '/^#/d')
  while IFS= read -r one || [ "$one" ]; do
    # shellcheck disable=SC2086
    case "
$drop
" in
      *"
$one
"*)
        case " $one " in *" ${type:-} "*) continue ;; esac
        [ "$type" ] || continue
        ;;
    esac
    printf '%s\n' "$one"
  done <"$path" >"$tmp" || exit 1
  chmod --reference="$path" "$tmp" 2>/dev/null || chmod 0644 "$tmp"
else
  chmod 0644 "$tmp"
fi
if [ "$line" ]; then
  printf '%s\n' "$line" >"$tmp.one"
  [ -z "$hash" ] || ssh-keygen -q -H -f "$tmp.one" >/dev/null 2>&1 || exit 1
  cat "$tmp.one" >>"$tmp" || exit 1
fi
mv -f "$tmp" "$path"
