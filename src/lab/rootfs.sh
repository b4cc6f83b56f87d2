#!/bin/sh
# Turns a fresh root file system into one that labs boot from: mmdebstrap's customize hook.
# usage: rootfs.sh ROOT CERTIFICATES
set -eu
root=$1 certificates=$2

# Certificates the machine was told to trust, e.g. those of a proxy on its way out.
if [ -d "$certificates" ] && [ -x "$root/usr/sbin/update-ca-certificates" ]; then
	mkdir -p "$root/usr/local/share/ca-certificates"
	for file in "$certificates"/*.crt; do
		[ -e "$file" ] || continue
		cp -L "$file" "$root/usr/local/share/ca-certificates/"
	done
	chroot "$root" update-ca-certificates >/dev/null
fi

# Each host gets its own identity.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
rm -f "$root/etc/resolv.conf"

# root by key; `deploy` may sudo; `pw` may sudo with a password, which each lab sets.
chroot "$root" useradd --create-home --shell /bin/bash --user-group deploy
chroot "$root" useradd --create-home --shell /bin/bash --user-group pw
printf 'deploy ALL=(ALL:ALL) NOPASSWD: ALL\npw ALL=(ALL:ALL) ALL\n' >"$root/etc/sudoers.d/fitout-lab"
chmod 0440 "$root/etc/sudoers.d/fitout-lab"
cat >"$root/etc/ssh/sshd_config.d/fitout-lab.conf" <<'END'
UseDNS no
PermitRootLogin prohibit-password
MaxStartups 200
MaxSessions 200
END

# Nobody looks at a console; timers would change a host while a test looks at it.
for unit in console-getty.service getty@tty1.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
	e2scrub_reap.service dpkg-db-backup.timer fstrim.timer systemd-tmpfiles-clean.timer sys-fs-fuse-connections.mount \
	dev-hugepages.mount systemd-update-utmp.service systemd-update-utmp-runlevel.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
# Where cgroups are those of version 1, a host gets them read-only, and a container engine on it could start nothing. In
# its cgroup namespace a host sees its own part of each hierarchy; one that it has no part in (its root is the machine's,
# which has a release_agent) goes.
cat >"$root/etc/systemd/system/fitout-lab-cgroups.service" <<'END'
[Unit]
Description=Writable cgroups
DefaultDependencies=no
ConditionPathExists=!/sys/fs/cgroup/cgroup.controllers
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for dir in /sys/fs/cgroup/*/; do \
	mountpoint -q "$$dir" || continue; \
	if [ -e "$$dir/release_agent" ]; then umount "$$dir"; else mount -o remount,rw,bind "$$dir"; fi; done'
[Install]
WantedBy=sysinit.target
END
mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
ln -sf ../fitout-lab-cgroups.service "$root/etc/systemd/system/sysinit.target.wants/"
# Packages stay in the cache, from where the lab hands them to the next host.
printf 'APT::Keep-Downloaded-Packages "true";\nAcquire::Languages "none";\n' >"$root/etc/apt/apt.conf.d/90fitout-lab"
