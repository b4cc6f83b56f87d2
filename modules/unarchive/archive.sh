# shellcheck disable=SC2154,SC2034,SC3013 # variables come with the job, some for the request; dash and busybox know -nt
# What probe.sh and apply.sh share: the archive at hand, its entries, what differs from dest.
# vars: src, dest, from (`stdin`, `host` or `url`), include, exclude, extra (one a line), keep (newer files stay)
nl='
'
work=''
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP
absolute() { # PATH → $out
  out=$1
  place out
  case $out in /*) ;; *) out=$PWD/$out ;; esac
}
die() {
  printf '%s\n' "$1" >&2
  exit 1
}
open_archive() {
  absolute "$dest" && dest=${out%/}
  dest=${dest:-/}
  for work in "$TMPDIR" /var/tmp /tmp; do
    [ ! -d "$work" ] || [ ! -w "$work" ] || break
  done
  work=$(umask 077 && mktemp -d "$work/.fitout-XXXXXX") || exit 1
  archive=$work/archive
  case $from in
    stdin) cat >"$archive" || exit 1 ;;
    url)
      out=$archive body=''
      http_request || die "Request failed: $http_error"
      case $http_status in 2?? | 000) ;; *) die "Request failed: status $http_status" ;; esac
      ;;
    *)
      absolute "$src" && archive=$out
      [ -e "$archive" ] || die "Source '$src' does not exist"
      [ -r "$archive" ] || die "Source '$src' not readable"
      ;;
  esac
  gnu=''
  case $(od -An -tx1 -N2 "$archive") in
    *50*4b*)
      handler=ZipArchive
      command -v unzip >/dev/null 2>&1 || die 'there is no unzip on the host, which zip archives need'
      ;;
    *)
      handler=TgzArchive
      command -v tar >/dev/null 2>&1 || die 'there is no tar on the host'
      case $(tar --version 2>/dev/null) in *"GNU tar"*) gnu=1 ;; esac
      ;;
  esac
  emit '' handler "$handler"
}
tar_in() { # DIRECTORY OPTION...
  folder=$1
  shift
  set -f
  IFS=$nl
  set -- "$@" -C "$folder" -f "$archive"
  for name in $exclude; do set -- "$@" "--exclude=$name"; done
  # shellcheck disable=SC2086 # one a line
  set -- "$@" $extra $include
  unset IFS
  set +f
  tar "$@"
}
unpack() { # DIRECTORY [KEEP]
  if [ "$handler" = TgzArchive ]; then
    tar_in "$1" -x ${2:+--keep-newer-files}
    return
  fi
  folder=$1
  fresh=-o
  [ -z "$2" ] || fresh=-uo
  set -f
  IFS=$nl
  # shellcheck disable=SC2086 # one a line
  set -- -q "$fresh" $extra "$archive" $include
  # shellcheck disable=SC2086 # one a line
  [ -z "$exclude" ] || set -- "$@" -x $exclude
  unset IFS
  set +f
  unzip "$@" -d "$folder" </dev/null
  # 1 is a warning, the files are there.
  [ $? -le 1 ]
}
# Leaves the names in $work/list and reports each that differs.
compare() {
  if [ "$gnu" ] && [ -z "$keep" ]; then
    tar_in "$dest" -t --quoting-style=literal --show-transformed-names >"$work/list" || exit 1
    emit '' diff "$(tar_in "$dest" -d --quoting-style=literal --show-transformed-names 2>&1)"
    return
  fi
  mkdir "$work/tree" || exit 1
  unpack "$work/tree" >"$work/said" 2>&1 || die "$(cat "$work/said")"
  (cd "$work/tree" && find . ! -name .) | sed 's|^\./||' >"$work/names"
  while IFS= read -r name; do
    new=$work/tree/$name
    old=$dest/$name
    if [ -L "$new" ]; then
      { [ -L "$old" ] && [ "$(readlink "$new")" = "$(readlink "$old")" ]; } || emit "$name" differs 1
    elif [ -d "$new" ]; then
      [ -d "$old" ] || emit "$name" differs 1
      name=$name/
    elif [ -f "$old" ] && [ "$keep" ] && [ "$old" -nt "$new" ]; then
      :
    else
      cmp -s "$new" "$old" || emit "$name" differs 1
    fi
    printf '%s\n' "$name" >&3
  done <"$work/names" 3>"$work/list"
}
# The paths of the entries, each ended by NUL.
paths() {
  case $dest in /) base=/ ;; *) base=$dest/ ;; esac
  while IFS= read -r name; do
    # `--strip-components` leaves nothing of some names.
    case $name in '' | /) continue ;; esac
    name=${name#./}
    name=$base${name#/}
    printf '%s\0' "${name%/}"
  done <"$work/list"
}
