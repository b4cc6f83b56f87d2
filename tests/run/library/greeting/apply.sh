# shellcheck shell=sh disable=SC2154
for item in "$@"; do printf '%s' "$text" >"$item"; done
