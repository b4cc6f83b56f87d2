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
