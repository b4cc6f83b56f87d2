# shellcheck shell=sh disable=SC2154
# Puts the configuration on stdin into $file, if the engine agrees; the former one stays as $file.before until it runs.
dir=${file%/*}
[ -d "$dir" ] || mkdir -p -- "$dir" || exit 1
tmp=$(mktemp "$dir/.daemon-XXXXXX") || exit 1
trap 'rm -f "$tmp"' EXIT
cat >"$tmp" || exit 1
if command -v dockerd >/dev/null 2>&1 && dockerd --help 2>/dev/null | grep -q -e --validate; then
  said=$(dockerd --validate --config-file "$tmp" 2>&1) || {
    printf 'the engine refuses the new configuration, the old one stays: %s\n' "$said" >&2
    exit 1
  }
fi
rm -f "$file.before"
if [ -e "$file" ]; then cp -p -- "$file" "$file.before" || exit 1; fi
chmod 0644 "$tmp" && sync "$tmp" 2>/dev/null
mv -f "$tmp" "$file"
