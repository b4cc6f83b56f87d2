# shellcheck disable=SC2154 # variables come with the job
# Sets owner, group and mode (octal) of the paths in "$@"; with nofollow, of links themselves.
for path in "$@"; do
  case $path in \~) path=$HOME ;; \~/*) path=$HOME/${path#\~/} ;; -*) path=./$path ;; esac
  if [ "$owner$group" ]; then
    chown ${nofollow:+-h} "$owner${group:+:$group}" "$path" || exit 1
  fi
  if [ "$mode" ] && { [ -z "$nofollow" ] || [ ! -L "$path" ]; }; then
    chmod "$mode" "$path" || exit 1
  fi
done
