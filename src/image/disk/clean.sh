#!/bin/sh
# Takes out of a root file system what belongs to one machine or to the bake, or with `check` lists what is left of it.
# usage: clean.sh ROOT clean|check [PART TO KEEP]…
set -eu
root=$1 what=$2
shift 2

# Part, and patterns below the root. What ends in a slash is emptied; what begins with `=` keeps its place with no content.
parts() {
	cat <<'END'
policy usr/sbin/policy-rc.d
host_keys etc/ssh/ssh_host_*
machine_id =etc/machine-id var/lib/dbus/machine-id var/lib/systemd/random-seed var/lib/systemd/credential.secret
cloud_init var/lib/cloud/ run/cloud-init/ var/log/cloud-init*
apt_lists var/lib/apt/lists/ var/cache/apt/archives/*.deb var/cache/apt/*.bin
logs var/log/journal/
history root/.*_history home/*/.*_history root/.viminfo home/*/.viminfo root/.lesshst home/*/.lesshst root/.wget-hsts home/*/.wget-hsts root/.ssh/known_hosts* home/*/.ssh/known_hosts*
leases var/lib/dhcp/*.leases var/lib/systemd/network/ var/lib/NetworkManager/*.lease
engine etc/docker/key.json var/lib/docker/engine-id var/lib/docker/swarm/ var/lib/containerd/io.containerd.grpc.v1.introspection/
caches var/cache/ldconfig/ var/cache/debconf/*-old var/lib/dpkg/*-old
temporary tmp/ var/tmp/ root/.ansible/ root/.fitout/ root/.cache/
END
}

cd "$root"
kept=" $* "
parts | while read -r part patterns; do
	case $kept in *" $part "*) continue ;; esac
	for pattern in $patterns; do
		empty='' emptied=''
		case $pattern in
		=*) emptied=1 pattern=${pattern#=} ;;
		*/) empty=1 pattern=${pattern%/} ;;
		esac
		# shellcheck disable=SC2086 # a pattern
		for path in $pattern; do
			[ -e "$path" ] || [ -L "$path" ] || continue
			if [ "$emptied" ]; then
				if [ -L "$path" ] || [ ! -s "$path" ]; then continue; fi
				if [ "$what" = clean ]; then : >"$path"; else echo "$part: /$path has content"; fi
			elif [ "$empty" ]; then
				if [ ! -d "$path" ] || [ -L "$path" ] || [ -z "$(ls -A "$path")" ]; then continue; fi
				if [ "$what" = clean ]; then
					find "$path" -mindepth 1 -xdev -delete
				else
					echo "$part: /$path/ is not empty"
				fi
			elif [ "$part" = machine_id ] && [ -L "$path" ]; then
				# dbus' id is a link to the machine's.
				continue
			elif [ "$what" = clean ]; then
				rm -rf "$path"
			else
				echo "$part: /$path is there"
			fi
		done
	done
done

# Every log, however it is called and wherever it is: rotated ones go, the others keep their place, owner and mode.
logs() {
	[ -d var/log ] || return 0
	set -- -name '*.gz' -o -name '*.xz' -o -name '*.bz2' -o -name '*.zst' -o -name '*.old' -o -name '*.[0-9]' \
		-o -name '*.[0-9][0-9]' -o -name '*-20[0-9][0-9][0-9][0-9][0-9][0-9]'
	if [ "$what" = clean ]; then
		find var/log -xdev -type f \( "$@" \) -delete
		find var/log -xdev -type f -size +0 -exec sh -c 'for path; do : >"$path"; done' logs {} +
	else
		find var/log -xdev -type f \( "$@" \) -exec printf 'logs: /%s is there\n' {} +
		find var/log -xdev -type f ! \( "$@" \) -size +0 -exec printf 'logs: /%s has content\n' {} +
	fi
}
case $kept in *" logs "*) ;; *) logs ;; esac
# Systemd takes an empty file for a machine whose id has yet to be made.
[ "$what" != clean ] || [ -e etc/machine-id ] || : >etc/machine-id
