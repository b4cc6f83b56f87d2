# shellcheck shell=sh disable=SC2154,SC2088
# Lines of $path that are for host $name; ssh-keygen knows hashed names.
case $path in "~/"*) path=$HOME/${path#??} ;; esac
if ! command -v ssh-keygen >/dev/null 2>&1; then emit '' tool absent; fi
[ ! -f "$path" ] || emit '' lines "$(ssh-keygen -F "$name" -f "$path" 2>/dev/null)"
