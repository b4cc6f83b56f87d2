# shellcheck shell=sh disable=SC2154
printf '%s\n' "$value" >"/sys/kernel/mm/transparent_hugepage/$which"
