# shellcheck shell=sh
# Put before host.sh and vm.sh: how the processes of a host become findable.

# Enters the cgroup $1 in every hierarchy. Version 1 has many; some refuse (cpuset wants settings first), which only
# means that the host's processes are not counted there.
enter() {
	for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ -f "$hierarchy/cgroup.procs" ] || continue
		mkdir -p "$hierarchy/$1" 2>/dev/null || continue
		echo 0 2>/dev/null >"$hierarchy/$1/cgroup.procs" || true
		# Only a hierarchy's root is entered: what is below the mount of version 2 is no hierarchy of its own.
		[ "$hierarchy" != /sys/fs/cgroup ] || break
	done
}
