# shellcheck shell=sh disable=SC2154
if ! command -v debconf-show >/dev/null 2>&1; then
  emit '' tool absent
else
  emit '' show "$(debconf-show -- "$name" 2>/dev/null)"
  if [ "$password" ]; then
    emit '' password "$(printf 'GET %s\n' "$question" | debconf-communicate 2>/dev/null)"
  fi
fi
