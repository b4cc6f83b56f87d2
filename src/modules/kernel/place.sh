# shellcheck shell=sh disable=SC3013
# Whose kernel runs here: in a chroot it is another system's, in a container another machine's.
place=host
if [ -e /run/fitout.bake ]; then
  place=chroot
elif [ -e /proc/1/root/. ] && ! [ / -ef /proc/1/root/. ]; then
  place=chroot
elif [ -e /run/systemd/container ] || [ -e /.dockerenv ] || [ -e /run/.containerenv ]; then
  place=container
fi
emit place kind "$place"
