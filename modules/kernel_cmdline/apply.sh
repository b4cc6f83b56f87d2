# shellcheck shell=sh disable=SC2154
# $act: update (the boot loader), mark (that a reboot is needed, as Debian's tools do).
case $act in
  update)
    why=$(update-grub 2>&1) || { printf '%s\n' "$why" >&2; exit 1; }
    emit '' entries "$(grep -E '^### BEGIN |^[[:space:]]*linux(16|efi)?[[:space:]]' /boot/grub/grub.cfg)"
    ;;
  mark)
    : >/run/reboot-required
    grep -qsxF "$name" /run/reboot-required.pkgs || printf '%s\n' "$name" >>/run/reboot-required.pkgs
    ;;
esac
