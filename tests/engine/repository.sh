#!/bin/sh
# On a host: a small signed repository with packages that are called as Docker's, served on loopback. Prints the
# fingerprint of its key.
set -eu
export DEBIAN_FRONTEND=noninteractive GNUPGHOME=/root/gpg
apt-get update -qq
apt-get install -y -qq --no-install-recommends gnupg apt-utils busybox >/dev/null 2>&1
mkdir -p /srv/repo/pool /srv/repo/dists/bookworm/stable/binary-amd64
mkdir -m 700 "$GNUPGHOME"
cd /srv/repo
gpg -q --batch --passphrase '' --quick-gen-key 'Repository <r@example.com>' rsa2048 sign never 2>/dev/null
gpg -q --armor --export >key.asc 2>/dev/null && mv key.asc gpg
for version in 24.0.6 24.0.7 25.0.1; do
	for package in docker-ce docker-ce-cli docker-engine; do
		dir=$(mktemp -d)
		chmod 755 "$dir"
		mkdir -p "$dir/DEBIAN"
		{
			printf 'Package: %s\nVersion: 5:%s-1~debian.12~bookworm\n' "$package" "$version"
			printf 'Architecture: amd64\nMaintainer: x <x@example.com>\nDescription: none\n'
		} >"$dir/DEBIAN/control"
		if [ "$package" = docker-ce ]; then
			mkdir -p "$dir/lib/systemd/system"
			cat >"$dir/lib/systemd/system/docker.service" <<'END'
[Unit]
Description=An engine that does nothing
StartLimitBurst=3
StartLimitInterval=60s
[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/dockerd
ExecReload=/bin/true
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
END
			mkdir -p "$dir/usr/bin"
			# It knows no key `refused`, and with a key `broken` it ends when it is started.
			cat >"$dir/usr/bin/dockerd" <<'END'
#!/bin/sh
file=/etc/docker/daemon.json
case "$*" in
  --help) echo '      --validate    Validate daemon configuration and exit' ;;
  *--validate*)
    for file; do :; done
    ! grep -q '"refused"' "$file" || { echo "unable to configure the daemon with file $file: no such key: refused" >&2; exit 1; } ;;
  *)
    [ ! -e "$file" ] || ! grep -q '"broken"' "$file" || { echo 'failed to start daemon: broken is set' >&2; exit 1; }
    systemd-notify --ready
    exec sleep infinity ;;
esac
END
			chmod 755 "$dir/usr/bin/dockerd"
			printf '#!/bin/sh\ngetent group docker >/dev/null || groupadd -r docker\n' >"$dir/DEBIAN/postinst"
			chmod 755 "$dir/DEBIAN/postinst"
		fi
		dpkg-deb -b "$dir" "pool/$package-$version.deb" >/dev/null
	done
done
apt-ftparchive packages pool >dists/bookworm/stable/binary-amd64/Packages
set -- -o APT::FTPArchive::Release::Codename=bookworm -o APT::FTPArchive::Release::Components=stable \
	-o APT::FTPArchive::Release::Architectures=amd64
apt-ftparchive "$@" release dists/bookworm >/tmp/Release
mv /tmp/Release dists/bookworm/Release
gpg -q --batch --yes --clearsign -o dists/bookworm/InRelease dists/bookworm/Release 2>/dev/null
systemd-run -q busybox httpd -f -p 127.0.0.1:8000 -h /srv/repo
gpg --list-keys --with-colons 2>/dev/null | awk -F: '/^fpr/ { print $10; exit }'
