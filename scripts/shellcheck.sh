#!/bin/sh
# Checks every script of the repository. A script without `#!` says its shell in a shellcheck directive.
set -eu
cd "$(dirname "$0")/.."
# Tracked or new, but not ignored; names without blanks, as all in the repository.
scripts=$(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
for script in $scripts; do
	[ -e "$script" ] || continue
	set -- "$@" "$script"
done
shellcheck -- "$@"
echo "shellcheck: $# scripts are clean"
