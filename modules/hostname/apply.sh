# shellcheck shell=sh disable=SC2154
if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null 2>&1 && hostnamectl set-hostname -- "$name" 2>/dev/null; then
  emit '' fqdn "$(hostname -f 2>/dev/null)"
  exit 0
fi
printf '%s\n' "$name" >/etc/.hostname.new && chmod 644 /etc/.hostname.new || exit 1
# In a container the file may be mounted by itself.
mv -f /etc/.hostname.new /etc/hostname 2>/dev/null || { rm -f /etc/.hostname.new; printf '%s\n' "$name" >/etc/hostname; } || exit 1
hostname "$name" 2>/dev/null || printf '%s\n' "$name" >/proc/sys/kernel/hostname || exit 1
emit '' fqdn "$(hostname -f 2>/dev/null)"
