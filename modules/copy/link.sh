# shellcheck disable=SC2154 # variables come with the job
# Makes a link in place of what is there, but not of a folder that has something in it.
# vars: path, target, owner, group
place path
tmp=${path%/}.fitout-$$
rm -f "$tmp"
ln -s "$target" "$tmp" || exit 1
trap 'rm -f "$tmp"' EXIT
[ -z "$owner$group" ] || chown -h "$owner${group:+:$group}" "$tmp" || exit 1
if [ -d "$path" ] && [ ! -L "$path" ] && ! rmdir "$path" 2>/dev/null; then
  printf 'the directory %s is not empty, refusing to convert it\n' "$path" >&2
  exit 1
fi
# Renaming onto a link to a folder would move into that folder.
if [ -L "$path" ] && [ -d "$path" ]; then rm -f "$path"; fi
mv -f "$tmp" "$path"
