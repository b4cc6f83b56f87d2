# shellcheck shell=sh disable=SC2154
# The module, its table, what is needed to load it, and the files for boot "$@".
[ ! -d /sys/module/nf_conntrack ] || emit '' loaded 1
param=/sys/module/nf_conntrack/parameters/hashsize
if [ -r "$param" ]; then
  read -r size <"$param"
  emit '' hashsize "$size"
  [ ! -w "$param" ] || emit '' writable 1
fi
! command -v modprobe >/dev/null 2>&1 || emit '' modprobe 1
# A network namespace that is not the first cannot say how large the table is but by its own number of buckets. Below
# /proc/sys only the first read gets anything, and a shell's gets a letter.
emit '' values "$(grep -asH '' /proc/sys/net/netfilter/nf_conntrack_buckets /proc/sys/net/ipv4/tcp_keepalive_time)"
page=
if [ -r /proc/self/smaps ]; then
  # The shell reads a few lines sooner than a program that does has started.
  while read -r key value _; do
    [ "$key" != KernelPageSize: ] || { page=$((value * 1024)); break; }
  done </proc/self/smaps
fi
emit '' page "${page:-$(getconf PAGESIZE 2>/dev/null)}"
boot_modules "$pattern" modules-load.d modprobe.d
for file in "$@"; do
  [ -d "${file%/*}" ] || emit "$file" nofolder 1
  [ -e "$file" ] || continue
  emit "$file" exists 1
  if text_of "$file"; then emit "$file" content "$content"; fi
done
