# shellcheck shell=sh disable=SC2154
# $act: confirm (over a new connection), fire (restore at once), look (whether it was restored).
name=fitout-confirm-${dir##*/}
# The unit first: of what is not kept any more nothing is put back at a boot.
forget() {
  rm -f "/etc/systemd/system/$name-boot.service" "/etc/systemd/system/sysinit.target.wants/$name-boot.service"
  rm -rf -- "$dir"
}
case $act in
  confirm)
    mv -- "$dir/armed" "$dir/confirmed" 2>/dev/null || exit 3
    # Or the power's loss would bring it back, and the next boot would undo what is confirmed.
    sync -- "$dir" 2>/dev/null || sync
    systemctl stop "$name.timer" 2>/dev/null
    forget
    ;;
  fire) sh "$dir/restore.sh" "$dir" ;;
esac
[ "$act" = confirm ] || [ ! -e "$dir/restored" ] || {
  emit '' restored 1
  forget
}
:
