#!/bin/sh
# The relay node of site.yml as one writes it by hand: what the first run is measured against. Runs on the host.
set -eu
name=$(hostname)

put() { # MODE FILE, text on stdin; replaced in one step and only when it differs
	cat >"$2.new"
	chmod "$1" "$2.new"
	if cmp -s "$2.new" "$2"; then rm "$2.new"; else mv "$2.new" "$2"; fi
}
line() { # FILE LINE
	grep -qxF -- "$2" "$1" || printf '%s\n' "$2" >>"$1"
}

[ -n "$(uname -r)" ]
for package in ca-certificates iproute2 kmod procps sudo; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || apt-get install -y "$package"
done
getent group relayers >/dev/null || groupadd --system relayers
for account in relay shipper auditor; do
	id -u "$account" >/dev/null 2>&1 || useradd -m -s /bin/bash "$account"
	usermod -aG relayers "$account"
done
via=
for folder in /etc/relay /etc/relay/routes /srv/relay /srv/relay/spool /srv/relay/bin /var/log/relay; do
	install -d -m 0755 -o root -g root "$folder"
	via=${via:+$via:}$folder
done
while read -r key text; do
	echo "$text" | put 0644 "/etc/sysctl.d/70-relay-$key.conf"
done <<-END
	backlog net.core.somaxconn = 4096
	buffers net.core.wmem_default = 1048576
	files fs.inotify.max_user_watches = 262144
	memory vm.dirty_ratio = 15
	ports net.ipv4.ip_local_port_range = 20000 64000
END
touch /etc/modules
for module in tcp_bbr sch_fq dummy; do line /etc/modules "$module"; done
echo "options dummy numdummies=0" | put 0644 /etc/modprobe.d/relay.conf
printf '# %s\n* - core 0\n* - nofile 131072\n* - nproc 16384\n' "$name" | put 0644 /etc/security/limits.d/80-relay.conf
line /etc/pam.d/common-session "session optional pam_limits.so"
echo "%relayers ALL=(root) NOPASSWD: /usr/bin/journalctl" >/tmp/relay.sudoers
visudo -cqf /tmp/relay.sudoers
put 0440 /etc/sudoers.d/relay </tmp/relay.sudoers
rm /tmp/relay.sudoers
for i in 0 1 2 3 4 5 6 7 8 9; do
	printf 'route %s\nfrom %s\nvia %s\n' "$i" "$name" "$via" | put 0640 "/etc/relay/routes/0$i.route"
	chgrp relayers "/etc/relay/routes/0$i.route"
done
put 0644 /etc/systemd/system/relay.service <<-END
	[Unit]
	Description=Relay on $name

	[Service]
	ExecStart=/usr/bin/sleep infinity
	User=relay

	[Install]
	WantedBy=multi-user.target
END
install -d -m 0755 /etc/systemd/system/relay.service.d
printf '[Service]\nMemoryMax=256M\n' | put 0644 /etc/systemd/system/relay.service.d/memory.conf
echo "41 2 * * * root /usr/bin/true" | put 0644 /etc/cron.d/relay
grep -q "BEGIN relay" /etc/issue.net ||
	printf '# BEGIN relay\nA relay node.\nWhat is done here is logged.\n# END relay\n' >>/etc/issue.net
ln -sfn /srv/relay/bin /usr/local/relay
sed -i 's/^#\?MaxRetentionSec=.*/MaxRetentionSec=30day/' /etc/systemd/journald.conf
sed -i 's/^#\?PrintLastLog.*/PrintLastLog no/' /etc/ssh/sshd_config
rm -f /etc/relay/relay.old
systemctl is-active -q ssh || systemctl start ssh
systemctl is-enabled -q ssh || systemctl enable ssh
systemctl daemon-reload
