# shellcheck shell=sh disable=SC2154
# Puts the archive in its place, where it holds something else.
[ -z "$umask" ] || umask "$umask"
if same 2>/dev/null; then exit 0; fi
case $archive in */*) folder=${archive%/*}/ ;; *) folder=./ ;; esac
[ -d "$folder" ] || { echo "$archive cannot be written: there is no folder $folder" >&2; exit 1; }
tmp=$(mktemp "$folder.fitout-XXXXXX") || exit
trap 'rm -f "$tmp" "$tmp.raw"' EXIT
trap 'exit 143' TERM INT HUP
fresh >"$tmp.raw" || exit
case $packer in
  '') cat ;;
  gzip) gzip -nc ;;
  *) "$packer" -c ;;
esac <"$tmp.raw" >"$tmp" || exit
if [ -e "$archive" ]; then
  chown "$(stat -L -c %u:%g -- "$archive")" "$tmp" && chmod "$(stat -L -c %a -- "$archive")" "$tmp" || exit
else
  chmod "$(printf '%o' $((0666 & ~0$(umask))))" "$tmp" || exit
fi
mv -f -- "$tmp" "$archive"
