# shellcheck shell=sh disable=SC2154,SC2086
# $act: mount, remount, unmount, clean. $src and the rest are for a mount without a line.
case $act in
  mount)
    [ -e "$path" ] || mkdir -p -- "$path" || exit 1
    if [ "$src" ]; then
      mount -t "$fstype" ${opts:+-o "$opts"} "$src" "$path"
    elif [ "$fstab" != /etc/fstab ]; then
      mount -T "$fstab" "$path"
    else
      mount "$path"
    fi
    ;;
  remount) mount -o remount${opts:+,$opts} "$path" || { umount "$path" && mount "$path"; } ;;
  unmount) umount "$path" ;;
  clean) rmdir -- "$path" 2>/dev/null || : ;;
esac </dev/null
