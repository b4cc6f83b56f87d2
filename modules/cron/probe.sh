# shellcheck shell=sh disable=SC2154
# The crontab of $user (empty: the login user).
if ! command -v crontab >/dev/null 2>&1; then
  emit '' tool absent
  exit 0
fi
if content=$(crontab ${user:+-u "$user"} -l 2>&1 && printf x); then
  emit '' content "${content%x}"
else
  case ${content%x} in
    *'no crontab'* | *"can't open"*) emit '' content '' ;;
    *) emit '' error "${content%x}" ;;
  esac
fi
:
