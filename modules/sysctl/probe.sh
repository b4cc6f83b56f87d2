# shellcheck shell=sh disable=SC2154
# The running value at /proc/sys/$proc, and every file that is read at boot and names $last.
if [ -e "/proc/sys/$proc" ]; then
  emit live exists 1
  emit live value "$(cat -- "/proc/sys/$proc" 2>/dev/null)"
fi
if [ -e "$file" ]; then
  emit "$file" exists 1
  real=$(readlink -f -- "$file")
  emit "$file" path "$real"
  content=$(cat -- "$file" && printf x)
  emit "$file" content "${content%x}"
fi
set --
for one in /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf \
  /lib/sysctl.d/*.conf; do
  [ ! -e "$one" ] || set -- "$@" "$one"
done
emit boot files "$(printf '%s\n' "$@")"
[ $# -eq 0 ] || emit boot lines "$(grep -asHF -- "$last" "$@")"
