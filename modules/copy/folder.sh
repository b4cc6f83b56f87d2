# shellcheck disable=SC2154 # variables come with the job
# Makes folders ("$@", parents first); those it makes get owner, group and mode.
for path in "$@"; do
  place path
  [ -d "$path" ] && continue
  # One step at a time: missing parents are made with the usual mode.
  mkdir -p "$path" || exit 1
  if [ "$owner$group" ]; then chown "$owner${group:+:$group}" "$path" || exit 1; fi
  if [ "$mode" ]; then chmod "$mode" "$path" || exit 1; fi
done
