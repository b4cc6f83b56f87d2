# shellcheck shell=sh disable=SC2154,SC2086
# What pip has installed.
if [ "$virtualenv" ]; then
  if [ ! -x "$virtualenv/bin/python" ]; then
    emit '' env absent
    exit 0
  fi
  set -- "$virtualenv/bin/python" -m pip
elif [ "$executable" ]; then
  set -- $executable
elif command -v pip3 >/dev/null 2>&1; then
  set -- pip3
elif command -v pip >/dev/null 2>&1; then
  set -- pip
elif python3 -m pip --version >/dev/null 2>&1; then
  set -- python3 -m pip
else
  emit '' tool absent
  exit 0
fi
emit '' pip "$*"
emit '' list "$("$@" list --format=freeze --disable-pip-version-check 2>/dev/null)"
if [ "$outdated" ]; then emit '' outdated "$("$@" list --outdated --format=freeze --disable-pip-version-check 2>/dev/null)"; fi
