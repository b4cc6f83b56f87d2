#!/bin/sh
# The tool at work: fresh hosts, a baseline for nodes planned, applied, applied again, disturbed and healed; then the same
# hosts become a Docker Swarm, a further one joins, and one leaves.
# usage: demo.sh [HOSTS]
# FITOUT is the program to show; without it the one of this repository is built.
set -eu
cd "$(dirname "$0")/.."
hosts=${1:-4}
name=demo
playbook=playbooks/baseline.yml

if [ "$(id -u)" != 0 ]; then
	echo "demo: the throw-away hosts need root: sudo make demo" >&2
	exit 1
fi

# Colours only for a terminal.
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
# The command as it can be typed, then what it does.
show() {
	printf '$'
	for word; do
		case $word in *[!A-Za-z0-9_./=:,-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
	done
	printf '\n'
	"$@"
}
# A command that has to find changes: exit code 2.
show_changes() {
	status=0
	show "$@" || status=$?
	[ "$status" = 2 ] || { echo "demo: there should be changes (exit code 2), this ended with $status" >&2; exit 1; }
}

# An apply after which its recap tells of no change: "0 changed" as the whole number, and so of every host.
show_unchanged() {
	said=$(show "$@") || { printf '%s\n' "$said"; exit 1; }
	printf '%s\n' "$said"
	printf '%s\n' "$said" | awk '
		/^[0-9]+ changed, [0-9]+ ok on / { recaps++; if ($1 != 0) bad = 1 }
		/ changed=[0-9]/ { if ($0 !~ / changed=0( |$)/) bad = 1 }
		END { exit bad || !recaps }' ||
		{ echo "demo: nothing should change any more" >&2; exit 1; }
}

if [ -z "${FITOUT:-}" ]; then
	say "Building fitout"
	FITOUT=$(scripts/program.sh)
fi
# What is shown can be typed: the program is found by its name.
PATH=$(dirname "$FITOUT"):$PATH

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
show_changes fitout plan -i "$inventory" "$playbook"

say "Applying it"
show fitout apply --yes -i "$inventory" "$playbook"

say "Applying it again: the hosts are as the playbook says, nothing changes"
show_unchanged fitout apply --yes -i "$inventory" "$playbook"
show fitout verify -i "$inventory" "$playbook"

say "Someone changes node1 by hand"
show fitout lab ssh --name "$name" node1 -- \
	'echo "net.ipv4.tcp_syncookies = 0" > /etc/sysctl.d/60-network.conf; chmod 666 /etc/motd; systemctl stop node-heartbeat.timer'

say "The plan shows the drift, and only that"
show_changes fitout plan --diff -i "$inventory" "$playbook"

say "Healing it"
show fitout apply --yes -i "$inventory" "$playbook"
show fitout verify -i "$inventory" "$playbook"

# The cluster: the lab's hosts in the groups that playbooks/cluster.yml wants. $1: how node3 is; the rest: other workers.
cluster=playbooks/cluster.yml
groups=$(mktemp)
trap 'rm -f "$groups"; fitout lab down --name "$name"' EXIT
inventory() {
	printf '[swarm_managers]\nnode1\n[swarm_workers]\nnode2\nnode3 %s\n' "$1"
	shift
	[ "$#" = 0 ] || printf '%s\n' "$@"
	printf '[all:vars]\ncontainer_engine_source=distribution\n'
}
# A command whose output has to have a line like this.
show_line() {
	line=$1
	shift
	said=$(show "$@") || { printf '%s\n' "$said"; exit 1; }
	printf '%s\n' "$said"
	printf '%s\n' "$said" | grep -q "$line" || { echo "demo: no line has: $line" >&2; exit 1; }
}
# The swarm's nodes, which have to be these, all of them ready.
show_nodes() {
	said=$(show fitout lab ssh --name "$name" node1 -- docker node ls) || { printf '%s\n' "$said"; exit 1; }
	printf '%s\n' "$said"
	# Of a list's lines those below its head; the node that is asked has a star behind its ID.
	ready=$(printf '%s\n' "$said" | tr -d '*' | awk 'list { print $2, $3 } $2 == "HOSTNAME" { list = 1 }' | sort)
	wanted=$(printf '%s Ready\n' "$@" | sort)
	[ "$ready" = "$wanted" ] || { printf 'demo: the nodes should be:\n%s\n' "$wanted" >&2; exit 1; }
}
inventory '' >"$groups"

say "The same hosts become a Docker Swarm: a container engine on each, one manager, two workers"
began=$(date +%s)
show fitout apply --yes -i "$inventory" -i "$groups" "$cluster"
echo "took $(($(date +%s) - began)) s"
show_nodes node1 node2 node3

say "Applying it again: nothing changes"
show_unchanged fitout apply --yes -i "$inventory" -i "$groups" "$cluster"
show fitout verify -i "$inventory" -i "$groups" "$cluster"

say "A fourth host is in the inventory, and node3 shall leave: one run"
inventory 'swarm_member_state=absent' node4 >"$groups"
show_line 'node3 is removed' fitout apply --yes -i "$inventory" -i "$groups" "$cluster"
show_nodes node1 node2 node4
show fitout verify -i "$inventory" -i "$groups" "$cluster"

say "Taking the hosts down; nothing is left of them"
