# shellcheck shell=sh disable=SC2154,SC2088
# The file $path, its lines for host $name, and whether $line is one for that host; ssh-keygen knows hashed names.
place path
emit '' path "$path"
if ! command -v ssh-keygen >/dev/null 2>&1; then emit '' tool absent; fi
if [ -f "$path" ]; then
  printf '\0content\0'
  tr -d '\000' <"$path"
  printf '\0'
  emit '' lines "$(ssh-keygen -F "$name" -f "$path" 2>/dev/null)"
fi
if [ "$line" ]; then
  tmp=$(mktemp) || exit 1
  printf '%s\n' "$line" >"$tmp"
  # Each of several lines must be one of the host's.
  all=$(grep -cv -e '^#' -e '^[[:space:]]*$' "$tmp")
  own=$(ssh-keygen -F "$name" -f "$tmp" 2>/dev/null | grep -c '^# Host ')
  [ "$own" -lt "$all" ] || [ "$all" = 0 ] || emit '' fits 1
  rm -f "$tmp"
fi
