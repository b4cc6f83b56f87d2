# shellcheck disable=SC2154 # variables come with the job
# Reports everything below "$@": type, mode, ids, size, times, inode, device, links, names; one field a line.
# vars: depth, follow, contains, whole, sum (algorithm)
emit '' now "$(date +%s)"
nl='
'
depth=${depth:+-maxdepth $depth}
# A root that is a link is gone into in any case; what is told of any other link is the link's own.
links=-H
[ -z "$follow" ] || links=-L
told='%p\0stat\0%y\n%m\n%U\n%G\n%s\n%T@\n%A@\n%C@\n%i\n%D\n%n\n%u\n%g\0'
for root in "$@"; do
  place root
  if [ ! -d "$root" ]; then
    emit "$root" skipped "'$root' is not a directory"
    continue
  fi
  case $root in ?*/) root=${root%"${root##*[!/]}"} root=${root:-/} ;; esac
  # shellcheck disable=SC2086 # an option and its value
  if ! find "$root" -maxdepth 0 -printf '' 2>/dev/null; then
    find $links "$root" -mindepth 1 $depth -exec sh -c '
      for path do
        case $(stat -c %F "$path" 2>/dev/null) in
          directory) type=d ;; "symbolic link") type=l ;; regular*) type=f ;; *) type=p ;;
        esac
        printf "%s\0stat\0%s\n%s\0" "$path" "$type" "$(stat -c "$0" "$path" 2>/dev/null)"
      done' "%a$nl%u$nl%g$nl%s$nl%Y$nl%X$nl%Z$nl%i$nl%d$nl%h$nl%U$nl%G" {} + 2>/dev/null
  elif [ "$follow" ]; then
    find -L "$root" -mindepth 1 $depth -exec sh -c 'find "$@" -maxdepth 0 -printf "$0"' "$told" {} + 2>/dev/null
  else
    find -H "$root" -mindepth 1 $depth -printf "$told" 2>/dev/null
  fi
  if [ "$contains" ]; then
    kind=-E
    echo | grep -qP '^' 2>/dev/null && kind=-P
    if [ "$whole" ]; then
      # shellcheck disable=SC2086 # an option and its value
      find $links "$root" -mindepth 1 $depth -type f -exec grep -lz $kind -e "$contains" -- {} + 2>/dev/null
    else
      # shellcheck disable=SC2086 # an option and its value
      find $links "$root" -mindepth 1 $depth -type f -exec grep -l $kind -e "^($contains)" -- {} + 2>/dev/null
    fi | while IFS= read -r path; do emit "$path" contains 1; done
  fi
  if [ "$sum" ]; then
    # shellcheck disable=SC2086 # an option and its value
    find $links "$root" -mindepth 1 $depth -type f -exec sh -c '
      for path do
        value=$("$0" <"$path") && printf "%s\0checksum\0%s\0" "$path" "${value%% *}"
      done' "${sum}sum" {} + 2>/dev/null
  fi
done
exit 0
