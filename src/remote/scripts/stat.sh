# shellcheck disable=SC2154 # variables come with the job
# Reports paths ("$@") with as few processes as can be.
# vars: follow, sums (`sha1 sha256` in any mix), max (content up to so many bytes, else empty), labels (SELinux context and
# the flags of lsattr too); with mixed each argument has its own: FOLLOW:SUMS:MAX:LABELS:PATH
format=%f:%u:%g:%s:%Y:%X:%Z:%i:%d:%h:%U:%G

# The path of an argument, and what is asked for of it.
take() { # ARGUMENT
  path=$1
  if [ "$mixed" ]; then
    follow=${path%%:*} path=${path#*:}
    sums=${path%%:*} path=${path#*:}
    max=${path%%:*} path=${path#*:}
    labels=${path%%:*} path=${path#*:}
  fi
  place path
}

# Of the path: - is not there, f is a file that can be read and is not a link that stays one, e anything else; F and E are
# links to these that are followed. Without search permission on the way nobody can say that something is absent.
mark_of() {
  mark=-
  if [ -L "$path" ]; then
    if [ -z "$follow" ]; then
      mark=e
    elif [ -e "$path" ]; then
      mark=E
      if [ -f "$path" ] && [ -r "$path" ]; then mark=F; fi
    fi
  elif [ -e "$path" ]; then
    mark=e
    if [ -f "$path" ] && [ -r "$path" ]; then mark=f; fi
  fi
}

# Of more than one path one process tells all there is: a line a path, in their order. It fails where it cannot tell of one
# of them, and where a name might make two lines; then each path has a process of its own.
at_once() { # MARKS TOOL KIND-OF-SUM ARGUMENT...
  which=$1 tool=$2 kind=$3 rest=$marks
  shift 3
  case "$*" in *"$nl"*) return 1 ;; esac
  for item do
    shift
    take_mark rest
    case $which in *"$mark"*) ;; *) continue ;; esac
    take "$item"
    case " $sums " in *" ${kind:+$kind }"*) set -- "$@" "$path" ;; esac
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

content_of() { # ITEM FILE SIZE
  # What came whole has no NUL.
  if [ "$3" -le 2000 ] && text_of "$2" 2>/dev/null && [ "${#content}" -eq "$3" ]; then
    emit "$1" content "$content"
    return
  fi
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
  case $3 in [!fF])
    emit "$1" unreadable 1
    return 0
    ;;
  esac
  for kind in $sums; do
    sum_of "$kind" "$2" && emit "$1" "$kind" "$sum"
  done
  if [ "$max" ]; then
    [ "$size" ] || size=$(wc -c <"$2")
    [ "$size" -gt "$max" ] || content_of "$1" "$2" "$size"
  fi
}

# shellcheck disable=SC2034 # take_line reads what at_once told
look() { # ARGUMENT...
  marks='' kinds='' stats='' followed=''
  for item do
    take "$item"
    mark_of
    marks=$marks$mark
    case $mark in [fF]) ;; *) continue ;; esac
    for kind in $sums; do
      case " $kinds " in *" $kind "*) ;; *) kinds="$kinds $kind" ;; esac
    done
  done
  for kind in $kinds; do
    eval "$kind="
  done
  if [ "$#" -gt 1 ]; then
    case $marks in *[ef]*[ef]*) stats=$(at_once ef "stat -c $format" '' "$@") || stats= ;; esac
    case $marks in *[EF]*[EF]*) followed=$(at_once EF "stat -L -c $format" '' "$@") || followed= ;; esac
    case $marks in *[fF]*[fF]*)
      for kind in $kinds; do
        eval "$kind=\$(at_once fF ${kind}sum $kind \"\$@\") || $kind="
      done
      ;;
    esac
  fi
  for item do
    take "$item"
    take_mark marks
    # Each path takes its own lines, whatever has become of it since: the next ones are another's.
    case $mark in
      -)
        emit "$item" exists 0
        continue
        ;;
      [ef]) take_line stats ;;
      *) take_line followed ;;
    esac
    fields=$line
    case $mark in [fF])
      for kind in $sums; do
        take_line "$kind"
        eval "${kind}_line=\$line"
      done
      ;;
    esac
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
