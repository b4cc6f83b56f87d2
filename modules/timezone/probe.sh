# shellcheck shell=sh disable=SC2154
# Without tzdata nobody knows the names; it may be about to come.
if [ "$name" ] && [ -d /usr/share/zoneinfo ] && [ ! -f "/usr/share/zoneinfo/$name" ]; then
  printf 'given timezone "%s" is not available\n' "$name" >&2
  exit 1
fi
zone=
if [ -L /etc/localtime ]; then
  zone=$(readlink /etc/localtime)
  zone=${zone#*zoneinfo/}
fi
# Debian keeps the name in a second place; both must agree.
if [ -r /etc/timezone ]; then
  read -r other </etc/timezone || other=
  [ "$other" = "$name" ] || zone=$other
fi
emit '' name "${zone:-unknown}"
clock=UTC
if [ -r /etc/adjtime ]; then
  while read -r line; do [ "$line" != LOCAL ] || clock=local; done </etc/adjtime
fi
emit '' hwclock "$clock"
