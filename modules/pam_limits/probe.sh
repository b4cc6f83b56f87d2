# shellcheck shell=sh disable=SC2154
# The files "$@" in full, the lines of all limits files, and how many files a process may have open at most.
for file in "$@"; do
  [ ! -d "${file%/*}" ] || emit "$file" dir 1
  [ -e "$file" ] || continue
  emit "$file" exists 1
  emit "$file" stat "$(stat -L -c '%a %U %G' -- "$file" 2>/dev/null)"
  content=$(cat -- "$file" && printf x) || continue
  emit "$file" content "${content%x}"
done
emit all lines "$(grep -asnH '^[[:space:]]*[^#[:space:]]' /etc/security/limits.conf /etc/security/limits.d/*.conf)"
emit kernel capable "$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status 2>/dev/null)"
emit kernel most "$(sed -n 's/^Max open files *[^ ]* *\([^ ]*\).*/\1/p' /proc/1/limits 2>/dev/null)"
[ ! -r /proc/sys/fs/nr_open ] || emit kernel nr_open "$(cat /proc/sys/fs/nr_open)"
