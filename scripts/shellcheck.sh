#!/bin/sh
# Checks every script of the repository. 
set -eu
cd "$(dirname "$0")/.."
# Tracked or new, but not ignored; names without blanks, as all in the repository.
scripts=$(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run 'playbooks/roles/*/files/fitout-*' playbooks/roles/node_baseline/files)
programs='' parts=''
for script in $scripts; do
	[ -e "$script" ] || continue
	# What the tool itself sends to hosts has no first line that names a shell: any POSIX sh has to do.
	case $(head -c 2 "$script") in
	'#!') programs="$programs $script" ;;
	*) parts="$parts $script" ;;
	esac
done
# shellcheck disable=SC2086 # lists of names
{
	shellcheck -- $programs
	[ -z "$parts" ] || shellcheck --shell=sh -- $parts
	set -- $programs $parts
}
echo "shellcheck: $# scripts are clean"
