# shellcheck shell=sh disable=SC2154
[ -e "$dev" ] || {
  [ "$state" = present ] || { emit '' state absent; exit 0; }
  printf 'Device %s not found.\n' "$dev" >&2
  exit 1
}
is=$(blkid -c /dev/null -p -o value -s TYPE -- "$dev" 2>/dev/null)
if [ -z "$is" ] && blkid -c /dev/null -p -- "$dev" >/dev/null 2>&1; then is="something that is no file system"; fi
if [ "$state" = present ] && [ "$is" ] && [ "$is" != "$fstype" ] && [ -z "$force" ]; then
  printf "'%s' is already used as %s, use force=true to overwrite\n" "$dev" "$is" >&2
  exit 1
fi
if [ -z "$is" ]; then emit '' state absent; else emit '' state present; fi
emit '' fstype "$is"
[ "$is" = "$fstype" ] || { emit '' resizefs "$resizefs"; exit 0; }

if [ "$resizefs" ]; then
  case $fstype in
    ext*) ;;
    *)
      printf 'module does not support resizing %s filesystem yet\n' "$fstype" >&2
      exit 1
      ;;
  esac
  if [ -b "$dev" ]; then all=$(blockdev --getsize64 "$dev"); else all=$(stat -c %s -- "$dev"); fi
  blocks=0 block=1
  while IFS=: read -r key value; do
    case $key in
      'Block count') blocks=$((value)) ;;
      'Block size') block=$((value)) ;;
    esac
  done <<END
$(dumpe2fs -h -- "$dev" 2>/dev/null)
END
  # Whole blocks count.
  if [ $((all / block)) -le "$blocks" ]; then emit '' resizefs 1; else emit '' resizefs ''; fi
else
  emit '' resizefs ''
fi
