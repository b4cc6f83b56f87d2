# shellcheck disable=SC2154,SC2016 # variables come with the job; the inner shell expands
# Compares the archive with what is in dest; the attributes of what is there where `attributes` is set.
# vars: those of archive.sh, attributes
emit '' uid "$(id -u)"
open_archive
if [ ! -d "$dest" ]; then
  exit 0
fi
compare
emit '' list "$(cat "$work/list")"
[ "$attributes" ] || exit 0
paths >"$work/paths"
format='%f\n%u\n%g\n%s\n%Y\n%X\n%Z\n%i\n%d\n%h\n%U\n%G\000'
if stat --printf '' / 2>/dev/null; then
  xargs -0 stat --printf "%n\\000exists\\0001\\000%n\\000stat\\000$format" <"$work/paths" 2>/dev/null
else
  xargs -0 sh -c 'for path do
    fields=$(stat -c "$0" "$path" 2>/dev/null) || continue
    printf "%s\0exists\0%s\0%s\0stat\0%s\0" "$path" 1 "$path" "$fields"
  done' "%f$nl%u$nl%g$nl%s$nl%Y$nl%X$nl%Z$nl%i$nl%d$nl%h$nl%U$nl%G" <"$work/paths"
fi
exit 0
