#!/bin/sh
# Prints the Python that has what tests/cloud needs; makes its virtual environment where there is none yet.
set -eu

wanted=$(dirname "$0")/../tests/cloud/requirements.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fitout
venv=$cache/cloud-$(cksum <"$wanted" | cut -d ' ' -f 1)

if [ ! -e "$venv/ready" ]; then
	mkdir -p "$cache"
	# Tests run in parallel; the first makes it, the others wait.
	exec 9>"$cache/cloud.lock"
	flock 9
	if [ ! -e "$venv/ready" ]; then
		echo "cloud-python: installing moto in $venv" >&2
		rm -rf "$venv"
		python3 -m venv "$venv" >&2
		"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$wanted" >&2
		touch "$venv/ready"
	fi
fi
echo "$venv/bin/python"
