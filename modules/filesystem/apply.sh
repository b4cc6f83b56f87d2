# shellcheck shell=sh disable=SC2154,SC2086
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}
is=$(blkid -c /dev/null -p -o value -s TYPE -- "$dev" 2>/dev/null)
mounted=
! findmnt -n --source "$dev" >/dev/null || mounted=1
if [ "$state" = present ] && [ "$is" = "$fstype" ]; then
  if [ -z "$mounted" ]; then
    e2fsck -fp -- "$dev" >/dev/null
    [ $? -lt 2 ] || fail "e2fsck says that $dev is damaged"
  fi
  said=$(resize2fs "$dev" 2>&1) || fail "$said"
  exit
fi
[ -z "$mounted" ] || fail "$dev is mounted"
while read -r used _; do [ "$used" != "$dev" ] || fail "$dev is swap in use"; done </proc/swaps
if [ "$state" = absent ]; then
  exec wipefs --all --quiet -- "$dev"
fi
tool=mkfs.$fstype
[ "$fstype" != swap ] || tool=mkswap
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
