# shellcheck shell=sh disable=SC2154
# Packages "$@" and what is around them. $url: the key, fetched where $keyring is missing; $users: a name a line;
# $ask: the candidates' versions are wanted.
if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  emit '' tool absent
  exit 0
fi
# shellcheck disable=SC1091 # of the host
. /etc/os-release
emit '' os "${ID:-}"
emit '' codename "${VERSION_CODENAME:-}"
emit '' list "$(dpkg-query -W -f='${Package} ${db:Status-Status} ${Version} ${db:Status-Want}\n' -- "$@" containerd containerd.io runc \
  docker-cli docker-ce-cli docker-buildx-plugin docker-compose-plugin docker-compose 2>/dev/null)"
[ -z "$ask" ] || emit '' policy "$(apt-cache policy -- "$@" 2>/dev/null)"
hex() { od -An -v -tx1 -- "$1" | tr -d ' \n'; }
case $url in *'{os}'*) url=${url%%'{os}'*}${ID:-debian}${url#*'{os}'} ;; esac
if [ -n "$keyring" ]; then
  emit '' arch "$(dpkg --print-architecture)"
  if [ -s "$keyring" ]; then
    emit '' keyring "$(hex "$keyring")"
  elif [ -n "$url" ]; then
    tmp=$(mktemp) || exit 1
    trap 'rm -f "$tmp"' EXIT
    if command -v curl >/dev/null 2>&1; then
      said=$(curl -fsSL --max-time 60 -o "$tmp" -- "$url" 2>&1)
    elif command -v wget >/dev/null 2>&1; then
      said=$(wget -q -T 60 -O "$tmp" -- "$url" 2>&1)
    else
      said=$(/usr/lib/apt/apt-helper download-file "$url" "$tmp" 2>&1)
    fi || emit '' fetch_failed "${said:-no answer}"
    emit '' fetched "$(hex "$tmp")"
  fi
fi
if ! command -v systemctl >/dev/null 2>&1; then
  :
elif [ ! -d /run/systemd/system ]; then
  emit '' service "UnitFileState=$(systemctl is-enabled docker.service 2>/dev/null)"
else
  emit '' service "$(systemctl show -p LoadState,ActiveState,UnitFileState,LimitNOFILE docker.service 2>/dev/null)"
fi
for user in $users; do
  emit "$user" groups "$(id -nG -- "$user" 2>/dev/null)"
done
[ ! -s /var/lib/docker/swarm/docker-state.json ] || emit '' swarm 1
# An image in the making, or a root file system: the engine starts when the machine boots.
if [ -e /run/fitout.bake ] || [ ! -d /run/systemd/system ]; then emit '' held 1; fi
