# shellcheck shell=sh disable=SC2154
# setcap replaces all: those of other names are given again.
name=${capability%%[=+-]*}
said=$(getcap -- "$path")
said=${said#"$path"}
said=${said# =}
all=
for clause in $said; do
  flags=${clause#"${clause%%[=+]*}"}
  IFS=,
  for one in ${clause%%[=+]*}; do
    [ "$one" = "$name" ] || all="$all $one$flags"
  done
  unset IFS
done
[ "$state" = absent ] || all="$all $capability"
all=${all# }
if [ -z "$all" ]; then setcap -r "$path"; else setcap "$all" "$path"; fi
