# shellcheck disable=SC2154 # variables come with the job
# Copies on this host: a file, or of a folder what "$@" names below src (folders end with /).
# vars: kind (file, directory), src, target, mode, folder (made first, with folder_mode), owner, group, backup, validate
tmp=''
trap '[ -z "$tmp" ] || rm -f "$tmp"' EXIT
trap 'exit 143' TERM INT HUP
place src
case $target in -*) target=./$target ;; esac
[ -z "$folder" ] || place folder
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
    if [ "$kind" = file ] && [ "$mode" ]; then
      chmod "$mode" "$tmp" || exit 1
    elif [ "$kind" = directory ] || [ -e "$2" ]; then
      chmod "$(stat -L -c %a "$1")" "$tmp" || exit 1
    else
      # As the umask has it.
      chmod '=rw' "$tmp" || exit 1
    fi
  fi
  if [ "$owner$group" ]; then
    own "$tmp"
    # Setting the owner clears set-id bits.
    [ -z "$mode" ] || [ "$kind" = directory ] || [ -L "$tmp" ] || chmod "$mode" "$tmp" || exit 1
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
# A folder and those above it that are missing.
above() { # FOLDER
  [ ! -d "$1" ] || return 0
  case $1 in ?*/*) above "${1%/*}" ;; esac
  mkdir "$1" || exit 1
  own "$1"
  [ -z "$folder_mode" ] || chmod "0$folder_mode" "$1" || exit 1
}
[ -z "$folder" ] || above "$folder"
if [ "$kind" = file ]; then
  links=''
  put "$src" "$target"
  if sum=$(md5sum <"$target" 2>/dev/null); then emit '' md5sum "${sum%% *}"; fi
  exit 0
fi
links=1
[ -d "$target" ] && made='' || made=1
for item do
  case $item in
    */) mkdir -p "$target/$item" || exit 1 ;;
    *) put "${src%/}/$item" "$target/$item" ;;
  esac
done
# In a folder that its owner may not write to, nothing could have been made. Of folders chmod clears set-id bits only where
# it is told five digits.
for item do
  case $item in
    ./) [ -z "$made" ] || chmod "000$(stat -L -c %a "$src")" "$target" || exit 1 ;;
    */) chmod "000$(stat -L -c %a "${src%/}/$item")" "$target/$item" || exit 1 ;;
  esac
done
[ -z "$owner" ] || find "$target/." ! -user "$owner" -exec chown -h "$owner" {} + || exit 1
[ -z "$group" ] || find "$target/." ! -group "$group" -exec chgrp -h "$group" {} + || exit 1
[ -z "$mode" ] || chmod "0$mode" "$target"
