# shellcheck disable=SC2154,SC2034 # variables come with the job, some for the request
# Downloads beside dest, checks the digest, and puts it in place where it differs.
# vars: path, folder (ends with /; there the answer is to name the file), algorithm, digest, mode, owner, group, backup; the request's
header() { # NAME: its value in the last answer
  [ -f "$out.head" ] || return 0
  tr -d '\r' <"$out.head" | sed -n "s/^$1: *//Ip" | tail -n 1
}
# The name that the answer gives, in quotes or bare; else the last part of the address that it came from.
named() {
  said=$(header content-disposition)
  name=$(printf '%s\n' "$said" | sed -n -E 's/^(.*;)? *filename *= *"(([^"\\]|\\.)*)".*$/\2/Ip' | sed -E 's/\\(.)/\1/g')
  [ "$name" ] || name=$(printf '%s\n' "$said" | sed -n -E 's/^(.*;)? *filename *= *([^";]*[^"; ]).*$/\2/Ip')
  name=${name##*/}
  if [ -z "$name" ]; then
    name=${http_url%%[?#]*}
    name=${name#*://}
    case $name in */*) name=${name##*/} ;; *) name='' ;; esac
  fi
  case $name in '' | . | ..) name=index.html ;; esac
}
case $path in */*) parent=${path%/*}/ ;; *) parent=./ ;; esac
umask 077
out=$(mktemp "${parent}.fitout-XXXXXX") || exit 1
trap 'rm -f "$out" "$out.head" "$out.body" "$out.err"' EXIT
trap 'exit 143' TERM INT HUP
body='' began=$(date +%s)
http_request
asked=$?
emit '' elapsed "$(($(date +%s) - began))"
emit '' status "$http_status"
if [ -f "$out.head" ]; then
  emit '' response "$(tr -d '\r' <"$out.head" | sed -n 's/^HTTP\/[0-9.]* *//p' | tail -n 1)"
fi
[ "$asked" = 0 ] || { printf 'Request failed: %s\n' "$http_error" >&2; exit 1; }
case $http_status in
  2??) ;;
  000) ;;
  *) printf 'Request failed: status %s\n' "$http_status" >&2; exit 1 ;;
esac
emit '' length "$(header content-length)"
emit '' src "$out"
if [ "$folder" ]; then
  named
  path=$folder$name
  emit '' path "$path"
fi
hash_of() { # ALGORITHM FILE
  if command -v "$1sum" >/dev/null 2>&1; then
    sum=$("$1sum" <"$2") && sum=${sum%% *}
  else
    sum=$(openssl dgst "-$1" <"$2") && sum=${sum##* }
  fi
}
hash_of sha1 "$out" && emit '' checksum_src "$sum"
hash_of md5 "$out" && emit '' md5sum "$sum"
if [ "$digest" ]; then
  hash_of "$algorithm" "$out" || exit 1
  [ "$sum" = "$digest" ] || {
    printf 'The checksum for %s did not match %s; it was %s.\n' "$path" "$digest" "$sum" >&2
    exit 1
  }
fi
# What was looked at beforehand may have another name.
stated() { [ -z "$folder" ] || emit '' stat "$(stat -L -c '%a %U %G %u %g %s' "$path")"; }
if [ -f "$path" ]; then
  hash_of sha1 "$path" && emit '' checksum_dest "$sum"
  if cmp -s "$out" "$path"; then
    emit '' same 1
    [ -z "$owner$group" ] || chown "$owner${group:+:$group}" "$path" || exit 1
    [ -z "$mode" ] || chmod "$mode" "$path" || exit 1
    stated
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
mv -f "$out" "$path" || exit 1
stated
