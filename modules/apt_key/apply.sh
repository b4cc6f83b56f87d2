# shellcheck shell=sh disable=SC2154
# Copies $file to $path.
cp -- "$file" "$path.new" && chmod 0644 "$path.new" && mv -f "$path.new" "$path"
