# shellcheck shell=sh disable=SC2154
# fstab and what is mounted.
emit '' mounts "$(cat /proc/self/mounts)"
if [ -d "$path" ]; then emit '' is_dir 1; fi
if [ -e "$fstab" ]; then
  emit "$fstab" exists 1
  if text_of "$fstab"; then emit "$fstab" content "$content"; fi
fi
