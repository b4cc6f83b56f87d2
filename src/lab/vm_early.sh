#!/bin/sh
# Before packages are installed, so that the one initrd that the kernel's package makes is the right one: it holds what
# finds a virtio disk and nothing else, since software emulation unpacks slowly. mmdebstrap's essential hook.
# usage: vm_early.sh ROOT
set -eu
root=$1

mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/etc/initramfs-tools/hooks" \
	"$root/etc/initramfs-tools/scripts/init-bottom"
printf 'MODULES=list\nCOMPRESS=gzip\n' >"$root/etc/initramfs-tools/conf.d/fitout-lab"
cat >"$root/etc/initramfs-tools/hooks/fitout-lab" <<'END'
#!/bin/sh
[ "${1:-}" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk ext4
END
# What makes this host this host travels in its initrd and is unpacked once, before systemd begins.
cat >"$root/etc/initramfs-tools/scripts/init-bottom/fitout-lab" <<'END'
#!/bin/sh
[ "${1:-}" != prereqs ] || exit 0
[ -e /fitout-lab.tar ] && [ ! -e "$rootmnt/var/lib/fitout-lab" ] || exit 0
chroot "$rootmnt" tar -C / --numeric-owner -xpf - </fitout-lab.tar && : >"$rootmnt/var/lib/fitout-lab"
END
chmod 0755 "$root/etc/initramfs-tools/hooks/fitout-lab" "$root/etc/initramfs-tools/scripts/init-bottom/fitout-lab"
