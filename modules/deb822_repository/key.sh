# shellcheck shell=sh disable=SC2154
# Fetches the key at $url into $path; a key that is there stays.
[ ! -s "$path" ] || exit 0
dir=${path%/*}
[ -d "$dir" ] || mkdir -p -- "$dir" || exit 1
tmp=$(mktemp "$dir/.fitout-XXXXXX") || exit 1
trap 'rm -f "$tmp"' EXIT
if command -v curl >/dev/null 2>&1; then
  curl -fsSL -o "$tmp" -- "$url" || exit 1
elif command -v wget >/dev/null 2>&1; then
  wget -q -O "$tmp" -- "$url" || exit 1
else
  /usr/lib/apt/apt-helper download-file "$url" "$tmp" >/dev/null || exit 1
fi
is_key "$tmp" || { printf '%s is no OpenPGP key\n' "$url" >&2; exit 1; }
chmod 0644 "$tmp" && mv -f "$tmp" "$path"
