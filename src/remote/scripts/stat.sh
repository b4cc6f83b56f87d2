# shellcheck disable=SC2154 # variables come with the job
# Reports paths ("$@") with as few processes as can be.
# vars: follow, sums (`sha1 sha256` in any mix), max (content up to so many bytes, else empty), labels (SELinux context and
# the flags of lsattr too)
format=%f:%u:%g:%s:%Y:%X:%Z:%i:%d:%h:%U:%G

# Of a path: - is not there, f is a file that can be read and is not a link that stays one, e anything else.
# Without search permission on the way nobody can say that something is absent.
mark_of() { # FILE
  mark=-
  if [ -e "$1" ] || { [ -z "$follow" ] && [ -L "$1" ]; }; then
    mark=e
    if [ -f "$1" ] && [ -r "$1" ] && { [ "$follow" ] || [ ! -L "$1" ]; }; then mark=f; fi
  fi
}

# Of more than one path one process tells all there is: a line a path, in their order. It fails where it cannot tell of one
# of them, and where a name might make two lines; then each path has a process of its own.
at_once() { # MARKS PATH...
  which=$1 rest=$marks
  shift
  case "$*" in *"$nl"*) return 1 ;; esac
  for item do
    shift
    take_mark rest
    case $which in *"$mark"*) ;; *) continue ;; esac
    path=$item
    place path
    set -- "$@" "$path"
  done
  # shellcheck disable=SC2086 # words of this script
  [ "$#" -gt 1 ] && exec $tool "$@" 2>/dev/null
}

sum_of() { # KIND FILE
  eval "sum=\$$1_line"
  if [ "$sum" ]; then
    # A backslash before the sum says that the name is quoted.
    sum=${sum#\\}
    sum=${sum%% *}
  elif command -v "${1}sum" >/dev/null 2>&1; then
    sum=$(exec "${1}sum" <"$2") || return
    sum=${sum%% *}
  else
    sum=$(exec openssl dgst "-$1" <"$2") || return
    sum=${sum##* }
  fi
}

content_of() { # ITEM FILE
  if command -v base64 >/dev/null 2>&1; then
    printf '%s\0content64\0' "$1"
    base64 <"$2"
  else
    printf '%s\0contentx\0' "$1"
    od -An -v -tx1 <"$2"
  fi
  printf '\0'
}

# What is asked for of one path, with the lines of `at_once` where there are some.
tell() { # ITEM FILE MARK
  emit "$1" exists 1
  [ "$fields" ] || fields=$(exec stat ${follow:+-L} -c "$format" "$2" 2>/dev/null)
  if [ "$fields" ]; then
    emit "$1" stat "$fields"
    size=${fields#*:*:*:}
    size=${size%%:*}
  else
    fields=$(ls -ldn ${follow:+-L} "$2") || { emit "$1" error "cannot stat"; return 0; }
    emit "$1" ls "$fields"
    size=
  fi
  if [ -L "$2" ]; then
    target=$(readlink "$2" && printf x)
    emit "$1" link "${target%"$nl"x}"
    [ "$follow" ] || return 0
  fi
  if [ "$labels" ]; then
    if [ -e /sys/fs/selinux/enforce ]; then
      emit "$1" context "$(stat ${follow:+-L} -c %C "$2" 2>/dev/null)"
    fi
    flags=$(lsattr -d "$2" 2>/dev/null)
    emit "$1" flags "${flags%% *}"
  fi
  [ -f "$2" ] || return 0
  if [ "$3" != f ]; then
    emit "$1" unreadable 1
    return 0
  fi
  for kind in $sums; do
    sum_of "$kind" "$2" && emit "$1" "$kind" "$sum"
  done
  if [ "$max" ]; then
    [ "$size" ] || size=$(wc -c <"$2")
    [ "$size" -gt "$max" ] || content_of "$1" "$2"
  fi
}

look() { # PATH...
  marks=
  for item do
    path=$item
    place path
    mark_of "$path"
    marks=$marks$mark
  done
  tool="stat ${follow:+-L} -c $format"
  # shellcheck disable=SC2034 # take_line reads it
  stats=$(at_once ef "$@") || stats=
  for kind in $sums; do
    tool=${kind}sum
    eval "$kind=\$(at_once f \"\$@\") || $kind="
  done
  for item do
    path=$item
    place path
    take_mark marks
    if [ "$mark" = - ]; then
      emit "$item" exists 0
      continue
    fi
    # Each path takes its own lines, whatever has become of it since: the next ones are another's.
    take_line stats
    fields=$line
    [ "$mark" = f ] && for kind in $sums; do
      take_line "$kind"
      eval "${kind}_line=\$line"
    done
    tell "$item" "$path" "$mark"
  done
}

# A list is gone through from its start for each of its words: many paths are many short lists.
some=64 number=0 first=
if [ "$#" -gt "$some" ]; then
  while [ "$number" -lt "$some" ]; do
    number=$((number + 1))
    first="$first \"\${$number}\""
  done
fi
while [ "$#" -gt "$some" ]; do
  eval "look $first"
  shift "$some"
done
look "$@"
