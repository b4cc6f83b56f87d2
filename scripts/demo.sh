#!/bin/sh
# The tool at work: three fresh hosts, a baseline for nodes planned, applied, applied again, disturbed and healed.
# usage: demo.sh [HOSTS]
set -eu
cd "$(dirname "$0")/.."
hosts=${1:-3}
name=demo
playbook=playbooks/baseline.yml

if [ "$(id -u)" != 0 ]; then
	echo "demo: the throw-away hosts need root: sudo make demo" >&2
	exit 1
fi

# Colours only for a terminal.
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
show() {
	printf '$ %s\n' "$*"
	"$@"
}

say "Building fitout"
cargo build --quiet
# A copy of the path, not of the program: what is shown can be typed.
PATH=$PWD/target/debug:$PATH

# However this ends, the hosts go.
trap 'fitout lab down --name "$name"' EXIT
trap 'exit 130' INT TERM HUP
fitout lab down --name "$name"

say "Bringing up $hosts booted Debian hosts (systemd, sshd, a network of their own)"
inventory=$(fitout lab up --name "$name" -n "$hosts")
show fitout lab list

say "The playbook compiles; nothing has touched a host yet"
show fitout check -i "$inventory" "$playbook"

say "The plan: what would change, and why"
status=0
show fitout plan -i "$inventory" "$playbook" || status=$?
[ "$status" = 2 ] || { echo "demo: a plan with changes exits with 2, this one with $status" >&2; exit 1; }

say "Applying it"
show fitout apply --yes -i "$inventory" "$playbook"

say "Applying it again: a converged fleet, one round trip, nothing changes"
show fitout apply --yes -i "$inventory" "$playbook"
show fitout verify -i "$inventory" "$playbook"

say "Someone changes node1 by hand"
show fitout lab ssh --name "$name" node1 -- \
	'echo "net.ipv4.tcp_syncookies = 0" > /etc/sysctl.d/60-network.conf; chmod 666 /etc/motd; systemctl stop node-heartbeat.timer'

say "The plan shows the drift, and only that"
status=0
show fitout plan --diff -i "$inventory" "$playbook" || status=$?
[ "$status" = 2 ] || { echo "demo: the drift was not seen (exit $status)" >&2; exit 1; }

say "Healing it"
show fitout apply --yes -i "$inventory" "$playbook"
show fitout verify -i "$inventory" "$playbook"

say "Taking the hosts down; nothing is left of them"
