# shellcheck shell=sh disable=SC2154
# Installs packages "$@" without starting what they bring. $version, $containerd: versions' beginnings; $fresh: seconds
# for which lists are fresh; $hold. Packages that the repository does not have are left out, but for the first.
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none
get() { apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" </dev/null 2>&1; }
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}
age=$(($(date +%s) - $(stat -c %Y /var/lib/apt/lists/partial 2>/dev/null || echo 0)))
if [ "$age" -ge "$fresh" ] || ! apt-cache show -- "$1" >/dev/null 2>&1; then
  tries=3 waited=0
  until said=$(get update) && case $said in *"Err:"* | *"W: Failed"*) false ;; esac; do
    case $said in
      # Someone else is at it, as the distribution's own timer is after a boot; of this lock apt has no time limit.
      *"Could not get lock"* | *"Unable to lock"*) waited=$((waited + 1)) ;;
      *) tries=$((tries - 1)) ;;
    esac
    if [ "$tries" -le 0 ] || [ "$waited" -gt 120 ]; then fail "the package lists cannot be fetched: $said"; fi
    sleep 1
  done
fi
# The newest version that begins with $2: 24.0 fits 5:24.0.7-1~debian.12~bookworm.
resolve() {
  apt-cache madison -- "$1" | cut -d'|' -f2 | tr -d ' ' | while read -r have; do
    bare=${have#*:}
    case $have in "$2") printf %s "$have" && break ;; esac
    case $bare in "$2" | "$2"[-.~+]*) printf %s "$have" && break ;; esac
  done
}
first=$1
words=
for package in "$@"; do
  case $package in
    containerd*) wanted=$containerd ;;
    docker-ce* | docker.io | docker-cli | docker-engine) wanted=$version ;;
    *) wanted= ;;
  esac
  if [ -z "$(apt-cache madison -- "$package")" ]; then
    [ "$package" != "$first" ] || fail "no repository of the host has the package $package"
    continue
  fi
  if [ -n "$wanted" ]; then
    exact=$(resolve "$package" "$wanted")
    [ -n "$exact" ] || fail "no version $wanted of $package; there are: $(apt-cache madison -- "$package" | cut -d'|' -f2 | tr -d ' ' | tr '\n' ' ')"
    package=$package=$exact
  fi
  words="$words $package"
done
# A policy that lets nothing start, unless the host has its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit 1
fi
# shellcheck disable=SC2086 # package names hold no blanks
said=$(get install --no-install-recommends --allow-downgrades --allow-change-held-packages \
  -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold $words) || fail "$said"
names=
for word in $words; do names="$names ${word%%=*}"; done
# shellcheck disable=SC2086
if [ -n "$hold" ]; then apt-mark hold $names >/dev/null; fi
