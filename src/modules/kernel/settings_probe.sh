# shellcheck shell=sh disable=SC2154,SC3013
# Running values of the keys "$@" (paths below /proc/sys), the files $files in full, and all that is read at boot.
# With $modules (names, one a line) also what loads kernel modules. Who sets a parameter when it starts, behind all files:
# with $late who makes the host forward, with $bridges who filters bridges, with $proxied who sizes the table of connections.

# Where a path really is, into real: itself, where nothing on the way is a link.
real_of() { # PATH
  real=$1 up=$1
  case $1/ in
    //* | [!/]* | *//* | */./* | */../*) ;;
    *)
      while [ "$up" ] && ! [ -L "$up" ]; do up=${up%/*}; done
      [ "$up" ] || return 0
      ;;
  esac
  real=$(readlink -f -- "$1")
}

n=$#
for key in "$@"; do
  # Unquoted, for keys may be patterns.
  for file in /proc/sys/$key; do
    [ -e "$file" ] || continue
    emit "live:${file#/proc/sys/}" exists 1
    [ ! -w "$file" ] || emit "live:${file#/proc/sys/}" writable 1
    set -- "$@" "$file"
  done
done
shift "$n"
# One read for each file: some give their value only to the first.
[ $# -eq 0 ] || emit live values "$(grep -asH '' "$@" 2>/dev/null)"
IFS='
'
set -f
# shellcheck disable=SC2086
set -- $files
set +f
unset IFS
for file in "$@"; do
  [ -d "${file%/*}" ] || emit "$file" nofolder 1
  real_of "$file" && emit "$file" path "$real"
  [ -e "$file" ] || continue
  emit "$file" exists 1
  text_of "$file" || continue
  emit "$file" content "$content"
done
set --
for one in /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf \
  /lib/sysctl.d/*.conf; do
  if [ -e "$one" ] || [ -L "$one" ]; then set -- "$@" "$one"; fi
  [ -L "$one" ] || continue
  # Those that are met everywhere are told without a program.
  if [ "$one" -ef /dev/null ]; then
    emit link "$one" /dev/null
  elif ! [ -L /etc/sysctl.conf ] && [ "$one" -ef /etc/sysctl.conf ]; then
    emit link "$one" /etc/sysctl.conf
  else
    emit link "$one" "$(readlink -f -- "$one")"
  fi
done
if ! [ -e /usr/lib/systemd/systemd-sysctl ] && ! [ -e /lib/systemd/systemd-sysctl ]; then
  emit boot last /etc/sysctl.conf
  set -- "$@" /etc/sysctl.conf
fi
emit boot files "$(printf '%s\n' "$@")"
[ $# -eq 0 ] || emit boot lines "$(grep -asnH '^[[:space:]]*[^#;[:space:]]' "$@" 2>/dev/null)"
if [ "$modules" ]; then
  boot_modules "$pattern" modules-load.d
  # Rules of these three hide the distribution's of the same name.
  set -- /etc/udev/rules.d/*.rules /run/udev/rules.d/*.rules /usr/local/lib/udev/rules.d/*.rules
  emit boot rules "$(printf '%s\n' "$@")"
  emit boot udev "$(grep -Hs systemd-sysctl "$@" /usr/lib/udev/rules.d/*.rules /lib/udev/rules.d/*.rules)"
  emit boot builtin "$(grep -sF "$modules" "/lib/modules/$(uname -r)/modules.builtin")"
fi
if [ "$late$bridges" ]; then
  for one in /usr/bin/dockerd /usr/sbin/dockerd; do
    [ -x "$one" ] || continue
    [ -z "$bridges" ] || emit late bridges "$one"
    if [ "$late" ] && ! grep -qs '"ip-forward"[[:space:]]*:[[:space:]]*false' /etc/docker/daemon.json; then
      emit late engine "$one"
    fi
    break
  done
fi
if [ "$proxied" ]; then
  for one in /usr/bin /usr/local/bin; do
    for program in kube-proxy kubelet k3s rke2; do
      [ ! -x "$one/$program" ] || emit late proxy "$one/$program"
    done
  done
fi
if [ "$late" ]; then
  # One interface's option sets it for all, up to systemd 255; since then the daemon has one of its own.
  emit late networkd "$(
    grep -isHoE '^[[:space:]]*IPForward[[:space:]]*=[[:space:]]*(1|y|t|on|ipv4)[a-z]*' /etc/systemd/network/*.network \
      /etc/systemd/network/*.network.d/*.conf
    grep -isHoE '^[[:space:]]*IPv4Forwarding[[:space:]]*=[[:space:]]*(1|y|t|on)[a-z]*' /etc/systemd/networkd.conf \
      /etc/systemd/networkd.conf.d/*.conf
  )"
fi
:
