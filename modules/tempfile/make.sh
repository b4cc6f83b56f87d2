# shellcheck disable=SC2154,SC2088 # variables come with the job
# vars: folder, prefix, suffix, directory
umask 077
folder=${folder:-${TMPDIR:-/tmp}}
place folder
# Not every mktemp puts a suffix behind the Xs: the name is made here and claimed without overwriting.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  name=$(mktemp -u "fitout.XXXXXXXX") || exit 1
  path=$folder/$prefix${name##*.}$suffix
  if [ "$directory" ]; then
    mkdir "$path" 2>/dev/null && break
  else
    (set -C && : >"$path") 2>/dev/null && break
  fi
  path=
done
[ "$path" ] || { printf 'no temporary file can be made in %s\n' "$folder" >&2; exit 1; }
emit '' path "$path"
nl='
'
fields=$(stat -c "%a$nl%U$nl%G$nl%u$nl%g$nl%s" "$path") && emit '' fields "$fields"
