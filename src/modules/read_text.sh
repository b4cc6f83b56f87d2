# shellcheck shell=sh disable=SC2154
# Text files "$@": whether they exist, mode, owner, group, content. A leading ~USER/ is that user's home.
for item in "$@"; do
  path=$item
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
  [ ! -d "${dir:-/}" ] || emit "$item" dir "$(stat -c '%a %u %g' -- "${dir:-/}" 2>/dev/null)"
  if [ ! -e "$path" ]; then continue; fi
  emit "$item" exists 1
  emit "$item" stat "$(stat -L -c '%a %U %G' -- "$path" 2>/dev/null)"
  content=$(cat -- "$path" && printf x) || continue
  emit "$item" content "${content%x}"
done
:
