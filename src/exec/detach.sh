# shellcheck shell=sh disable=SC2154
# Starts the text before this one (`detached`, with "$@") so that it goes on where nobody waits for it any more: it is no
# child of the session's shell, and what it says goes into files. `ended` (kill.sh) ends it after $most seconds.
dir=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/.fitout-job-XXXXXX") || exit
mkfifo "$dir/end" || exit
(
  # Where the shell can, in a group of its own.
  set -m 2>/dev/null
  (
    exec 3<>"$dir/end"
    (detached "$@") >"$dir/out" 2>"$dir/err" 3>&-
    printf %s "$?" >"$dir/rc"
    echo >&3
    # The session is gone, and with it whoever would have read that.
    kill -0 "$$" 2>/dev/null || rm -rf "$dir"
  ) </dev/null >/dev/null 2>&1 &
  pid=$!
  (
    exec 3<>"$dir/end"
    while [ "$most" -gt 0 ]; do
      sleep 1
      kill -0 "$pid" 2>/dev/null || exit
      most=$((most - 1))
    done
    # shellcheck disable=SC2034 # for `ended`
    shell=$pid group='' signal=TERM
    ended
    printf 143 >"$dir/rc"
    echo >&3
    kill -0 "$$" 2>/dev/null || rm -rf "$dir"
  ) </dev/null >/dev/null 2>&1 &
)
emit '' dir "$dir"
