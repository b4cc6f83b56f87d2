# shellcheck shell=sh disable=SC2154
# What is swapped to, fstab, and whatever else turns swap on at boot.
while read -r device _; do
  [ "$device" = Filename ] || emit '' device "$device"
done </proc/swaps
if [ -e /etc/fstab ]; then
  emit /etc/fstab exists 1
  if text_of /etc/fstab; then emit /etc/fstab content "$content"; fi
fi
if [ -e /usr/lib/systemd/system-generators/zram-generator ]; then
  for conf in /etc /run /usr/local/lib /usr/lib; do
    conf=$conf/systemd/zram-generator.conf
    [ -e "$conf" ] || [ -L "$conf" ] || continue
    [ "$(readlink -f "$conf")" = /dev/null ] || emit '' zram "$conf"
    break
  done
fi
command -v systemctl >/dev/null 2>&1 || exit 0
[ "$(systemctl is-enabled zramswap.service 2>/dev/null)" != enabled ] || emit '' service zramswap.service
[ -d /run/systemd/system ] || exit 0
units=$({
  systemctl list-units --type=swap --all --plain --no-legend --no-pager
  systemctl list-unit-files --type=swap --plain --no-legend --no-pager
} 2>/dev/null | while read -r unit _; do printf '%s\n' "$unit"; done | sort -u)
[ "$units" ] || exit 0
# shellcheck disable=SC2086
emit '' units "$(systemctl show --no-pager -p Id -p FragmentPath -p SourcePath -p LoadState -p UnitFileState -- $units)"
