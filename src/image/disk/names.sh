# shellcheck shell=sh disable=SC2154
# Put before holder.sh and inside.sh. Names are resolved as this machine does; what the image has for it is not touched.
# usage: names ROOT FILE: FILE has this machine's name servers.
names() {
	mkdir -p "$1/run/systemd/resolve"
	cat "$2" >"$1/run/systemd/resolve/stub-resolv.conf"
	if [ ! -L "$1/etc/resolv.conf" ]; then
		[ -e "$1/etc/resolv.conf" ] || : >"$1/etc/resolv.conf"
		mount --bind "$1/run/systemd/resolve/stub-resolv.conf" "$1/etc/resolv.conf"
	fi
}
