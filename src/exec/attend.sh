# shellcheck shell=sh disable=SC2154
# Waits for what detach.sh has started in $dir, and tells what came of it.
exec 3<>"$dir/end" || exit
[ -e "$dir/rc" ] || read -r _ <&3
cat "$dir/out"
cat "$dir/err" >&2
read -r rc <"$dir/rc" || [ "$rc" ] || rc=1
rm -rf "$dir"
exit "$rc"
