# shellcheck disable=SC2154 # variables come with the job
# Copies files of this host: "$@" are paths below src (folders end with /), or src alone.
# vars: src, target, mode, directory_mode, owner, group, backup, validate, preserve
tmp=''
trap '[ -z "$tmp" ] || rm -f "$tmp"' EXIT
trap 'exit 143' TERM INT HUP
place src
case $target in -*) target=./$target ;; esac
own() {
  if [ "$owner$group" ]; then chown -h "$owner${group:+:$group}" "$1" || exit 1; fi
}
put() { # FROM TO
  folder=${2%/*}
  [ "$folder" = "$2" ] && folder=.
  [ -d "${folder:-/}" ] || mkdir -p "$folder" || exit 1
  tmp=$(mktemp "${folder:-}/.fitout-XXXXXX") || exit 1
  if [ -L "$1" ] && [ "$links" ]; then
    rm -f "$tmp" && cp -P "$1" "$tmp" || exit 1
  else
    cat <"$1" >"$tmp" || exit 1
    if [ "$mode" ]; then
      chmod "$mode" "$tmp" || exit 1
    elif [ -z "$preserve" ] && [ -f "$2" ]; then
      chmod "$(stat -L -c %a "$2")" "$tmp" || exit 1
    else
      chmod "$(stat -L -c %a "$1")" "$tmp" || exit 1
    fi
  fi
  if [ "$owner$group" ]; then
    own "$tmp"
    # Setting the owner clears set-id bits.
    [ -z "$mode" ] || [ -L "$tmp" ] || chmod "$mode" "$tmp" || exit 1
  fi
  if [ "$validate" ]; then
    # shellcheck disable=SC2086 # split into words as the argument asks
    said=$(check_file "$tmp" 2>&1) || { printf 'failed to validate: %s\n' "$said" >&2; exit 72; }
  fi
  if [ "$backup" ] && [ -e "$2" ]; then
    back_up "$2" "$2" || exit 1
  fi
  mv -f "$tmp" "$2" || exit 1
  tmp=''
}
check_file() {
  IFS=' '
  set -f
  # shellcheck disable=SC2086 # split into words as the argument asks
  set -- "$1" $validate
  file=$1
  shift
  for word in "$@"; do
    shift
    case $word in *%s*) word=${word%%%s*}$file${word#*%s} ;; esac
    set -- "$@" "$word"
  done
  "$@" </dev/null
}
if [ $# = 0 ]; then
  links=''
  put "$src" "$target"
  if sum=$(md5sum <"$target" 2>/dev/null); then emit '' md5sum "${sum%% *}"; fi
  exit 0
fi
links=1
for item in "$@"; do
  case $item in
    */)
      [ -d "$target/$item" ] && continue
      mkdir -p "$target/$item" || exit 1
      own "$target/$item"
      [ -z "$directory_mode" ] || chmod "$directory_mode" "$target/$item" || exit 1
      ;;
    *) put "${src%/}/$item" "$target/$item" ;;
  esac
done
