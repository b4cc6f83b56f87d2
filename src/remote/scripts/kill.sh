# shellcheck disable=SC2154 # variables come with the job
# Ends the jobs of a session's shell.
# vars: shell (its pid), group (of one timed job, else all its jobs and itself end), signal
table=
own=
for file in /proc/[0-9]*/stat; do
  read -r line <"$file" || continue
  pid=${line%% *}
  line=${line##*) }
  line=${line#* }
  parent=${line%% *}
  line=${line#* }
  table="$table $pid $parent ${line%% *}"
  [ "$pid" != "$shell" ] || own=${line%% *}
done 2>/dev/null

# With job control on the host the job has a group of its own.
if [ "$group" ] && [ "$group" != "$own" ]; then
  kill -s "$signal" -- "-$group" 2>/dev/null
  exit 0
fi

found=" $shell "
grown=1
while [ "$grown" ]; do
  grown=
  # shellcheck disable=SC2086 # numbers
  set -- $table
  while [ $# -gt 2 ]; do
    pid=$1 parent=$2 pgrp=$3
    shift 3
    case $found in *" $pid "*) continue ;; esac
    case $found in *" $parent "* | *" -$pgrp "*) ;; *) continue ;; esac
    found="$found$pid "
    [ "$pgrp" = "$own" ] || found="$found-$pgrp "
    grown=1
  done
done
targets=
for pid in $found; do
  case $pid in -*) continue ;; esac
  [ "$pid" = "$shell" ] || targets="$targets $pid"
done
[ "$group" ] || kill -s HUP "$shell" 2>/dev/null
each() { # SIGNAL
  for pid in $targets; do
    kill -s "$1" -- "$pid" 2>/dev/null
  done
}
each "${signal:-TERM}"
[ "$group" ] && exit 0
left() { # an entry that only waits to be collected does not count
  for pid in $targets; do
    read -r line <"/proc/$pid/stat" || continue
    case ${line##*) } in Z* | X*) ;; *) return 0 ;; esac
  done 2>/dev/null
  return 1
}
tries=0
while [ "$tries" -lt 20 ] && left; do
  sleep 0.1 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
each KILL
kill -s KILL "$shell" 2>/dev/null
exit 0
