# shellcheck shell=sh disable=SC2154
# Text files "$@": whether they exist, mode, owner, group, content. A leading ~USER/ is that user's home. Modes and owners of
# all of them come from one process, a line each; where that cannot tell them all, each has its own.

# Of a path: d its folder is there, f the file too, - neither or not looked at together.
marks=
for item in "$@"; do
  dir=${item%/*} mark=-
  case $item in
    "~"* | *"$nl"*) ;;
    *)
      [ ! -d "${dir:-/}" ] || mark=d
      [ ! -e "$item" ] || mark=f
      ;;
  esac
  marks=$marks$mark
done

at_once() { # MARKS FORMAT PATH...
  which=$1 format=$2
  shift 2
  for item do
    shift
    take_mark marks
    case $which in *"$mark"*) ;; *) continue ;; esac
    [ "$which" = f ] || item=${item%/*}
    set -- "$@" "${item:-/}"
  done
  [ $# -eq 0 ] || exec stat -L -c "$format" -- "$@" 2>/dev/null
}
# shellcheck disable=SC2034 # take_line reads it
dirs=$(at_once df '%a %u %g' "$@") || dirs=
# shellcheck disable=SC2034 # take_line reads it
files=$(at_once f '%a %U %G' "$@") || files=

for item in "$@"; do
  take_mark marks
  path=$item dir_line='' file_line=''
  case $mark in [df]) take_line dirs && dir_line=$line ;; esac
  case $mark in f) take_line files && file_line=$line ;; esac
  case $path in "~"*)
    user=${path%%/*}
    user=${user#?}
    entry=$(getent passwd -- "$user" 2>/dev/null || grep "^$user:" /etc/passwd)
    rest=${entry#*:*:*:*:*:}
    emit "$item" user "$entry"
    [ "$entry" ] || continue
    path=${rest%:*}/${path#*/}
    emit "$item" path "$path"
    ;;
  esac
  dir=${path%/*}
  [ ! -d "${dir:-/}" ] || emit "$item" dir "${dir_line:-$(stat -L -c '%a %u %g' -- "${dir:-/}" 2>/dev/null)}"
  [ -e "$path" ] || continue
  emit "$item" exists 1
  emit "$item" stat "${file_line:-$(stat -L -c '%a %U %G' -- "$path" 2>/dev/null)}"
  text_of "$path" || continue
  emit "$item" content "$content"
done
:
