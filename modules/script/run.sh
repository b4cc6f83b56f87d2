# shellcheck disable=SC2154 # variables come with the job
# Runs the script that comes on stdin; times follow its output.
# vars: chdir, executable, rest (arguments as shell text), name
own_locale
folder=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/.fitout-XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' TERM INT HUP
script=$folder/$name
cat >"$script" && chmod 0700 "$script" || exit 1
if [ "$chdir" ]; then
  place chdir
  cd "$chdir" 2>/dev/null || {
    printf 'Unable to change directory before execution: %s\n' "$chdir" >&2
    exit 2
  }
fi
start=$(date '+%Y-%m-%d %H:%M:%S.%N')
# The arguments are the user's shell text, as the executable is.
/bin/sh -c "exec $executable \"\$0\" $rest" "$script" </dev/null
rc=$?
printf '\0%s\0%s' "$start" "$(date '+%Y-%m-%d %H:%M:%S.%N')"
exit "$rc"
