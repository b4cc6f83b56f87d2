# shellcheck shell=sh disable=SC2154
# $act: confirm (over a new connection), fire (restore at once), look (whether it was restored).
case $act in
  confirm)
    mv -- "$dir/armed" "$dir/confirmed" 2>/dev/null || exit 3
    name=fitout-confirm-${dir##*/}
    systemctl stop "$name.timer" 2>/dev/null
    rm -f "/etc/systemd/system/$name-boot.service" "/etc/systemd/system/sysinit.target.wants/$name-boot.service"
    rm -rf -- "$dir"
    ;;
  fire) sh "$dir/restore.sh" "$dir" ;;
esac
[ "$act" = confirm ] || [ ! -e "$dir/restored" ] || {
  emit '' restored 1
  rm -rf -- "$dir"
}
:
