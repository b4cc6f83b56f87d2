# shellcheck shell=sh disable=SC2154
# Starts the text before this one (`detached`, with "$@") so that it goes on where nobody waits for it any more: it is no
# child of the session's shell, and what it says goes into files. `ended` (kill.sh) ends it after $fo_most seconds. Names
# that begin with fo_ are none of its own.
fo_dir=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/.fitout-job-XXXXXX") || exit
mkfifo "$fo_dir/end" || exit
# Its end, for attend.sh; where the session is gone nobody will read that.
fo_told() { # STATUS
  printf %s "$1" >"$fo_dir/rc.new" && mv -f "$fo_dir/rc.new" "$fo_dir/rc"
  echo >&3
  kill -0 "$$" 2>/dev/null || rm -rf "$fo_dir"
}
(
  # Where the shell can, in a group of its own.
  set -m 2>/dev/null
  (
    exec 3<>"$fo_dir/end"
    (detached "$@") >"$fo_dir/out" 2>"$fo_dir/err" 3>&-
    fo_told "$?"
  ) </dev/null >/dev/null 2>&1 &
  fo_pid=$!
  (
    exec 3<>"$fo_dir/end"
    while [ "$fo_most" -gt 0 ]; do
      sleep 1
      if [ -e "$fo_dir/rc" ] || [ ! -d "$fo_dir" ]; then exit; fi
      # Somebody has killed it.
      kill -0 "$fo_pid" 2>/dev/null || break
      fo_most=$((fo_most - 1))
    done
    # shellcheck disable=SC2034 # for `ended`
    shell=$fo_pid group='' signal=TERM
    ended
    fo_told 143
  ) </dev/null >/dev/null 2>&1 &
)
emit '' dir "$fo_dir"
