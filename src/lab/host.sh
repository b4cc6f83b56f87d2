#!/bin/sh
# One lab host, as the first process of its own PID and mount namespaces: when this ends, all of the host ends.
# usage: host.sh CGROUP LOWER DIR MACHINE
set -eu
cgroup=$1 lower=$2 dir=$3 machine=$4

enter "$cgroup/keeper"
# A disk that is itself an overlay (a container's) cannot hold an upper layer; memory can. Packages stay on the disk then:
# they are many, and the lab keeps those that the host downloads.
if ! mount -t overlay -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work,volatile" fitout-lab "$dir/root" 2>/dev/null; then
	mount -t tmpfs -o mode=0755 fitout-lab "$dir/work"
	mkdir "$dir/work/upper" "$dir/work/work"
	tar -C "$dir/upper" --exclude='./var/cache/apt/archives/*.deb' -cf - . | tar -C "$dir/work/upper" -xpf -
	mount -t overlay -o "lowerdir=$lower,upperdir=$dir/work/upper,workdir=$dir/work/work" fitout-lab "$dir/root"
	mount --bind "$dir/upper/var/cache/apt/archives" "$dir/root/var/cache/apt/archives"
fi

# The network is the host's own, so it may configure it, with net.* of sysctl too. The rest of sysctl is this machine's
# and stays out of reach. A container engine on the host makes a session keyring for each container.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
while :; do
	# A boot does away with links that were made before it, as a container engine's bridges.
	nsenter --net="$dir/netns" ip -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print $2 }' | while read -r link; do
		case $link in lo | host0) ;; *) nsenter --net="$dir/netns" ip link delete "$link" 2>/dev/null || : ;; esac
	done
	status=0
	(
		enter "$cgroup/box"
		exec systemd-nspawn -q --register=no --keep-unit -b -D "$dir/root" -M "$machine" \
			--resolv-conf=off --timezone=off --link-journal=no --console=read-only --notify-ready=yes \
			--network-namespace-path="$dir/netns" --capability=CAP_NET_ADMIN --system-call-filter=@keyring
	) || status=$?
	# 133: the host was rebooted from within.
	[ "$status" = 133 ] || exit "$status"
done
