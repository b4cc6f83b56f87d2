# shellcheck shell=sh disable=SC2154,SC2016,SC3013
# Facts, raw: most of it is one grep over the files of the wanted sections. $want holds the sections' names,
# $fact_path the folder of custom facts. Everything is parsed by the controller.
has() { case " $want " in *" $1 "*) return 0 ;; esac; return 1; }
begin() { printf '%s\0%s\0' "$1" "$2"; }
end() { printf '\0'; }
run() { key=$1; shift; begin run "$key"; "$@" 2>/dev/null || :; end; }

emit want sections "$want"
k=/proc/sys/kernel
set --
has platform && set -- "$@" $k/ostype $k/osrelease $k/version $k/hostname /etc/machine-id /var/lib/dbus/machine-id
has distribution && set -- "$@" /etc/os-release /usr/lib/os-release /etc/debian_version /etc/lsb-release \
  /etc/redhat-release /etc/centos-release /etc/alpine-release
has service_mgr && set -- "$@" /proc/1/comm
has fqdn && set -- "$@" $k/hostname /etc/hosts
has dns && set -- "$@" /etc/resolv.conf
has cmdline && set -- "$@" /proc/cmdline
has caps && set -- "$@" /proc/self/status $k/cap_last_cap
has fips && set -- "$@" /proc/sys/crypto/fips_enabled
has selinux && set -- "$@" /sys/fs/selinux/enforce /sys/fs/selinux/policyvers /etc/selinux/config
has load && set -- "$@" /proc/uptime /proc/loadavg
has memory && set -- "$@" /proc/meminfo
{ has cpu || has virtual; } && set -- "$@" /proc/cpuinfo
has ssh_keys && set -- "$@" /etc/ssh/ssh_host_*_key.pub /etc/openssh/ssh_host_*_key.pub
{ has dmi || has virtual; } && set -- "$@" /sys/class/dmi/id/[bcps]*_*
has virtual && set -- "$@" /proc/1/cgroup /run/systemd/container /sys/hypervisor/type
has mounts && set -- "$@" /proc/mounts /etc/fstab
has devices && set -- "$@" /sys/block/*/size /sys/block/*/removable /sys/block/*/queue/rotational \
  /sys/block/*/queue/scheduler /sys/block/*/queue/logical_block_size /sys/block/*/device/model \
  /sys/block/*/device/vendor /sys/block/*/*/start /sys/block/*/*/size /sys/block/*/queue/discard_* \
  /sys/block/*/device/s[ae][sr]* /sys/block/*/dm/name
has initiators && set -- "$@" /etc/iscsi/initiatorname.iscsi /etc/nvme/hostnqn /sys/class/fc_host/*/port_name
has network && set -- "$@" /sys/class/net/*/address /sys/class/net/*/mtu /sys/class/net/*/operstate \
  /sys/class/net/*/type /sys/class/net/*/flags /sys/class/net/*/speed /sys/class/net/*/bridge/stp_state \
  /sys/class/net/*/bridge/bridge_id /sys/class/net/*/bonding/mode /proc/net/route /proc/net/ipv6_route /proc/net/if_inet6 /proc/net/fib_trie
if [ $# -gt 0 ]; then run files grep -asH '' "$@"; fi

has platform && run machine uname -m
if has pkg_mgr; then
  for p in apt-get:apt dnf5:dnf5 dnf:dnf microdnf:dnf yum:yum zypper:zypper pacman:pacman apk:apk emerge:portage \
    xbps-install:xbps opkg:opkg; do
    for d in /usr/bin /bin /sbin /usr/sbin; do
      if [ -x "$d/${p%%:*}" ]; then emit pkg_mgr name "${p#*:}"; break 2; fi
    done
  done
fi
if has service_mgr; then
  for f in /run/systemd/system /sbin/openrc /etc/init.d /usr/bin/systemctl /bin/systemctl /lib/systemd/systemd \
    /etc/inittab /sbin/upstart /run/openrc; do
    if [ -e "$f" ]; then emit exists "$f" 1; fi
  done
fi
if has fqdn; then
  if read -r node <$k/hostname && ! grep -qsw -- "$node" /etc/hosts; then run fqdn hostname -f; fi
fi
if has distribution && command -v lsb_release >/dev/null 2>&1; then emit lsb present 1; fi
if has apparmor && [ -d /sys/kernel/security/apparmor ]; then emit apparmor present 1; fi
if has virtual; then
  for f in /.dockerenv /.dockerinit /run/.containerenv /proc/vz /proc/bc /proc/xen /dev/kvm; do
    if [ -e "$f" ]; then emit exists "$f" 1; fi
  done
  if [ -r /proc/1/environ ]; then run container sh -c 'tr "\0" "\n" </proc/1/environ | grep "^container="'; fi
fi
if has chroot; then
  if [ -n "${debian_chroot-}" ]; then
    emit chroot is 1
  elif [ -e /proc/1/root/. ]; then
    if [ / -ef /proc/1/root/. ]; then emit chroot is 0; else emit chroot is 1; fi
  else
    # The root of a file system has a number of its own.
    case $(stat -f -c %T / 2>/dev/null) in btrfs) top=256 ;; xfs) top=128 ;; *) top=2 ;; esac
    if [ "$(stat -c %i / 2>/dev/null)" = "$top" ]; then emit chroot is 0; else emit chroot is 1; fi
  fi
fi
if has reboot; then
  # Debian's tools and ours make this file; it is gone after a boot.
  if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then emit reboot required 1; fi
  [ ! -r /run/reboot-required.pkgs ] || run reboot_pkgs sort -u /run/reboot-required.pkgs
fi
if has user; then run id id; run passwd sh -c 'getent passwd "$(id -u)" || grep "^$(id -un):" /etc/passwd'; fi
plain_env() { (own_locale && exec env); }
has env && run env plain_env
has date_time && run date date '+%Y|%m|%d|%H|%M|%S|%s|%Z|%z|%A|%w|%W|%V'
if has python; then
  for p in python3 python; do
    if path=$(command -v $p 2>/dev/null); then emit python path "$path"; run python "$path" -V; break; fi
  done
fi
if has network; then
  for f in /sys/class/net/*/brif/*; do
    [ -e "$f" ] || continue
    bridge=${f#/sys/class/net/}
    emit port "${bridge%%/*}" "${f##*/}"
  done
