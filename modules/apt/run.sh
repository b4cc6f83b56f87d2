# shellcheck shell=sh disable=SC2154
# apt-get "$@", waiting up to $lock_timeout seconds for a lock another process holds. Its output is the result.
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
policy=/usr/sbin/policy-rc.d
if [ "$policy_rc_d" ]; then
  [ ! -e "$policy" ] || mv -f "$policy" "$policy.fitout"
  printf '#!/bin/sh\nexit %s\n' "$policy_rc_d" >"$policy" && chmod 755 "$policy"
  trap 'rm -f "$policy"; [ ! -e "$policy.fitout" ] || mv -f "$policy.fitout" "$policy"' EXIT
fi
waited=0
tries=${retries:-0}
while :; do
  { said=$(apt-get "$@" 2>&1 >&3 </dev/null); } 3>&1
  rc=$?
  [ "$rc" -ne 0 ] || break
  case $said in
    *'Could not get lock'* | *'Unable to acquire the dpkg frontend lock'* | *'Unable to lock'*)
      [ "$waited" -lt "$lock_timeout" ] || break
      waited=$((waited + 1))
      sleep 1
      ;;
    *)
      [ "$tries" -gt 0 ] || break
      tries=$((tries - 1))
      sleep 2
      ;;
  esac
done
[ -z "$said" ] || printf '%s\n' "$said" >&2
exit "$rc"
