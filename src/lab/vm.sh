#!/bin/sh
# One lab host with a kernel of its own, as the first process of its PID namespace: when this ends, all of it ends.
# usage: vm.sh CGROUP COMMAND…
set -eu
cgroup=$1
shift

enter "$cgroup/keeper"
(
	enter "$cgroup/box"
	exec "$@"
)
