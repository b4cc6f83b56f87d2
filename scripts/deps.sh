#!/bin/sh
# Installs what building, testing and the lab need on Debian, and only what is missing.
set -eu

# Command and the package that brings it.
wanted='
cc gcc
busybox busybox-static
curl curl
wget wget
git git
ip iproute2
iptables iptables
mcopy mtools
mke2fs e2fsprogs
mkfs.vfat dosfstools
mmdebstrap mmdebstrap
python3 python3
qemu-img qemu-utils
qemu-system-x86_64 qemu-system-x86
sfdisk fdisk
shellcheck shellcheck
ssh openssh-client
sshd openssh-server
sudo sudo
systemd-nspawn systemd-container
unshare util-linux
'

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
missing=$(printf '%s' "$wanted" | while read -r command package; do
	[ -z "$command" ] || command -v "$command" >/dev/null || printf '%s ' "$package"
done)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -e /usr/share/ovmf/OVMF.fd ] || missing="$missing ovmf"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"

if [ -n "$missing" ]; then
	if ! command -v apt-get >/dev/null; then
		echo "deps: install these by hand, this is no Debian: $missing" >&2
		exit 1
	fi
	echo "deps: installing $missing" >&2
	as_root apt-get -qq update
	# Both come from one source and must be of one version; a machine may have one of them from backports.
	case $missing in
	*qemu-*)
		version=$(apt-cache madison qemu-system-x86 | awk 'NR == 1 { print $3 }')
		missing=$(printf '%s' "$missing" | sed 's/qemu-system-x86//; s/qemu-utils//')
		missing="$missing qemu-system-x86=$version qemu-utils=$version"
		;;
	esac
	# shellcheck disable=SC2086 # a list of names
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --allow-downgrades --no-install-recommends \
		$missing >/dev/null
fi

# A test stands beside it. Debian has it up to 12; without it, what is ours alone is looked at.
if ! command -v packer >/dev/null && apt-cache show packer >/dev/null 2>&1; then
	echo "deps: installing packer" >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends packer >/dev/null ||
		echo "deps: without packer" >&2
fi

# Another puts user data through it.
"$(dirname "$0")/cloud-init.sh" >/dev/null || echo "deps: without cloud-init" >&2

if ! command -v cargo >/dev/null; then
	echo "deps: Rust is not installed: see https://rustup.rs" >&2
	exit 1
fi
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
if ! cargo nextest --version >/dev/null 2>&1; then
	echo "deps: installing cargo-nextest" >&2
	cargo install --quiet --locked cargo-nextest
fi
# The cloud that tests talk to.
"$(dirname "$0")/cloud-python.sh" >/dev/null
