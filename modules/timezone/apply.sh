# shellcheck shell=sh disable=SC2154
if [ "$name" ]; then
  [ -f "/usr/share/zoneinfo/$name" ] || {
    printf 'there is no time zone %s on the host (is tzdata installed?)\n' "$name" >&2
    exit 1
  }
  ln -snf "/usr/share/zoneinfo/$name" /etc/.localtime.new && mv -f /etc/.localtime.new /etc/localtime || exit 1
  if [ -e /etc/timezone ] || command -v dpkg >/dev/null 2>&1; then
    printf '%s\n' "$name" >/etc/timezone || exit 1
  fi
fi
if [ "$hwclock" ]; then
  word=UTC
  [ "$hwclock" = UTC ] || word=LOCAL
  [ -e /etc/adjtime ] || printf '0.0 0 0\n0\nUTC\n' >/etc/adjtime
  sed -i "3s/.*/$word/" /etc/adjtime
fi
