# shellcheck shell=sh disable=SC2154
# `locale -a` writes de_DE.utf8 for de_DE.UTF-8.
plain() { printf %s "$1" | tr '[:upper:]' '[:lower:]' | sed 's/utf-8/utf8/; s/iso-8859/iso8859/'; }
have=" $(locale -a 2>/dev/null | tr '[:upper:]\n' '[:lower:] ') "
for item in "$@"; do
  case $have in
    *" $(plain "$item") "*) emit "$item" state present ;;
    *)
      # Without the package locales nobody knows the names; it may be about to come.
      if [ "$state" != absent ] && [ -r /usr/share/i18n/SUPPORTED ] \
        && ! grep -qs "^#* *$item " /usr/share/i18n/SUPPORTED /etc/locale.gen; then
        printf 'The locale %s is not available on the host\n' "$item" >&2
        exit 1
      fi
      emit "$item" state absent
      ;;
  esac
done
