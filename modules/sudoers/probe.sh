# shellcheck shell=sh
emit '' visudo "$(command -v visudo)"
