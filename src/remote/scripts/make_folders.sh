# shellcheck disable=SC2154 # variables come with the job
# Makes folders ("$@"), and what is missing on the way to them, each with the attributes; what is there stays as it is.
# vars: mode (octal), owner, group
# What cannot be made ends it: those before it are there, those behind it are not.

# The folders that are missing, from the top: folder1, folder2 and so on; number says how many.
missing() { # PATH
  [ ! -d "$1" ] || return 0
  case $1 in ?*/*) missing "${1%/*}" ;; esac
  number=$((number + 1))
  eval "folder$number=\$1"
}

# With the mode right from the first moment; five digits clear the set-id bit that comes from the folder above.
make() { # PATH...
  said=$(mkdir -p ${mode:+-m "0$mode"} -- "$@" 2>&1) || return
  [ -z "$owner$group" ] || said=$(chown "$owner${group:+:$group}" -- "$@" 2>&1)
}

# One process for each step instead of one for each folder; where that fails nothing is left of it.
all() { # PATH...
  number=0
  for path do
    place path
    missing "$path"
  done
  set --
  while [ "$#" -lt "$number" ]; do
    eval "set -- \"\$@\" \"\$folder$(($# + 1))\""
  done
  if [ "$#" -eq 0 ] || make "$@"; then return 0; fi
  while [ "$number" -gt 0 ]; do
    eval "rmdir -- \"\$folder$number\"" 2>/dev/null
    number=$((number - 1))
  done
  return 1
}

if [ "$#" -gt 1 ] && all "$@"; then
  for item do emit "$item" made 1; done
  exit 0
fi
for item do
  all "$item" || {
    printf '%s\n' "$said" >&2
    exit 1
  }
  emit "$item" made 1
done
