# shellcheck shell=sh disable=SC2154
[ -e "$dev" ] || {
  [ "$state" = present ] || { emit '' state absent; exit 0; }
  printf 'Device %s not found.\n' "$dev" >&2
  exit 1
}
is=$(blkid -c /dev/null -p -o value -s TYPE -- "$dev" 2>/dev/null)
if [ -z "$is" ] && blkid -c /dev/null -p -- "$dev" >/dev/null 2>&1; then is="something that is no file system"; fi
case $fstype:$is in ext4dev:ext4) is=ext4dev ;; esac
if [ "$state" = present ] && [ "$is" ] && [ "$is" != "$fstype" ] && [ -z "$force" ]; then
  printf "'%s' is already used as %s, use force=true to overwrite\n" "$dev" "$is" >&2
  exit 1
fi
if [ -z "$is" ]; then emit '' state absent; else emit '' state present; fi
emit '' fstype "$is"
[ "$is" = "$fstype" ] || { emit '' resizefs "$resizefs"; exit 0; }

# How many bytes of the device the file system does not use.
size() { if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -c %s -- "$1"; fi; }
left() {
  case $fstype in
    ext*)
      dumpe2fs -h -- "$dev" 2>/dev/null | {
        blocks=0 block=1
        while IFS=: read -r key value; do
          case $key in
            'Block count') blocks=$((value)) ;;
            'Block size') block=$((value)) ;;
          esac
        done
        all=$(size "$dev")
        echo $((all / block * block - blocks * block))
      }
      ;;
    xfs)
      at=$(findmnt -n -o TARGET --source "$dev") || {
        printf '%s must be mounted to let its xfs grow\n' "$dev" >&2
        return 1
      }
      xfs_info "$at" | {
        all=$(size "$dev")
        used=$(sed -n 's/^data .*bsize=\([0-9]*\) *blocks=\([0-9]*\).*/\1*\2/p')
        echo $((all - (used)))
      }
      ;;
    *)
      printf 'module does not support resizing %s filesystem yet\n' "$fstype" >&2
      return 1
      ;;
  esac
}
if [ "$resizefs" ]; then
  free=$(left) || exit 1
  if [ "$free" -lt 65536 ]; then emit '' resizefs 1; else emit '' resizefs ''; fi
else
  emit '' resizefs ''
fi
