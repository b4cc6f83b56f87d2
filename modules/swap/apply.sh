# shellcheck shell=sh disable=SC2154
# $act on "$@".
case $act in
  off) swapoff -a && for device in "$@"; do
    ! grep -q "^$device " /proc/swaps || swapoff -- "$device" || exit 1
  done ;;
  on) systemctl daemon-reload 2>/dev/null; swapon -a ;;
  mask) systemctl mask --now -- "$@" ;;
  disable) systemctl disable --now -- "$@" ;;
  zram)
    [ ! -e /etc/systemd/zram-generator.conf ] || mv -- /etc/systemd/zram-generator.conf /etc/systemd/zram-generator.conf.before-fitout
    ln -s /dev/null /etc/systemd/zram-generator.conf
    ;;
  reload) [ ! -d /run/systemd/system ] || systemctl daemon-reload ;;
esac
