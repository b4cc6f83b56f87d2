# shellcheck shell=sh
# `locale -a` writes de_DE.utf8 for de_DE.UTF-8.
plain() { printf %s "$1" | tr '[:upper:]' '[:lower:]' | sed 's/utf-8/utf8/; s/iso-8859/iso8859/'; }
have=" $(locale -a 2>/dev/null | tr '[:upper:]\n' '[:lower:] ') "
for item in "$@"; do
  case $have in
    *" $(plain "$item") "*) emit "$item" state present ;;
    *) emit "$item" state absent ;;
  esac
done
