# shellcheck shell=sh disable=SC2154,SC2086
# $act: mount, remount, unmount, clean. $src and the rest are for a mount without a line. $undo: where mounting fails, fstab
# is $old again (`new`: it is gone), for a line that does not work may keep the next boot from ending.
put_back() {
  case $undo in
    new) rm -f "$fstab" ;;
    line)
      # Its permissions stay; where it cannot be renamed over, it is written to.
      tmp=$fstab.fitout-$$
      if ! { cp -p "$fstab" "$tmp" && printf %s "$old" >"$tmp" && mv -f "$tmp" "$fstab"; }; then
        rm -f "$tmp"
        printf %s "$old" >"$fstab"
      fi
      ;;
  esac
  # The folders that were made for it.
  while [ "$path" != "$there" ] && rmdir "$path"; do
    path=${path%/*}
    path=${path:-/}
  done
}
there=$path
while [ ! -e "$there" ] && [ "$there" != / ]; do
  case $there in */*) there=${there%/*} ;; *) there=. ;; esac
  there=${there:-/}
done
case $act in
  mount)
    { [ -e "$path" ] || mkdir -p -- "$path"; } && if [ "$src" ]; then
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
esac </dev/null || {
  rc=$?
  case $act in mount | remount) put_back >/dev/null 2>&1 ;; esac
  exit "$rc"
}
