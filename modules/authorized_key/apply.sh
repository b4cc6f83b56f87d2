# shellcheck shell=sh disable=SC2154
# Makes the folder of $path for $user before the file is written ($act = before), or gives the file to the user.
entry=$(getent passwd -- "$user" 2>/dev/null || grep "^$user:" /etc/passwd) || {
  printf 'user %s does not exist\n' "$user" >&2
  exit 1
}
ids=$(printf %s "$entry" | cut -d: -f3,4)
if [ "$act" = before ]; then
  dir=${path%/*}
  [ -d "$dir" ] || mkdir -p -- "$dir" || exit 1
  if [ "$manage_dir" ]; then chmod 0700 "$dir" && chown "$ids" "$dir"; fi
else
  chmod 0600 "$path" && chown "$ids" "$path"
fi
