#!/bin/sh
# What a fresh root file system needs to be a machine: mmdebstrap's customize hook.
# usage: base.sh ROOT CERTIFICATES
set -eu
root=$1 certificates=$2

# Certificates this machine was told to trust, e.g. those of a proxy on its way out.
if [ -d "$certificates" ] && [ -x "$root/usr/sbin/update-ca-certificates" ]; then
	for file in "$certificates"/*.crt; do
		[ -e "$file" ] || continue
		mkdir -p "$root/usr/local/share/ca-certificates"
		cp -L "$file" "$root/usr/local/share/ca-certificates/"
	done
	chroot "$root" update-ca-certificates >/dev/null 2>&1
fi

echo localhost >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
# An address by DHCP on every wired interface, unless what is provisioned brings something else.
mkdir -p "$root/etc/systemd/network"
printf '[Match]\nType=ether\n\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/90-dhcp.network"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/default/grub.d"
ln -sf /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
# Waiting for every interface would hold up a boot without a network.
ln -sf /dev/null "$root/etc/systemd/system/systemd-networkd-wait-online.service"
printf 'GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"\nGRUB_TERMINAL="console serial"\n' \
	>"$root/etc/default/grub.d/10-image.cfg"

# Keys of the machine, not of the image.
cat >"$root/etc/systemd/system/ssh-host-keys.service" <<'END'
[Unit]
Description=Host keys of this machine, made at its first boot
Before=ssh.service
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=multi-user.target
END
ln -sf ../ssh-host-keys.service "$root/etc/systemd/system/multi-user.target.wants/"
