# shellcheck disable=SC2154 # variables come with the job
# Brings path to a state.
# vars: path, state, src, mode (octal), owner, group, atime, mtime (as touch -t takes them, or now), force
place path
[ "$state" != hard ] || place src
attributes() { # PATH
  if [ "$owner$group" ]; then
    chown ${nofollow:+-h} "$owner${group:+:$group}" "$1" || exit 1
  fi
  if [ "$mode" ]; then chmod "0$mode" "$1" || exit 1; fi
}
touched() { # LETTER TIME
  case $2 in
    '') ;;
    now) touch "-$1" "$path" || exit 1 ;;
    *) touch "-$1" -t "$2" "$path" || exit 1 ;;
  esac
}
nofollow=''
case $state in
  absent)
    rm -rf "$path" || exit 1
    ;;
  touch)
    [ -e "$path" ] || { : >"$path"; } || exit 1
    attributes "$path"
    touched a "$atime"
    touched m "$mtime"
    ;;
  link)
    nofollow=1 mode=
    tmp=${path%/}.fitout-$$
    rm -f "$tmp"
    ln -s "$src" "$tmp" || exit 1
    [ -L "$path" ] || [ ! -d "$path" ] || rmdir "$path" || { rm -f "$tmp"; exit 1; }
    # Renaming onto a link to a folder would move into that folder.
    if [ -L "$path" ] && [ -d "$path" ]; then rm -f "$path"; fi
    mv -f "$tmp" "$path" || { rm -f "$tmp"; exit 1; }
    [ -z "$owner$group" ] || attributes "$path"
    ;;
  hard)
    tmp=$path.fitout-$$
    rm -f "$tmp"
    ln "$src" "$tmp" || exit 1
    # Renaming onto a folder, or a link to one, would move into that folder.
    if [ -L "$path" ]; then rm -f "$path"; fi
    [ ! -d "$path" ] || { rm -f "$tmp"; echo "$path is a directory" >&2; exit 1; }
    mv -f "$tmp" "$path" || { rm -f "$tmp"; exit 1; }
    # Renaming one name of a file onto another does nothing at all.
    rm -f "$tmp"
    attributes "$path"
    ;;
esac
