# shellcheck shell=sh
# Whether a file holds a key: armoured, or beginning with the packet of one.
is_key() {
  grep -q -e '-----BEGIN PGP PUBLIC KEY BLOCK-----' "$1" && return
  case $(od -An -tx1 -N1 "$1" | tr -d ' ') in 98 | 99 | 9a | c6) ;; *) return 1 ;; esac
}
