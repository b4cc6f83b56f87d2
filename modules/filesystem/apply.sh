# shellcheck shell=sh disable=SC2154,SC2086
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}
! findmnt -n --source "$dev" >/dev/null || [ "$resizefs" ] || fail "$dev is mounted"
while read -r used _; do [ "$used" != "$dev" ] || fail "$dev is swap in use"; done </proc/swaps
if [ "$state" = absent ]; then
  exec wipefs --all --quiet -- "$dev"
fi
is=$(blkid -c /dev/null -p -o value -s TYPE -- "$dev" 2>/dev/null)
if [ "$is" ] && { [ "$is" = "$fstype" ] || [ "$is$fstype" = ext4ext4dev ]; }; then
  case $fstype in
    xfs) exec xfs_growfs "$(findmnt -n -o TARGET --source "$dev")" >/dev/null ;;
  esac
  if ! findmnt -n --source "$dev" >/dev/null; then
    e2fsck -fp -- "$dev" >/dev/null
    [ $? -lt 2 ] || fail "e2fsck says that $dev is damaged"
  fi
  exec resize2fs "$dev" 2>/dev/null
fi
tool=mkfs.$fstype
[ "$fstype" != swap ] || tool=mkswap
[ "$fstype" != ext4dev ] || tool=mkfs.ext4
command -v "$tool" >/dev/null 2>&1 || fail "the host has no $tool: install the package with the tools of $fstype"
set -- $opts
case $fstype in
  ext*) set -- -q -F "$@" ;;
  xfs | btrfs | f2fs) set -- -f "$@" ;;
  swap) set -- -f "$@" ;;
esac
if [ "$uuid" ]; then
  case $fstype in
    ext* | swap | btrfs | f2fs) set -- -U "$uuid" "$@" ;;
    xfs) set -- -m uuid="$uuid" "$@" ;;
    *) fail "module does not support UUID option for this filesystem ($fstype) yet." ;;
  esac
fi
exec "$tool" "$@" "$dev" >/dev/null
