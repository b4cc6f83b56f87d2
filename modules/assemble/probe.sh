# shellcheck disable=SC2154 # variables come with the job
# Reports the files in a folder with their contents, octal digits where base64 is missing.
# vars: src
place src
if [ ! -e "$src" ]; then
  printf "Source (%s) does not exist\n" "$src" >&2
  exit 1
fi
if [ ! -d "$src" ]; then
  printf "Source (%s) is not a directory\n" "$src" >&2
  exit 1
fi
for path in "$src"/* "$src"/.*; do
  [ -f "$path" ] || continue
  if command -v base64 >/dev/null 2>&1; then
    printf '%s\0base64\0' "${path##*/}"
    base64 <"$path" || exit 1
  else
    printf '%s\0hex\0' "${path##*/}"
    od -An -v -tx1 <"$path" || exit 1
  fi
  printf '\0'
done
exit 0
