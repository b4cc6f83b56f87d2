# shellcheck shell=sh disable=SC2154
# Calls each of $tools once; $make: makes the chain first.
for tool in $tools; do
  if [ "$make" ] && ! "$tool" -w ${wait:+"$wait"} -t "$table" -S "$chain" >/dev/null 2>&1; then
    "$tool" -w ${wait:+"$wait"} -t "$table" -N "$chain" || exit
  fi
  [ $# = 0 ] || "$tool" -w ${wait:+"$wait"} -t "$table" "$@" || exit
done
:
