# shellcheck shell=sh disable=SC2154
# Copies $file to $path.
is_key "$file" || { printf '%s is no OpenPGP key\n' "$file" >&2; exit 1; }
cp -- "$file" "$path.new" && chmod 0644 "$path.new" && mv -f "$path.new" "$path"
