# shellcheck shell=sh disable=SC2154
# apt-get "$@" where the words after `--` are .deb files: paths, or URLs, which are fetched first.
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
count=$#
number=0
files=
while [ "$count" -gt 0 ]; do
  item=$1
  shift
  count=$((count - 1))
  case $files$item in
    --) files=1 to=-- ;;
    1http://* | 1https://* | 1ftp://*)
      number=$((number + 1))
      to=$dir/$number.deb
      if command -v curl >/dev/null 2>&1; then
        curl -fsSL -o "$to" -- "$item" || exit 1
      elif command -v wget >/dev/null 2>&1; then
        wget -q -O "$to" -- "$item" || exit 1
      else
        /usr/lib/apt/apt-helper download-file "$item" "$to" >/dev/null || exit 1
      fi
      ;;
    1[!/]*) to=./$item ;;
    *) to=$item ;;
  esac
  set -- "$@" "$to"
done
waited=0
while :; do
  { said=$(apt-get "$@" 2>&1 >&3 </dev/null); } 3>&1
  rc=$?
  case $rc:$said in
    0:*) break ;;
    *'Could not get lock'* | *'Unable to acquire the dpkg frontend lock'*) ;;
    *) break ;;
  esac
  [ "$waited" -lt "$lock_timeout" ] || break
  waited=$((waited + 1))
  sleep 1
done
[ -z "$said" ] || printf '%s\n' "$said" >&2
exit "$rc"
