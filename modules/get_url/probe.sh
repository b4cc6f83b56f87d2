# shellcheck disable=SC2154,SC2034 # variables come with the job, some for the request
# What is at dest, its digest, and the digest that a list at a URL wants.
# vars: dest, name, algorithm, list (URL of the list; then the request's variables too)
place dest
path=$dest
if [ -d "$dest" ]; then
  path=${dest%/}/$name
  emit '' folder "${dest%/}/"
fi
emit '' path "$path"
digest() { # FILE
  if command -v "${algorithm}sum" >/dev/null 2>&1; then
    sum=$("${algorithm}sum" <"$1") && sum=${sum%% *}
  else
    sum=$(openssl dgst "-$algorithm" <"$1") && sum=${sum##* }
  fi
}
if [ -e "$path" ]; then
  emit '' exists 1
  if [ "$algorithm" ] && [ -f "$path" ]; then digest "$path" && emit '' digest "$sum"; fi
fi
case $path in */*) parent=${path%/*} ;; *) parent=. ;; esac
[ ! -d "${parent:-/}" ] || emit '' parent 1
[ "$list" ] || exit 0
folder=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/.fitout-XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
out=$folder/list body=''
http_request || { emit '' error "$http_error"; exit 0; }
case $http_status in 2??) ;; *) emit '' error "status $http_status"; exit 0 ;; esac
emit '' list "$(cat "$out")"
