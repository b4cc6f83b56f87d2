# shellcheck shell=sh disable=SC2154,SC2046
# The entries of user $name: passwd, shadow (its hash stays in this stream), groups, key; $local: files only.
# $shadow: whether the password's fields are asked for; $group: the primary group to resolve.
find_line() { # FILE NAME
  [ -r "$1" ] || return 1
  while IFS= read -r line; do
    case $line in "$2":*) return 0 ;; esac
  done <"$1"
  line=
  return 1
}
if [ -z "$local" ] && command -v getent >/dev/null 2>&1; then
  entry=$(getent passwd -- "$name")
else
  entry=
  if find_line /etc/passwd "$name"; then entry=$line; fi
fi
emit '' entry "$entry"
if [ "$group" ]; then
  find_line /etc/group "$group" || line=$(getent group -- "$group" 2>/dev/null)
  emit '' group "$line"
fi
[ "$entry" ] || exit 0
if [ "$shadow" ] && find_line /etc/shadow "$name"; then emit '' shadow "$line"; fi
groups=
while IFS=: read -r group_ _ _ members; do
  case ",$members," in *",$name,"*) groups="$groups $group_" ;; esac
done </etc/group
emit '' groups "$groups"
rest=${entry#*:*:*:*:*:}
dir=${rest%:*}
[ ! -d "$dir" ] || emit '' home_exists 1
if [ "$key_file" ]; then
  case $key_file in /*) file=$key_file ;; *) file=$dir/$key_file ;; esac
  if [ -e "$file" ]; then emit '' key "$file"; fi
  if [ -r "$file.pub" ] && read -r line <"$file.pub"; then emit '' public_key "$line"; fi
  if print=$(ssh-keygen -l -f "$file" 2>/dev/null); then emit '' fingerprint "$print"; fi
fi
:
