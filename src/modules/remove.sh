# shellcheck shell=sh
rm -f -- "$@"
