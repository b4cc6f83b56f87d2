# shellcheck shell=sh
# Puts back what is kept in $1, unless it was confirmed meanwhile: whoever renames `armed` decides.
dir=$1
mv -- "$dir/armed" "$dir/fired" 2>/dev/null || exit 0
for path in "$dir"/*.path; do
  [ -e "$path" ] || continue
  kept=${path%.path}.file
  path=$(cat -- "$path")
  if [ -e "$kept" ]; then
    cp -p -- "$kept" "$path.fitout-restore" && mv -f -- "$path.fitout-restore" "$path"
  else
    rm -f -- "$path"
  fi
done
for key in "$dir"/*.key; do
  [ -e "$key" ] || continue
  cat -- "${key%.key}.value" 2>/dev/null >"$(cat -- "$key")"
done
sh "$dir/command" >"$dir/said" 2>&1
: >"$dir/restored"
