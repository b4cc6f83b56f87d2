# shellcheck shell=sh
# Keeps stdin, the lines that are going to change, in a file of its own, where Ansible keeps them.
copy=$(umask 077 && mktemp "${TMPDIR:-/tmp}/crontabXXXXXX") && cat >"$copy" || exit 1
emit '' backup_file "$copy"
