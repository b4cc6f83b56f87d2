# shellcheck disable=SC2154 # variables come with the job
# A part of a file on stdout.
# vars: path, from (1 is the first byte), size
place path
[ -r "$path" ] || { printf '%s: cannot be read\n' "$path" >&2; exit 1; }
tail -c "+$from" <"$path" | head -c "$size"
