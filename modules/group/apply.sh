# shellcheck shell=sh disable=SC2154
# $act: add, modify, remove. Unset options are empty.
case $act in
  add)
    if command -v groupadd >/dev/null 2>&1; then
      groupadd ${gid:+-g "$gid"} ${system:+-r} ${non_unique:+-o} ${gid_min:+-K "GID_MIN=$gid_min"} \
        ${gid_max:+-K "GID_MAX=$gid_max"} -- "$name"
    else
      addgroup ${gid:+-g "$gid"} ${system:+-S} -- "$name"
    fi
    ;;
  modify)
    if command -v groupmod >/dev/null 2>&1; then
      groupmod -g "$gid" ${non_unique:+-o} -- "$name"
    else
      delgroup -- "$name" && addgroup -g "$gid" -- "$name"
    fi
    ;;
  remove)
    if command -v groupdel >/dev/null 2>&1; then
      groupdel ${force:+-f} -- "$name"
    else
      delgroup -- "$name"
    fi
    ;;
esac
