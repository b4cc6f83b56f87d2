# shellcheck shell=sh disable=SC2154
# Keeps what "$@" are now (file:PATH, sysctl:PATH below /proc/sys, which may be a pattern) in $dir and starts what puts it
# back after $seconds, or when the host boots before; its script comes over stdin. $command is run after that.
umask 077
if ! mkdir -p -- "${dir%/*}" || ! mkdir -- "$dir"; then
  printf 'confirm: %s cannot be made; become: true may be missing\n' "$dir" >&2
  exit 1
fi
cat >"$dir/restore.sh"
printf '%s\n' "$command" >"$dir/command"
n=0 mounts=$dir
for one in "$@"; do
  case $one in
    file:*)
      n=$((n + 1))
      path=${one#file:}
      [ ! -L "$path" ] || path=$(readlink -f -- "$path")
      printf '%s\n' "$path" >"$dir/$n.path"
      [ ! -f "$path" ] || cp -p -- "$path" "$dir/$n.file" || exit 1
      case $path in *[!A-Za-z0-9/._-]*) ;; *) mounts="$mounts ${path%/*}/" ;; esac
      ;;
    sysctl:*)
      for key in /proc/sys/${one#sysctl:}; do
        [ -f "$key" ] || continue
        n=$((n + 1))
        cat -- "$key" >"$dir/$n.value" 2>/dev/null && printf '%s\n' "$key" >"$dir/$n.key"
      done
      ;;
  esac
done
: >"$dir/armed"
name=fitout-confirm-${dir##*/}
if [ -d /run/systemd/system ]; then
  # No timer lives through a boot, but files do: then they are put back before anything reads them. What is in the folder
  # is on the disk before the change begins, for a host that is switched off writes nothing any more.
  (
    umask 022
    units=/etc/systemd/system
    mkdir -p "$units/sysinit.target.wants" || exit 1
    printf '%s\n' '[Unit]' 'Description=Put back what nobody has confirmed before this boot' \
      DefaultDependencies=no "ConditionPathExists=|$dir/armed" "ConditionPathExists=|$dir/fired" \
      "RequiresMountsFor=$mounts" \
      After=systemd-remount-fs.service Conflicts=shutdown.target \
      'Before=systemd-modules-load.service systemd-sysctl.service network-pre.target sysinit.target shutdown.target' \
      '[Service]' Type=oneshot TimeoutStartSec=60 "ExecStart=/bin/sh $dir/restore.sh $dir boot" \
      >"$units/$name-boot.service" &&
      ln -s "../$name-boot.service" "$units/sysinit.target.wants/$name-boot.service" &&
      { sync "$dir"/* "$dir" "$units/$name-boot.service" "$units/sysinit.target.wants" 2>/dev/null || sync; }
  ) || exit 1
fi
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --collect --on-active="$seconds" --timer-property=AccuracySec=100ms \
    --unit="$name" /bin/sh "$dir/restore.sh" "$dir" >&2
else
  # shellcheck disable=SC2016
  set -- sh -c 'sleep "$1"; exec sh "$2/restore.sh" "$2"' fitout-confirm "$seconds" "$dir"
  if command -v setsid >/dev/null 2>&1; then set -- setsid "$@"; fi
  (trap '' HUP; exec nohup "$@" >/dev/null 2>&1 </dev/null) &
fi
