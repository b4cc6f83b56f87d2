# shellcheck shell=sh disable=SC2154
# Whether module $name is there (also as $merged, which it may be a part of now), its parameters "$@", and with $pattern
# all files that may load it or set its parameters at boot.
release=$(uname -r)
plain() { printf '%s' "$1" | tr - _; }
real=$(plain "$name")
if [ ! -d "/sys/module/$real" ] && [ -d "/lib/modules/$release" ] && command -v modprobe >/dev/null 2>&1; then
  emit '' modprobe 1
  # An alias stands for the module it names.
  found=$(modprobe -R -- "$name" 2>/dev/null) && emit '' resolves 1
  [ -z "$found" ] || real=$(plain "${found%%
*}")
  if [ -z "$found" ] && [ "$merged" ] && { [ -d "/sys/module/$merged" ] || modprobe -n -q -- "$merged" 2>/dev/null; }; then
    emit '' merged 1
    real=$merged
  fi
fi
emit '' real "$real"
if [ -d "/sys/module/$real" ]; then emit '' loaded 1; fi
if grep -qs "/$(printf %s "$real" | sed 's/_/[-_]/g')\\.ko" "/lib/modules/$release/modules.builtin"; then
  emit '' loaded builtin
fi
for one in "$@"; do
  file=/sys/module/$real/parameters/$one
  [ -e "$file" ] || continue
  emit param "$one" "$(cat "$file" 2>/dev/null)"
  # To root every file looks writable; what the kernel lets nobody write it does not even open.
  if { true >>"$file"; } 2>/dev/null; then emit writable "$one" 1; fi
done
[ -z "$pattern" ] || boot_modules "$pattern" modules-load.d modprobe.d
for file in "/etc/modules-load.d/$name.conf" "/etc/modprobe.d/$name.conf"; do
  [ -d "${file%/*}" ] || emit "$file" nofolder 1
  [ -e "$file" ] || continue
  emit "$file" exists 1
  if text_of "$file"; then emit "$file" content "$content"; fi
done
