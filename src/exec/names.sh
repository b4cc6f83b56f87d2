# shellcheck shell=sh
# Which of the users and groups "$@" (user:NAME, group:NAME) the host does not know.
for one in "$@"; do
  wanted=${one#*:}
  case $one in user:*) base=passwd ;; *) base=group ;; esac
  ! getent "$base" "$wanted" >/dev/null 2>&1 || continue
  while IFS=: read -r name _; do
    [ "$name" != "$wanted" ] || continue 2
  done <"/etc/$base"
  emit "$one" unknown 1
done
:
