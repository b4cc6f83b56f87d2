# shellcheck shell=sh disable=SC2154
if ! command -v locale-gen >/dev/null 2>&1; then
  printf 'the host has no locale-gen: install the package locales\n' >&2
  exit 1
fi
file=/etc/locale.gen
for item in "$@"; do
  case $item in *[!A-Za-z0-9_.@-]*) printf '%s is not a locale\n' "$item" >&2; exit 1 ;; esac
  charset=${item#*.}
  [ "$charset" != "$item" ] || charset=ISO-8859-1
  if [ "$state" = absent ]; then
    sed -i "s/^\\($item \\)/# \\1/" $file || exit 1
  elif grep -q "^# *$item " $file 2>/dev/null; then
    sed -i "s/^# *\\($item \\)/\\1/" $file || exit 1
  elif ! grep -q "^$item " $file 2>/dev/null; then
    grep -qs "^$item " /usr/share/i18n/SUPPORTED || {
      printf 'the host supports no locale %s\n' "$item" >&2
      exit 1
    }
    printf '%s %s\n' "$item" "${charset%%@*}" >>$file || exit 1
  fi
done
[ "$state" != absent ] || rm -f /usr/lib/locale/locale-archive
locale-gen >/dev/null
