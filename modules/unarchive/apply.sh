# shellcheck disable=SC2154,SC2016 # variables come with the job; the inner shell expands
# Unpacks the archive and gives its entries owner, group and mode.
# vars: those of archive.sh, owner, group, mode
open_archive
if [ "$gnu" ] && [ -z "$keep" ]; then
  tar_in "$dest" -t --quoting-style=literal --show-transformed-names >"$work/list" || exit 1
else
  compare >/dev/null
fi
unpack "$dest" "$keep" >"$work/out" 2>"$work/err"
rc=$?
emit '' rc "$rc"
emit '' out "$(cat "$work/out")"
emit '' err "$(cat "$work/err")"
[ "$rc" = 0 ] || die "failed to unpack $src in $dest: $(cat "$work/err")"
emit '' list "$(cat "$work/list")"
paths >"$work/paths"
[ -s "$work/paths" ] || exit 0
if [ "$owner$group" ]; then
  xargs -0 chown -h -- "$owner${group:+:$group}" <"$work/paths" || exit 1
fi
if [ "$mode" ]; then
  # chmod would follow links.
  xargs -0 sh -c 'for path do
    shift
    [ -L "$path" ] || set -- "$@" "$path"
  done
  [ $# = 0 ] || chmod -- "$0" "$@"' "$mode" <"$work/paths" || exit 1
fi
