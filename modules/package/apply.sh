# shellcheck shell=sh disable=SC2154,SC2086
# Installs, upgrades or removes the packages "$@" in one transaction. $act: install, upgrade, remove.
# $options are words for the package manager, chosen by the module.
case $manager:$act in
  *dnf*:upgrade | yum:upgrade) "$manager" -y -q $options upgrade -- "$@" ;;
  *dnf*:* | yum:*) "$manager" -y -q $options "$act" -- "$@" ;;
  zypper:upgrade) zypper -n -q update -- "$@" ;;
  zypper:*) zypper -n -q "$act" -- "$@" ;;
  apk:install) apk add -q ${update:+-U} -- "$@" ;;
  apk:upgrade) apk add -q ${update:+-U} -u -- "$@" ;;
  apk:remove) apk del -q -- "$@" ;;
  pacman:remove) pacman -R --noconfirm -- "$@" ;;
  pacman:*) pacman -S${update:+y} --noconfirm --needed -- "$@" ;;
  *) printf '%s\n' "no way to $act packages with $manager" >&2; exit 1 ;;
esac </dev/null
