# shellcheck shell=sh
# Makes folder $1, readable by all: apt reads keys as a user of its own.
[ -d "$1" ] || install -d -m 0755 -- "$1"
