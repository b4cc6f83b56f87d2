# shellcheck shell=sh disable=SC2154
printf '%s %s\n' "$name" "$selection" | dpkg --set-selections
