# shellcheck shell=sh disable=SC2154
# Removes packages "$@" with their configuration; images, containers and volumes stay. $files: a path a line.
export DEBIAN_FRONTEND=noninteractive
apt-mark unhold "$@" >/dev/null 2>&1
said=$(apt-get -q -y -o DPkg::Lock::Timeout=120 purge --allow-change-held-packages "$@" </dev/null 2>&1) || {
  printf '%s\n' "$said" >&2
  exit 1
}
printf '%s\n' "$files" | while read -r path; do
  [ -z "$path" ] || rm -f -- "$path"
done
systemctl daemon-reload 2>/dev/null || :
