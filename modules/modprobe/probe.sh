# shellcheck shell=sh disable=SC2154
# Whether module $name ($plain with underscores) is there, its parameters "$@", and the files for boot.
if [ -d "/sys/module/$plain" ]; then emit '' loaded 1; fi
read -r release </proc/sys/kernel/osrelease
if grep -qs "/$plain\\.ko" "/lib/modules/$release/modules.builtin"; then emit '' loaded builtin; fi
for one in "$@"; do
  file=/sys/module/$plain/parameters/$one
  [ ! -r "$file" ] || emit param "$one" "$(cat "$file" 2>/dev/null)"
done
for file in "/etc/modules-load.d/$name.conf" "/etc/modprobe.d/$name.conf"; do
  [ -e "$file" ] || continue
  emit "$file" exists 1
  content=$(cat -- "$file" && printf x)
  emit "$file" content "${content%x}"
done
