# shellcheck shell=sh disable=SC2154
# The entry of group $name; $local: of /etc/group only.
if [ -z "$local" ] && command -v getent >/dev/null 2>&1; then
  entry=$(getent group -- "$name")
else
  while IFS= read -r entry; do
    case $entry in "$name":*) break ;; esac
    entry=
  done </etc/group
fi
emit '' entry "$entry"
