# shellcheck shell=sh disable=SC2154
# Put before what speaks with the container engine at $host.
command -v docker >/dev/null 2>&1 || { printf 'the host has no docker command\n' >&2; exit 127; }

# The client with the options of $options, one a line.
engine() {
  (
    IFS='
'
    set -f
    # shellcheck disable=SC2086
    exec docker -H "$host" ${options:-} "$@"
  )
}
