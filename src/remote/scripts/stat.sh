# shellcheck disable=SC2154 # variables come with the job
# Reports paths ("$@") with as few processes as can be.
# vars: follow, sums (`sha1 sha256` in any mix), max (content up to so many bytes, else empty), labels (SELinux context and
# the flags of lsattr too)
nl='
'
format=%f:%u:%g:%s:%Y:%X:%Z:%i:%d:%h:%U:%G

# A mark for each path: - is not there, f is a file that can be read and is not a link that stays one, e anything else.
# Without search permission on the way nobody can say that something is absent.
marks=
for item do
  path=$item
  place path
  mark=-
  if [ -e "$path" ] || { [ -z "$follow" ] && [ -L "$path" ]; }; then
    mark=e
    if [ -f "$path" ] && [ -r "$path" ] && { [ "$follow" ] || [ ! -L "$path" ]; }; then mark=f; fi
  fi
  marks=$marks$mark
done

# Of more than one path one process tells all there is: a line a path, in their order. It fails where it cannot tell of one
# of them, and where a name might make two lines; then each path has a process of its own.
at_once() { # MARKS PATH...
  which=$1 rest=$marks
  shift
  case "$*" in *"$nl"*) return 1 ;; esac
  for item do
    shift
    mark=${rest%"${rest#?}"}
    rest=${rest#?}
    case $which in *"$mark"*) ;; *) continue ;; esac
    path=$item
    place path
    set -- "$@" "$path"
  done
  # shellcheck disable=SC2086 # words of this script
  [ "$#" -gt 1 ] && exec $tool "$@" 2>/dev/null
}
tool="stat ${follow:+-L} -c $format"
stats=$(at_once ef "$@") || stats=
for kind in $sums; do
  tool=${kind}sum
  eval "$kind=\$(at_once f \"\$@\") || $kind="
done

sum_of() { # KIND FILE
  eval "sum=\$$1"
  if [ "$sum" ]; then
    eval "$1=\${sum#*\"\$nl\"}"
    sum=${sum%%"$nl"*}
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
for item do
  path=$item
  place path
  mark=${marks%"${marks#?}"}
  marks=${marks#?}
  if [ "$mark" = - ]; then
    emit "$item" exists 0
    continue
  fi
  emit "$item" exists 1
  if [ "$stats" ]; then
    fields=${stats%%"$nl"*}
    stats=${stats#*"$nl"}
  else
    fields=$(exec stat ${follow:+-L} -c "$format" "$path" 2>/dev/null)
  fi
  if [ "$fields" ]; then
    emit "$item" stat "$fields"
    size=${fields#*:*:*:}
    size=${size%%:*}
  else
    fields=$(ls -ldn ${follow:+-L} "$path") || { emit "$item" error "cannot stat"; continue; }
    emit "$item" ls "$fields"
    size=
  fi
  if [ -L "$path" ]; then
    target=$(readlink "$path" && printf x)
    emit "$item" link "${target%"$nl"x}"
    [ "$follow" ] || continue
  fi
  if [ "$labels" ]; then
    if [ -e /sys/fs/selinux/enforce ]; then
      emit "$item" context "$(stat ${follow:+-L} -c %C "$path" 2>/dev/null)"
    fi
    flags=$(lsattr -d "$path" 2>/dev/null)
    emit "$item" flags "${flags%% *}"
  fi
  [ -f "$path" ] || continue
  if [ "$mark" != f ]; then
    emit "$item" unreadable 1
    continue
  fi
  for kind in $sums; do
    sum_of "$kind" "$path" && emit "$item" "$kind" "$sum"
  done
  if [ "$max" ]; then
    [ "$size" ] || size=$(wc -c <"$path")
    [ "$size" -le "$max" ] || continue
    if command -v base64 >/dev/null 2>&1; then
      printf '%s\0content64\0' "$item"
      base64 <"$path"
    else
      printf '%s\0contentx\0' "$item"
      od -An -v -tx1 <"$path"
    fi
    printf '\0'
  fi
done
