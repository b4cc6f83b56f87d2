#!/bin/sh
# On the machine that becomes an image: says what is on its disk, or takes out first what belongs to one machine or to
# the bake. Prints records that end with NUL: f file, p package, s file of sysctl.d, ! what is not clean.
# usage: machine.sh look | machine.sh seal KEY [PART TO KEEP]… (standard input: the script that cleans)
set -eu
LC_ALL=C
export LC_ALL

look() {
	find / -xdev ! -type d -printf 'f%m %U %G %s %T@ %p\0'
	if command -v dpkg-query >/dev/null; then
		dpkg-query -W -f '${db:Status-Status}p${Package} ${Version}\n' | sed -n 's/^installedp/p/p' | tr '\n' '\0'
	elif command -v rpm >/dev/null; then
		rpm -qa --qf 'p%{NAME} %{VERSION}-%{RELEASE}\n' | tr '\n' '\0'
	fi
	for file in /usr/lib/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /etc/sysctl.d/*.conf; do
		[ -f "$file" ] || continue
		printf 's%s\n' "${file##*/}"
		cat "$file"
		printf '\0'
	done
}

# The key that the bake logs in with, in whoever's list it is.
forget() {
	for file in /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys; do
		[ -f "$file" ] || continue
		grep -qF -e "$1" "$file" || continue
		kept=$(grep -vF -e "$1" "$file" || :)
		# Into the same file: its owner and mode stay.
		if [ "$kept" ]; then printf '%s\n' "$kept" >"$file"; else rm -f "$file"; fi
	done
}

seal() {
	key=$1
	shift
	umask 077
	folder=$(mktemp -d /run/fitout.XXXXXX)
	cat >"$folder/clean"
	forget "$key"
	sh "$folder/clean" / clean "$@" >&2
	# What is alive writes logs and temporary files until it is stopped.
	printf '!'
	sh "$folder/clean" / check logs temporary leases "$@"
	grep -lF -e "$key" /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys 2>/dev/null || :
	printf '\0'
	rm -rf "$folder"
}

what=$1
shift
case $what in
seal)
	seal "$@"
	look
	sync
	;;
*) look ;;
esac
