# shellcheck shell=sh disable=SC2154
selection=$(dpkg-query -W -f='${db:Status-Want}' -- "$name" 2>/dev/null) || selection=
emit '' selection "${selection:-unknown}"
