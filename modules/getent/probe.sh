# shellcheck shell=sh disable=SC2154
if command -v getent >/dev/null 2>&1; then
  said=$(getent ${service:+-s "$service"} "$database" ${key:+"$key"} 2>&1)
  emit '' rc $?
elif [ -r "/etc/$database" ]; then
  if [ "$key" ]; then said=$(grep "^$key:" "/etc/$database"); else said=$(cat "/etc/$database"); fi
  rc=$?
  [ "$rc" -eq 0 ] || rc=2
  emit '' rc "$rc"
else
  said=""
  rc=1
  emit '' rc "$rc"
fi
emit '' said "$said"
