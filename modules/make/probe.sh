# shellcheck shell=sh disable=SC2154
# Whether make would do anything: 0 no, 1 yes, 2 it cannot tell (a run will).
[ "$make" ] || make=$(command -v gmake || command -v make) || {
  printf 'the host has no make: install the package make first\n' >&2
  exit 1
}
cd -- "$chdir" || exit 1
said=$("$make" --question "$@" 2>&1 </dev/null)
emit '' rc "$?"
emit '' stdout "$said"
emit '' make "$make"
