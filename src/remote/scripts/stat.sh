# shellcheck disable=SC2154 # variables come with the job
# Reports paths ("$@") without one process per attribute.
# vars: follow, sums (`sha1 sha256` in any mix), max (content up to so many bytes, else empty), labels (SELinux context and
# the flags of lsattr too)
nl='
'
hash_of() { # TOOL OPENSSL-NAME FILE
  if command -v "$1" >/dev/null 2>&1; then
    sum=$("$1" <"$3") || return
    sum=${sum%% *}
  else
    sum=$(openssl dgst "-$2" <"$3") || return
    sum=${sum##* }
  fi
}
for item in "$@"; do
  path=$item
  place path
  if [ ! -e "$path" ]; then
    if [ "$follow" ] || [ ! -L "$path" ]; then
      # Without search permission on the way nobody can say that it is absent.
      emit "$item" exists 0
      continue
    fi
  fi
  emit "$item" exists 1
  # One field a line: names of users may hold blanks.
  format="%f$nl%u$nl%g$nl%s$nl%Y$nl%X$nl%Z$nl%i$nl%d$nl%h$nl%U$nl%G"
  if fields=$(stat ${follow:+-L} -c "$format" "$path" 2>/dev/null); then
    emit "$item" stat "$fields"
    size=${fields#*"$nl"*"$nl"*"$nl"}
    size=${size%%"$nl"*}
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
  if [ ! -r "$path" ]; then
    emit "$item" unreadable 1
    continue
  fi
  for kind in $sums; do
    hash_of "${kind}sum" "$kind" "$path" && emit "$item" "$kind" "$sum"
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
