#!/bin/sh
# Boots a root file system as a container, behind lab/enter.sh, up to basic.target: its systemd is there to start what a
# play wants started, and nothing else runs, for the network is this machine's.
# usage: booted.sh CGROUP ROOT MACHINE
set -eu
enter "$1/box"
exec systemd-nspawn -q --register=no --keep-unit -b -D "$2" -M "$3" --resolv-conf=off --timezone=off --link-journal=no \
	--console=read-only --notify-ready=yes --system-call-filter=@keyring systemd.unit=basic.target
