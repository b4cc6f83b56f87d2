# shellcheck disable=SC2154 # variables come with the job
# Compares src with dest, both on this host; reports what differs by path below them.
# vars: src, dest, follow, owner, group
place src
place dest
if [ ! -e "$src" ]; then
  emit '' src absent
  exit 0
fi
name=${src%/}
name=${name##*/}
if [ -d "$src" ]; then
  emit '' src directory
  case $src in */) target=$dest ;; *) target=${dest%/}/$name ;; esac
else
  emit '' src file
  target=$dest
  case $dest in
    */) target=$dest$name ;;
    *) [ ! -d "$dest" ] || target=$dest/$name ;;
  esac
fi
emit '' target "$target"
# A folder at the end of dest is made; any other must be there.
parent=${target%/*}
[ "$parent" = "$target" ] && parent=.
if [ -d "${parent:-/}" ]; then emit '' parent 1; else emit '' parent ''; fi
emit '' mode "$(stat -L -c %a "$src" 2>/dev/null)"
if [ -f "$src" ]; then
  sum=$(sha1sum <"$src") && emit '' sha1 "${sum%% *}"
  if [ -L "$target" ] && [ -z "$follow" ]; then
    emit '' differs "$target"
  elif [ -e "$target" ]; then
    emit '' there 1
    cmp -s "$src" "$target" || emit '' differs "$target"
  else
    emit '' differs "$target"
  fi
  exit 0
fi
[ ! -d "$dest" ] || emit '' dest_there 1
if [ -e "$target" ]; then
  emit '' there 1
  # A dot for each that is another's; one where nobody knows the name yet.
  if [ "$owner" ]; then
    others=$(find "$target/." ! -user "$owner" -exec printf .%.0s {} + 2>/dev/null) || others=.
    emit '' owner_differs "${#others}"
  fi
  if [ "$group" ]; then
    others=$(find "$target/." ! -group "$group" -exec printf .%.0s {} + 2>/dev/null) || others=.
    emit '' group_differs "${#others}"
  fi
fi
cd "$src" || exit 1
find . -type d -exec sh -c 'for d do [ -d "$0/$d" ] || printf "\0folder\0%s\0" "$d"; done' "$target" {} +
find . ! -type d -exec sh -c 'for f do
  if [ -L "$f" ]; then
    [ -L "$0/$f" ] && [ "$(readlink "$f")" = "$(readlink "$0/$f")" ] && continue
  elif [ -e "$0/$f" ]; then
    cmp -s "$f" "$0/$f" && continue
  fi
  printf "\0differs\0%s\0" "$f"
done' "$target" {} +
