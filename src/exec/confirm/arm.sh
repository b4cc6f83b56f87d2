# shellcheck shell=sh disable=SC2154
# Keeps what "$@" are now (file:PATH, sysctl:PATH below /proc/sys, which may be a pattern) in $dir and starts what puts it
# back after $seconds; its script comes over stdin. $command is run after that.
umask 077
if ! mkdir -p -- "${dir%/*}" || ! mkdir -- "$dir"; then
  printf 'confirm: %s cannot be made; become: true may be missing\n' "$dir" >&2
  exit 1
fi
cat >"$dir/restore.sh"
printf '%s\n' "$command" >"$dir/command"
n=0
for one in "$@"; do
  case $one in
    file:*)
      n=$((n + 1))
      path=${one#file:}
      [ ! -L "$path" ] || path=$(readlink -f -- "$path")
      printf '%s\n' "$path" >"$dir/$n.path"
      [ ! -f "$path" ] || cp -p -- "$path" "$dir/$n.file" || exit 1
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
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --collect --on-active="$seconds" --timer-property=AccuracySec=100ms \
    --unit="fitout-confirm-${dir##*/}" /bin/sh "$dir/restore.sh" "$dir" >&2
else
  # shellcheck disable=SC2016
  set -- sh -c 'sleep "$1"; exec sh "$2/restore.sh" "$2"' fitout-confirm "$seconds" "$dir"
  if command -v setsid >/dev/null 2>&1; then set -- setsid "$@"; fi
  (trap '' HUP; exec nohup "$@" >/dev/null 2>&1 </dev/null) &
fi
