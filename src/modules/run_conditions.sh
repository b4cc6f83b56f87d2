# shellcheck disable=SC2154 # variables come with the job
# Whether the paths of creates and removes are there; both may be patterns, relative to chdir. With plan, also whether that is.
if [ "$chdir" ]; then
  place chdir
  cd "$chdir" 2>/dev/null || [ -z "$plan" ] || emit '' chdir absent
fi
there() {
  pattern=$1
  place pattern
  [ -e "$pattern" ] && return 0
  IFS=
  # Unquoted: the pattern is to be expanded.
  # shellcheck disable=SC2086
  set -- $pattern
  unset IFS
  [ -e "$1" ] || [ -L "$1" ]
}
if [ "$creates" ]; then
  if there "$creates"; then emit '' creates 1; else emit '' creates 0; fi
fi
if [ "$removes" ]; then
  if there "$removes"; then emit '' removes 1; else emit '' removes 0; fi
fi
