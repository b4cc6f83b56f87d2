# shellcheck shell=sh
mkdir -p -- "$@"
