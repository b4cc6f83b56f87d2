# shellcheck shell=sh disable=SC2154
printf '%s\n' "$value" >"/proc/sys/$proc"
