#!/bin/sh
# What a virtual machine's root file system has beside a container's: mmdebstrap's customize hook, after rootfs.sh.
# usage: vm_root.sh ROOT
set -eu
root=$1

# The address comes from the machine outside, as a container's does; a network manager would take seconds.
cat >"$root/etc/systemd/system/fitout-lab-net.service" <<'END'
[Unit]
Description=Address of a lab host
DefaultDependencies=no
Wants=network.target
Before=network.target sysinit.target
After=systemd-udevd.service systemd-udev-trigger.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'until [ -e /sys/class/net/eth0 ]; do sleep 0.05; done; exec ip -batch /etc/fitout-lab.net'
END
# Tells the machine outside that this boot has come to its end.
cat >"$root/etc/systemd/system/fitout-lab-ready.service" <<'END'
[Unit]
Description=Tells the lab that the host has booted
DefaultDependencies=no
After=multi-user.target ssh.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'read -r id </proc/sys/kernel/random/boot_id && echo "READY=1 $id" >/dev/ttyS1'
END
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/systemd/system/sysinit.target.wants"
ln -sf ../fitout-lab-net.service "$root/etc/systemd/system/sysinit.target.wants/"
ln -sf ../fitout-lab-ready.service "$root/etc/systemd/system/multi-user.target.wants/"

# What no lab host needs and software emulation makes expensive: caches, consoles, and drivers of what it has not.
for unit in ldconfig.service systemd-journal-catalog-update.service systemd-network-generator.service \
	systemd-udev-load-credentials.service systemd-tmpfiles-setup-dev-early.service systemd-pstore.service \
	systemd-hibernate-clear.service systemd-battery-check.service systemd-bsod.service modprobe@.service \
	getty@.service serial-getty@.service dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
	sys-kernel-config.mount proc-sys-fs-binfmt_misc.automount; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
for module in kvm kvm_amd kvm_intel powernow_k8 psmouse serio_raw evdev ata_piix ata_generic qemu_fw_cfg aesni_intel \
	ghash_clmulni_intel cryptd crc32c_intel sha512_ssse3 sha256_ssse3 sha1_ssse3 vsock_loopback \
	vmw_vsock_vmci_transport; do
	echo "blacklist $module"
done >"$root/etc/modprobe.d/fitout-lab.conf"
: >"$root/etc/fstab"
# Or systemd takes the first boot for one after an update and renews its caches.
touch "$root/etc/.updated" "$root/var/.updated"
