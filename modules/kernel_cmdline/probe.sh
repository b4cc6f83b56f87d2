# shellcheck shell=sh disable=SC2154
# The snippet $file, the line that the kernel was booted with, and the boot loader's lines that load a kernel, with whose they are.
[ -d "${file%/*}" ] || emit "$file" nofolder 1
if [ -e "$file" ]; then
  emit "$file" exists 1
  if text_of "$file"; then emit "$file" content "$content"; fi
fi
emit '' cmdline "$(cat /proc/cmdline 2>/dev/null)"
! command -v update-grub >/dev/null 2>&1 || emit '' grub 1
[ ! -e /boot/grub/grub.cfg ] || emit '' entries "$(grep -E '^### BEGIN |^[[:space:]]*linux(16|efi)?[[:space:]]' /boot/grub/grub.cfg)"
