# shellcheck shell=sh disable=SC2154
# The running values and the file $file.
for one in enabled defrag; do
  path=/sys/kernel/mm/transparent_hugepage/$one
  if [ -r "$path" ] && read -r line <"$path"; then emit live "$one" "$line"; fi
  [ ! -w "$path" ] || emit writable "$one" 1
done
[ -d "${file%/*}" ] || emit "$file" nofolder 1
if [ -e "$file" ]; then
  emit "$file" exists 1
  if text_of "$file"; then emit "$file" content "$content"; fi
fi
