#!/bin/sh
# Measures the tool beside its peers on throw-away hosts and prints a table of ratios.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	echo "bench: the throw-away hosts need root: sudo make bench" >&2
	exit 1
fi
exec cargo bench "$@"
