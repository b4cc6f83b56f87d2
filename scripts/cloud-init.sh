#!/bin/sh
# Prints the folder with Debian's cloud-init, which a test puts user data through; fetches it where there is none yet.
# It is unpacked, not installed: it would configure this machine at its next boot.
set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/fitout
folder=$cache/cloud-init

if [ ! -e "$folder/ready" ]; then
	mkdir -p "$cache"
	exec 9>"$cache/cloud-init.lock"
	flock 9
	if [ ! -e "$folder/ready" ]; then
		rm -rf "$folder"
		mkdir "$folder"
		(
			cd "$folder"
			# Its readers of JSON patches come along: it does not start without.
			apt-get -qq download cloud-init python3-jsonpatch python3-json-pointer >&2
			for package in *.deb; do
				dpkg-deb -x "$package" .
			done
		)
		touch "$folder/ready"
	fi
fi
echo "$folder/usr/lib/python3/dist-packages"
