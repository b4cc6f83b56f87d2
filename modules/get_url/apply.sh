# shellcheck disable=SC2154,SC2034 # variables come with the job, some for the request
# Downloads beside dest, checks the digest, and puts it in place where it differs.
# vars: path, algorithm, digest, mode, owner, group, backup; the request's
case $path in */*) parent=${path%/*}/ ;; *) parent=./ ;; esac
umask 077
out=$(mktemp "${parent}.fitout-XXXXXX") || exit 1
trap 'rm -f "$out" "$out.head" "$out.body" "$out.err"' EXIT
trap 'exit 143' TERM INT HUP
body=''
http_request || { printf 'Request failed: %s\n' "$http_error" >&2; emit '' status "$http_status"; exit 1; }
emit '' status "$http_status"
case $http_status in
  2??) ;;
  000) ;;
  *) printf 'Request failed: status %s\n' "$http_status" >&2; exit 1 ;;
esac
hash_of() { # ALGORITHM FILE
  if command -v "$1sum" >/dev/null 2>&1; then
    sum=$("$1sum" <"$2") && sum=${sum%% *}
  else
    sum=$(openssl dgst "-$1" <"$2") && sum=${sum##* }
  fi
}
hash_of sha1 "$out" && emit '' checksum_src "$sum"
if [ "$digest" ]; then
  hash_of "$algorithm" "$out" || exit 1
  [ "$sum" = "$digest" ] || {
    printf 'The checksum for %s did not match %s; it was %s.\n' "$path" "$digest" "$sum" >&2
    exit 1
  }
fi
if [ -f "$path" ]; then
  hash_of sha1 "$path" && emit '' checksum_dest "$sum"
  if cmp -s "$out" "$path"; then
    emit '' same 1
    [ -z "$owner$group" ] || chown "$owner${group:+:$group}" "$path" || exit 1
    [ -z "$mode" ] || chmod "$mode" "$path" || exit 1
    exit 0
  fi
  chmod "$(stat -L -c %a "$path")" "$out"
  chown "$(stat -L -c %u:%g "$path")" "$out" 2>/dev/null || :
  if [ "$backup" ]; then back_up "$path" '' || exit 1; fi
else
  chmod 0644 "$out"
fi
[ -z "$owner$group" ] || chown "$owner${group:+:$group}" "$out" || exit 1
[ -z "$mode" ] || chmod "$mode" "$out" || exit 1
mv -f "$out" "$path"
