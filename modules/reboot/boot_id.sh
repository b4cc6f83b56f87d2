# shellcheck shell=sh disable=SC2154
# What differs after a reboot: the kernel's boot id, and when process 1 began (a container keeps the kernel's id).
if [ "$command" ]; then
  sh -c "$command"
else
  id=
  [ ! -r /proc/sys/kernel/random/boot_id ] || read -r id </proc/sys/kernel/random/boot_id
  start=
  if [ -r /proc/1/stat ]; then
    read -r line </proc/1/stat
    # shellcheck disable=SC2086
    set -- ${line##*) }
    start=${20}
  fi
  printf '%s %s\n' "$id" "$start"
fi
