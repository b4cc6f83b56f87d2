# shellcheck shell=sh disable=SC2154
sh -c "$command" >/dev/null
