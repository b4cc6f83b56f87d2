# shellcheck shell=sh disable=SC2154,SC2086
# Makes the environment where it is missing, then runs pip with "$@".
[ -z "$umask" ] || umask "$umask"
[ -z "$chdir" ] || cd -- "$chdir" || exit 1
if [ "$make" ]; then
  if command -v ${virtualenv_command%% *} >/dev/null 2>&1; then
    $virtualenv_command ${virtualenv_python:+-p "$virtualenv_python"} ${site_packages:+--system-site-packages} "$virtualenv" || exit
  else
    "${virtualenv_python:-python3}" -m venv ${site_packages:+--system-site-packages} "$virtualenv" || exit
  fi
fi
if [ "$virtualenv" ]; then pip="$virtualenv/bin/python -m pip"; fi
[ -z "$break_system" ] || export PIP_BREAK_SYSTEM_PACKAGES=1
exec $pip "$@" </dev/null
