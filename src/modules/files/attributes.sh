# shellcheck disable=SC2154 # variables come with the job
# Sets owner, group, mode (octal), flags (words for chattr) and parts of the SELinux context of the paths in "$@"; with
# nofollow, of links themselves.
# Of a folder chmod clears set-id bits only where it is told five digits.
for path in "$@"; do
  place path
  if [ "$owner$group" ]; then
    chown ${nofollow:+-h} "$owner${group:+:$group}" "$path" || exit 1
  fi
  if [ "$mode" ] && { [ -z "$nofollow" ] || [ ! -L "$path" ]; }; then
    chmod "0$mode" "$path" || exit 1
  fi
  if [ "$seuser$serole$setype$selevel" ] && [ -e /sys/fs/selinux/enforce ]; then
    chcon ${nofollow:+-h} ${seuser:+-u "$seuser"} ${serole:+-r "$serole"} ${setype:+-t "$setype"} \
      ${selevel:+-l "$selevel"} "$path" || exit 1
  fi
  for flag in $flags; do
    chattr "$flag" "$path" || exit 1
  done
done
