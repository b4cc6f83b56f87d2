#!/bin/sh
# The boot loader inside the root file system, by its own programs, for BIOS and EFI, without a device to install it on.
# usage: grub.sh ROOT ROOT_UUID
# Leaves /boot/grub/i386-pc/core.img (its boot.img beside it) and /boot/grub/BOOTX64.EFI, which are put into the disk.
set -eu
root=$1 uuid=$2

for part in boot/vmlinuz-* usr/lib/grub/i386-pc usr/lib/grub/x86_64-efi usr/bin/grub-mkimage; do
	# shellcheck disable=SC2086 # a pattern
	set -- "$root"/$part
	[ -e "$1" ] || {
		echo "the root file system has no /$part; a Debian that boots has linux-image-cloud-amd64, grub-pc-bin, grub-efi-amd64-bin and grub-common" >&2
		exit 1
	}
done
grub=$root/boot/grub
rm -rf "$grub"
mkdir -p "$grub"
for platform in i386-pc x86_64-efi; do
	cp -R "$root/usr/lib/grub/$platform" "$grub/"
done
# shellcheck disable=SC2016 # the boot loader's variables
printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\n' "$uuid" >"$grub/early.cfg"
common='part_gpt ext2 search_fs_uuid normal configfile'
# shellcheck disable=SC2086 # lists of modules
{
	chroot "$root" grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -p /boot/grub -c /boot/grub/early.cfg biosdisk $common
	chroot "$root" grub-mkimage -O x86_64-efi -o /boot/grub/BOOTX64.EFI -p /boot/grub -c /boot/grub/early.cfg $common
}
rm "$grub/early.cfg"

# `update-grub` wants the disk it runs on; on the booted machine it replaces this by its own.
# shellcheck disable=SC2016 # read inside
options=$(chroot "$root" sh -c '
	GRUB_CMDLINE_LINUX= GRUB_CMDLINE_LINUX_DEFAULT=
	for file in /etc/default/grub /etc/default/grub.d/*.cfg; do
		[ ! -e "$file" ] || . "$file"
	done
	echo "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"')
kernel=$(chroot "$root" sh -c 'ls -v /boot/vmlinuz-* | tail -n 1')
version=${kernel#/boot/vmlinuz-}
cat >"$grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_output console serial
set timeout=0
menuentry "Debian GNU/Linux, $version" {
	search --no-floppy --fs-uuid --set=root $uuid
	linux $kernel root=UUID=$uuid ro $options
	initrd /boot/initrd.img-$version
}
END
printf 'UUID=%s / ext4 errors=remount-ro 0 1\n' "$uuid" >"$root/etc/fstab"
