# shellcheck disable=SC2154,SC2034 # variables come with the job, some for the request
# One request; the answer is emitted, or put at dest.
# vars: the request's, wanted (statuses), dest, name, source (file on the host to send), mode, owner, group, creates, removes
if [ "$creates" ] && [ -e "$creates" ]; then emit '' skip "skipped, since '$creates' exists"; exit 0; fi
if [ "$removes" ] && [ ! -e "$removes" ]; then emit '' skip "skipped, since '$removes' does not exist"; exit 0; fi
folder=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/.fitout-XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' TERM INT HUP
out=$folder/content
: >"$out"
begin=$(date +%s)
if [ "$source" ]; then
  body=1
  http_request <"$source"
else
  http_request
fi
http_rc=$?
emit '' elapsed "$(($(date +%s) - begin))"
emit '' status "$http_status"
emit '' url "$http_url"
emit '' error "$http_error"
[ "$http_rc" = 0 ] || exit 0
[ ! -f "$out.head" ] || emit '' head "$(cat "$out.head")"
own() {
  [ -z "$owner$group" ] || chown "$owner${group:+:$group}" "$1" || exit 1
  [ -z "$mode" ] || chmod "$mode" "$1" || exit 1
}
# What the server says of an error is no content.
case " $wanted " in *" $http_status "*) ;; *) dest='' ;; esac
if [ "$dest" ]; then
  path=$dest
  if [ -d "$dest" ]; then path=${dest%/}/$name; fi
  emit '' path "$path"
  if ! cmp -s "$out" "$path"; then
    case $path in */*) parent=${path%/*}/ ;; *) parent=./ ;; esac
    tmp=$(mktemp "${parent}.fitout-XXXXXX") || exit 1
    trap 'rm -rf "$folder" "$tmp"' EXIT
    # What was there keeps its owner and mode.
    if [ -f "$path" ]; then cp -p -- "$path" "$tmp"; else chmod 0644 "$tmp"; fi || exit 1
    cat "$out" >"$tmp" && own "$tmp" && mv -f "$tmp" "$path" || exit 1
    emit '' changed 1
  else
    own "$path"
  fi
fi
# NUL bytes would end the record; such content is no text anyway.
printf '\0content\0'
tr -d '\000' <"$out"
printf '\0'
