# shellcheck disable=SC2154 # variables come with the job
# Puts new files into one folder, each atomically, with one process for each step instead of one for each file.
# vars: folder, temp (a word nobody guesses), mode, owner, group; args: for each file the path as given, name and content
# What cannot be written ends it as it would alone: those before it are there, those behind it are not.
# exit: as write_file.sh
tmp=
stop() { # CODE MESSAGE
  printf '%s\n' "$2" >&2
  exit "$1"
}
trap '[ -z "$tmp" ] || rm -rf "$tmp"' EXIT
trap 'exit 143' TERM INT HUP PIPE

place folder
[ -d "$folder/" ] || stop 70 "$folder/: no such directory"
umask 077
said=$(mkdir "$folder/.fitout-$temp" 2>&1) || stop 1 "$folder/: cannot make a temporary file: $said"
tmp=$folder/.fitout-$temp

there() { [ -e "$folder/$1" ] || [ -L "$folder/$1" ]; }
rc=0
why=
fail() { # CODE MESSAGE; of more than one the first counts
  [ "$rc" != 0 ] || { rc=$1 why=$2; }
}
left=$#
while [ "$left" -gt 0 ]; do
  left=$((left - 3))
  if [ -d "$folder/$2" ]; then
    fail 71 "$folder/$2: is a directory"
  elif there "$2"; then
    fail 75 "$folder/$2: changed while this run was on it; nothing was written"
  elif [ "$rc" = 0 ] && ! printf '%s' "$3" 2>/dev/null >"$tmp/$2"; then
    # The shell's own printf says little about why.
    fail 1 "$folder/$2: $(printf '%s' "$3" | dd of="$tmp/$2" 2>&1)"
    rm -f "$tmp/$2"
  fi
  [ "$rc" != 0 ] || set -- "$@" "$1" "$2"
  shift 3
done

said=
if [ $# -gt 0 ]; then
  sync "$tmp"/* 2>/dev/null || sync
  if [ "$owner$group" ]; then
    said=$(chown "$owner${group:+:$group}" "$tmp"/* 2>&1) || stop 1 "$said"
  fi
  said=$(chmod "${mode:-0644}" "$tmp"/* 2>&1) || stop 1 "$said"
  said=$(mv -f "$tmp"/* "$folder/" 2>&1) || fail 1 "$said"
fi
while [ $# -gt 0 ] && ! [ -e "$tmp/$2" ]; do
  if [ -e /sys/fs/selinux/enforce ] && command -v restorecon >/dev/null 2>&1; then
    restorecon "$folder/$2" 2>/dev/null || :
  fi
  emit "$1" written 1
  shift 2
done
[ "$rc" = 0 ] || stop "$rc" "$why"
