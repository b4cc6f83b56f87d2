# Reports wanted times ("$@", as YYYY-MM-DD HH:MM:SS in the host's time zone) as seconds since 1970.
for time in "$@"; do
  seconds=$(date -d "$time" +%s 2>/dev/null) && emit "$time" seconds "$seconds"
done
exit 0
