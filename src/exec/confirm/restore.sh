# shellcheck shell=sh
# Puts back what is kept in $1, unless it was confirmed meanwhile: whoever renames `armed` decides. $2: the host boots; then
# one that was cut short, as by the power's loss, is begun again.
dir=$1 boot=${2:-}
mv -- "$dir/armed" "$dir/fired" 2>/dev/null || { [ -n "$boot" ] && [ -e "$dir/fired" ]; } || exit 0
bad=
for path in "$dir"/*.path; do
  [ -e "$path" ] || continue
  kept=${path%.path}.file
  path=$(cat -- "$path")
  if [ -e "$kept" ]; then
    if ! { cp -p -- "$kept" "$path.fitout-restore" && mv -f -- "$path.fitout-restore" "$path"; }; then bad=1; fi
  else
    rm -f -- "$path"
  fi
  # On the disk before it is no longer kept.
  sync -- "$path" "${path%/*}" 2>/dev/null || :
done
for key in "$dir"/*.key; do
  [ -e "$key" ] || continue
  value=${key%.key}.value
  key=$(cat -- "$key")
  # In a boot some come later, with what the files say.
  [ ! -e "$key" ] || cat -- "$value" 2>/dev/null >"$key"
done
# At the end: what is back is not kept a second time, where nobody may ever ask again.
# shellcheck disable=SC2016
set -- sh -c '
  sh "$1/command" >"$1/said" 2>&1
  [ -n "$2" ] || { mv -- "$1/fired" "$1/restored" && rm -f -- "$1"/*.file; }
  for unit in /etc/systemd/system /etc/systemd/system/sysinit.target.wants; do
    rm -f -- "$unit/fitout-confirm-${1##*/}-boot.service"
  done
' fitout-confirm "$dir" "$bad"
# A command may want what is not there so early in a boot.
if [ -n "$boot" ] && grep -q . "$dir/command"; then
  systemd-run --quiet --no-block --collect "$@" && exit
fi
"$@"