fi
if has network && command -v ip >/dev/null 2>&1; then
  run addr ip -o addr show
  run route4 ip -4 -o route get 8.8.8.8
  run route6 ip -6 -o route get 2404:6800:400a:800::1012
fi
if has mounts; then
  set --
  while read -r dev dir _; do
    case $dir in *\\*) dir=$(printf %b "$dir") ;; esac
    case $dev in /* | *:/*) set -- "$@" "$dir" ;; esac
  done </proc/mounts
  if [ $# -gt 0 ]; then run statfs stat -f -c '%S|%b|%a|%c|%d|%n' -- "$@"; fi
fi
if has mounts || has devices; then run links ls -l /dev/disk/by-id /dev/disk/by-label /dev/disk/by-uuid; fi
if has devices; then
  # What a device is a part of, and what is made of it.
  for f in /sys/block/*/holders/* /sys/block/*/*/holders/*; do
    [ -e "$f" ] || continue
    held=${f%/holders/*}
    emit holder "${held##*/}" "${f##*/}"
  done
  for f in /sys/block/*/slaves/*; do
    [ -e "$f" ] || continue
    made=${f#/sys/block/}
    emit master "${f##*/}" "${made%%/*}"
  done
fi
if has lvm && command -v vgs >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  emit lvm tools 1
  for tool in vgs lvs pvs; do run "$tool" "$tool" --noheadings --nosuffix --units g --separator ,; done
fi
if has local && [ -d "$fact_path" ]; then
  for f in "$fact_path"/*.fact; do
    if [ -L "$f" ] && [ ! -e "$f" ]; then
      begin local "$f"
      end
      emit local_rc "$f" dangling
    fi
    [ -f "$f" ] || continue
    begin local "$f"
    if [ -x "$f" ]; then "$f" 2>/dev/null; rc=$?; else cat -- "$f"; rc=0; fi
    end
    emit local_rc "$f" "$rc"
  done
fi
:
