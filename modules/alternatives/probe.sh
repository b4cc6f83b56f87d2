# shellcheck shell=sh disable=SC2154
# `state` is the wanted one where nothing is to do, else what is.
value=""
status=""
found=""
said=$(update-alternatives --query "$name" 2>/dev/null)
while IFS=': ' read -r key rest; do
  case $key in
    Value) value=$rest ;;
    Status) status=$rest ;;
    Alternative) [ "$rest" != "$path" ] || found=1 ;;
  esac
done <<END
$said
END
# A program that is not there may be about to come, and bring the alternative.
if [ -z "$said$link" ] && [ "$state" != absent ] && [ -e "$path" ]; then
  printf 'Needed to install the alternative, but unable to do so as we are missing the link\n' >&2
  exit 1
fi
emit '' path "$value"
is=absent
if [ "$found" ]; then
  is=present
  if [ "$value" = "$path" ]; then is=selected; fi
fi
case $state:$is in
  present:selected) is=present ;;
  auto:present | auto:selected) [ "$status" != auto ] || is=auto ;;
esac
emit '' state "$is"
