# shellcheck disable=SC2154 # variables come with the job
# Gives a command line to a shell; times follow its output.
# vars: chdir, executable, cmd
own_locale
if [ "$chdir" ]; then
  place chdir
  cd "$chdir" 2>/dev/null || {
    printf 'Unable to change directory before execution: %s\n' "$chdir" >&2
    exit 2
  }
fi
start=$(date '+%Y-%m-%d %H:%M:%S.%N')
(exec "${executable:-/bin/sh}" -c "$cmd")
rc=$?
printf '\0%s\0%s' "$start" "$(date '+%Y-%m-%d %H:%M:%S.%N')"
exit "$rc"
