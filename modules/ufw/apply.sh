# shellcheck shell=sh
# Calls ufw; what it says is the result, also where it fails.
said=$(LC_ALL=C ufw "$@" 2>&1 </dev/null)
rc=$?
if [ "$rc" = 0 ]; then printf '%s\n' "$said"; else printf '%s\n' "$said" >&2; fi
exit "$rc"
