# shellcheck disable=SC2154 # variables come with the job
# Puts stdin in place of a file, atomically: temporary beside it, synced, owner and mode set, renamed.
# vars: item (the path as given), path, temp (a word nobody guesses), size, mode, owner, group, backup, validate (quoted shell text using $tmp), expect
# (`absent`, a sha1, or empty for whatever is there), unsafe, follow
# exit: 70 the directory is missing, 71 it is a directory, 72 validation failed, 75 it changed meanwhile
nl='
'
tmp=
stop() { # CODE MESSAGE
  printf '%s\n' "$2" >&2
  exit "$1"
}
trap '[ -z "$tmp" ] || rm -f "$tmp"' EXIT
trap 'exit 143' TERM INT HUP PIPE

place path
if [ "$follow" ] && [ -L "$path" ]; then
  real=$(readlink -f "$path" && printf x) || stop 70 "$path: the link points nowhere"
  path=${real%"$nl"x}
fi
[ ! -d "$path" ] || stop 71 "$path: is a directory"
case $path in
  */*) dir=${path%/*}/ ;;
  *) dir=./ ;;
esac
[ -d "$dir" ] || stop 70 "$dir: no such directory"

changed() {
  case $expect in
    '') return 1 ;;
    absent) [ -e "$path" ] || [ -L "$path" ] ;;
    *)
      [ -f "$path" ] || return 0
      now=$(sha1sum <"$path") || stop 1 "$path: cannot be read"
      [ "${now%% *}" != "$expect" ]
      ;;
  esac
}
was_changed="$path: changed while this run was on it; nothing was written"
# What is there is summed once, at the end.
if [ "$expect" = absent ] && changed; then stop 75 "$was_changed"; fi

# A process costs more than all the rest of this; so what the shell can do itself it does.
umask 077
tmp=${dir}.fitout-$temp
set -C
true >"$tmp" || { tmp=; stop 1 "$dir: cannot make a temporary file"; }
set +C
said=$(dd of="$tmp" bs=65536 conv=fsync 2>&1) || stop 1 "$path: $said"
if [ "$size" ]; then
  # The last line of dd says it, where dd is not too small a one.
  got=${said##*"$nl"}
  got=${got%% *}
  case $got in '' | *[!0-9]*) got=$(wc -c <"$tmp") ;; esac
  [ "$got" -eq "$size" ] || stop 1 "$path: only $got of $size bytes arrived; nothing was written"
fi

was=
base=0644
if [ -e "$path" ]; then
  # A line each.
  if was=$(stat -L -c '%u:%g %a' "$path" "$tmp" 2>/dev/null); then
    mine=${was##*"$nl"}
    was=${was%"$nl"*}
    base=${was#* }
    was=${was% *}
    [ "$was" = "${mine% *}" ] || chown "$was" "$tmp" 2>/dev/null || :
  fi
  if [ -e /sys/fs/selinux/enforce ] && command -v chcon >/dev/null 2>&1; then
    chcon --reference="$path" "$tmp" 2>/dev/null || :
  fi
fi
if [ "$owner$group" ]; then
  chown "$owner${group:+:$group}" "$tmp" || exit 1
fi
# Symbolic modes start from what the file had.
case $mode in
  '') chmod "$base" "$tmp" || exit 1 ;;
  *[!0-7]*) { chmod "$base" "$tmp" && chmod "$mode" "$tmp"; } || exit 1 ;;
  *) chmod "$mode" "$tmp" || exit 1 ;;
esac

if [ "$validate" ]; then
  said=$(eval "$validate" 2>&1 </dev/null) || stop 72 "failed to validate: ${said:-exit status $?}"
fi
if changed; then stop 75 "$was_changed"; fi
if [ "$backup" ] && [ -e "$path" ]; then
  back_up "$path" "$item" || exit 1
fi

if said=$(mv -f "$tmp" "$path" 2>&1); then
  tmp=
elif [ "$unsafe" ]; then
  # A file that is mounted by itself cannot be renamed over.
  cat "$tmp" >"$path" || exit 1
else
  stop 1 "$said"
fi
if [ -z "$was" ] && [ -e /sys/fs/selinux/enforce ] && command -v restorecon >/dev/null 2>&1; then
  restorecon "$path" 2>/dev/null || :
fi
emit "$item" written 1
