#!/bin/sh
# Builds the program and prints where it is, wherever cargo was told to put what it builds.
# usage: program.sh [FLAGS OF CARGO BUILD]
set -eu
cd "$(dirname "$0")/.."
built=$(cargo build --quiet --bin fitout --message-format=json-render-diagnostics "$@")
printf '%s\n' "$built" | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
