# Reports mode, owner and group of all below "$1", for recurse.
root=$1
place root
set -- "$root"
[ -d "$1" ] || exit 0
nl='
'
find "$1" ! -path "$1" -exec sh -c '
  format=$0
  for path do
    fields=$(stat -c "$format" -- "$path") || continue
    printf "%s\0stat\0%s\0" "$path" "$fields"
  done' "%f$nl%u$nl%g$nl%s$nl%Y$nl%X$nl%Z$nl%i$nl%d$nl%h$nl%U$nl%G" {} +
