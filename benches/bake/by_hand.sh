#!/bin/sh
# The image of playbooks/node_image.yml as one makes it by hand: mmdebstrap, commands in a chroot, a disk, qcow2.
# usage: by_hand.sh WORK       the result is WORK/node.qcow2
set -eu
work=$1
root=$work/root
here=$(cd "$(dirname "$0")/../.." && pwd)

# What a machine needs to boot, and what the playbook's source adds.
packages='ca-certificates,dbus,grub-common,grub-efi-amd64-bin,grub-pc-bin,grub2-common,initramfs-tools,iproute2,kmod'
packages="$packages,libpam-systemd,linux-image-cloud-amd64,openssh-server,procps,systemd-resolved,systemd-sysv,udev"
packages="$packages,curl,iptables,sudo"
mmdebstrap --mode=root --format=directory --variant=minbase --include="$packages" \
	--customize-hook="sh '$here/src/image/disk/base.sh' \"\$1\" /usr/local/share/ca-certificates" bookworm "$root" >/dev/null

# The provisioning.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
trap 'umount -q "$root/dev" "$root/proc" || :' EXIT
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mv "$root/etc/resolv.conf" "$root/etc/resolv.conf.kept" 2>/dev/null || :
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/etc/docker" "$root/etc/fitout" "$root/usr/local/lib/fitout" "$root/etc/systemd/system/docker.service.d"
cp "$here"/playbooks/roles/join_on_boot/files/* "$root/usr/local/lib/fitout/"
cat >"$root/etc/sysctl.d/60-node-tuning.conf" <<'CONF'
fs.file-max = 9223372036854775807
net.core.somaxconn = 65535
net.ipv4.ip_local_port_range = 1024 65535
net.ipv4.tcp_max_syn_backlog = 65535
net.ipv4.tcp_tw_reuse = 1
vm.max_map_count = 1048576
vm.swappiness = 1
net.netfilter.nf_conntrack_max = 1048576
CONF
echo nf_conntrack >"$root/etc/modules-load.d/nf_conntrack.conf"
echo '* - nofile 1048576' >"$root/etc/security/limits.d/60-node-tuning.conf"
printf '[Service]\nLimitNOFILE=1048576\n' >"$root/etc/systemd/system/docker.service.d/50-limits.conf"
echo '{"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "5"}}' >"$root/etc/docker/daemon.json"
echo 'JOIN_TARGET=swarm' >"$root/etc/fitout/join.conf"
cat >"$root/etc/systemd/system/fitout-join.service" <<'CONF'
[Unit]
After=docker.service
[Service]
ExecStart=/usr/local/lib/fitout/fitout-join
[Install]
WantedBy=multi-user.target
CONF
chroot "$root" sh -ec '
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update
	apt-get -qq install -y --no-install-recommends docker.io >/dev/null
	systemctl -q enable docker.service fitout-join.service
	apt-get -qq clean
	rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d'
rm "$root/etc/resolv.conf"
mv "$root/etc/resolv.conf.kept" "$root/etc/resolv.conf" 2>/dev/null || :
umount "$root/dev" "$root/proc"

# The image.
uuid=$(cat /proc/sys/kernel/random/uuid)
sh "$here/src/image/disk/grub.sh" "$root" "$uuid"
disk=$work/disk.raw
truncate -s 4G "$disk"
printf 'label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nstart=4096, size=131072, type=U\nstart=135168\n' |
	sfdisk -q "$disk"
truncate -s 64M "$work/esp"
mkfs.vfat -F 32 "$work/esp" >/dev/null
mmd -i "$work/esp" ::/EFI ::/EFI/BOOT
mcopy -i "$work/esp" "$root/boot/grub/BOOTX64.EFI" ::/EFI/BOOT/
dd if="$work/esp" of="$disk" bs=1M seek=2 conv=notrunc,sparse status=none
dd if="$root/boot/grub/i386-pc/core.img" of="$disk" bs=512 seek=2048 conv=notrunc status=none
mke2fs -q -F -t ext4 -U "$uuid" -E offset=$((135168 * 512)) -d "$root" "$disk" $(((4096 - 67) * 256))
qemu-img convert -q -f raw -O qcow2 "$disk" "$work/node.qcow2"
# What a bake tells of its result.
sha256sum "$work/node.qcow2" >"$work/node.sha256"
