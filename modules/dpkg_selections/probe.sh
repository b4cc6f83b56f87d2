# shellcheck shell=sh disable=SC2154
wanted=$selection
selection=$(dpkg-query -W -f='${db:Status-Want}' -- "$name" 2>/dev/null) || selection=
case $selection in
  '' | unknown)
    printf "Failed to find package '%s' to perform selection '%s'.\n" "$name" "$wanted" >&2
    exit 1
    ;;
esac
emit '' selection "$selection"
emit '' before "$selection"
emit '' after "$wanted"
