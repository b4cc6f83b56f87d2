#!/bin/sh
# Measures the tool beside its peers on throw-away hosts and prints tables of ratios.
# usage: bench.sh [--runs N] [--hosts 1,10,50] [--round-trips 0,50] [--parts converged,first,fleet,cluster,compile] [--venv DIR]
#        bench.sh bake [--runs N]      a bake beside the same work by hand
#        bench.sh cloud [--runs N] [--venv DIR]    EC2 beside Ansible's amazon.aws, on the tests' cloud; needs no root
set -eu
cd "$(dirname "$0")/.."
bench=beside
peers='ansible-core==2.19.14 mitogen==0.3.54 pyinfra==3.10.0'
if [ "${1:-}" = cloud ]; then
	shift
	bench=cloud
	peers='ansible==12.3.0 boto3==1.44.5'
elif [ "$(id -u)" != 0 ]; then
	echo "bench: the throw-away hosts need root: sudo make bench" >&2
	exit 1
fi

stamp() {
	echo "measured $(date -u '+%Y-%m-%d %H:%M') UTC, $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), load $(cut -d' ' -f1 /proc/loadavg)"
}
if [ "${1:-}" = bake ]; then
	shift
	stamp
	exec benches/bake/run.sh "$@"
fi

# However this ends, the peers go; hosts of a killed run go with the next lab, as all orphans do.
folder=$(mktemp -d)
watches=/proc/sys/fs/inotify/max_user_instances
before=$(cat "$watches")
trap 'rm -rf "$folder"; [ "$(cat "$watches")" = "$before" ] || echo "$before" >"$watches"' EXIT
# Fifty hosts that boot here need more than a machine usually gives.
[ "$bench" = cloud ] || [ "$before" -ge 1024 ] || echo 1024 >"$watches"
trap 'exit 130' INT TERM HUP

case " $* " in
*' --venv '*) ;;
*)
	python3 -m venv "$folder/venv" 2>/dev/null || {
		echo "bench: installing python3-venv" >&2
		apt-get -qq update
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv >/dev/null
		python3 -m venv --clear "$folder/venv"
	}
	echo "bench: installing $peers below $folder" >&2
	# shellcheck disable=SC2086 # several words
	"$folder/venv/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check $peers
	set -- --venv "$folder/venv" "$@"
	;;
esac

stamp
cargo bench --quiet --bench "$bench" -- "$@"
