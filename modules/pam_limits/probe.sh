# shellcheck shell=sh disable=SC2154
# The files "$@" in full, the lines of all limits files, and how many files a process may have open at most.
for file in "$@"; do
  [ ! -d "${file%/*}" ] || emit "$file" dir 1
  [ -e "$file" ] || continue
  emit "$file" exists 1
  text_of "$file" || continue
  emit "$file" content "$content"
done
emit all lines "$(grep -asnH '^[[:space:]]*[^#[:space:]]' /etc/security/limits.conf /etc/security/limits.d/*.conf)"
# The shell reads a few lines sooner than a program that does has started.
if [ -r /proc/self/status ]; then
  while read -r key value; do
    [ "$key" != CapEff: ] || { emit kernel capable "$value"; break; }
  done </proc/self/status
fi
if [ -r /proc/1/limits ]; then
  while read -r max open files _ hard _; do
    case "$max $open $files" in "Max open files") emit kernel most "$hard"; break ;; esac
  done </proc/1/limits
fi
# Not this one: below /proc/sys only the first read gets anything, and a shell's gets a letter.
[ ! -r /proc/sys/fs/nr_open ] || emit kernel nr_open "$(cat /proc/sys/fs/nr_open)"
