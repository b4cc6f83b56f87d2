#!/bin/sh
# Holds what a root file system needs while it is provisioned: mounts of this process's own namespace, which are there as
# long as its standard input is open.
# usage: holder.sh ROOT
set -eu
root=$1

# A root file system from elsewhere may have been packed without them.
mkdir -p "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp"
mount -t proc proc "$root/proc"
# The kernel is this machine's: nothing that is provisioned may set it.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
mknod -m 0666 "$root/dev/null" c 1 3
mknod -m 0666 "$root/dev/zero" c 1 5
mknod -m 0666 "$root/dev/full" c 1 7
mknod -m 0666 "$root/dev/random" c 1 8
mknod -m 0666 "$root/dev/urandom" c 1 9
mknod -m 0666 "$root/dev/tty" c 5 0
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
# Says to who asks that this is an image in the making, also where the first process does not let itself be compared.
: >"$root/run/fitout.bake"
mkdir -p "$root/run/lock"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"

stub=/run/systemd/resolve/resolv.conf
if [ ! -e "$stub" ] || ! grep -Eq '^nameserver *(127\.|::1)' /etc/resolv.conf; then stub=/etc/resolv.conf; fi
names "$root" "$stub"
echo ready
exec cat >/dev/null
