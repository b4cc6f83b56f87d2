# shellcheck shell=sh disable=SC2154
# $act: confirm (over a new connection), fire (restore at once), look (whether it was restored).
case $act in
  confirm)
    mv -- "$dir/armed" "$dir/confirmed" 2>/dev/null || exit 3
    systemctl stop "fitout-confirm-${dir##*/}.timer" 2>/dev/null
    rm -rf -- "$dir"
    ;;
  fire) sh "$dir/restore.sh" "$dir" ;;
esac
[ "$act" = confirm ] || [ ! -e "$dir/restored" ] || {
  emit '' restored 1
  rm -rf -- "$dir"
}
:
