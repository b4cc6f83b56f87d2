# shellcheck shell=sh disable=SC2154
# Makes stdin the crontab of $user; an empty one is removed.
if [ "$empty" ]; then
  crontab ${user:+-u "$user"} -r
else
  crontab ${user:+-u "$user"} -
fi
