# shellcheck shell=sh disable=SC2154
# The running name and the one for the next boot; `name` is the wanted one only where both are.
running=
file=
read -r running </proc/sys/kernel/hostname || running=$(hostname)
[ ! -r /etc/hostname ] || read -r file </etc/hostname
emit '' running "$running"
emit '' file "$file"
# Before the change the resolver would tell the old one.
if [ "$running" = "$name" ]; then emit '' fqdn "$(hostname -f 2>/dev/null)"; fi
if [ "$running" = "$name" ]; then emit '' name "$file"; else emit '' name "$running"; fi
