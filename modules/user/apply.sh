# shellcheck shell=sh disable=SC2154,SC2086
# $act: add, modify, remove, key. Options are in "$@", built by the module; the hash comes over stdin.
has() { command -v "$1" >/dev/null 2>&1; }
case $act in
  add)
    if has useradd; then
      useradd "$@" -- "$name"
    else
      adduser -D ${shell:+-s "$shell"} ${home:+-h "$home"} ${uid:+-u "$uid"} ${group:+-G "$group"} \
        ${comment:+-g "$comment"} ${system:+-S} ${no_home:+-H} -- "$name" || exit
      IFS=,
      for one in $groups; do addgroup "$name" "$one" || exit; done
    fi || { rc=$?; [ "$rc" -eq 12 ] || exit "$rc"; }
    ;;
  modify)
    if has usermod; then
      usermod "$@" -- "$name"
    else
      printf 'the host has no usermod: install the package that brings it (passwd, shadow)\n' >&2
      exit 1
    fi
    ;;
  remove)
    if has userdel; then
      userdel ${remove:+-r} ${force:+-f} -- "$name" || { rc=$?; [ "$rc" -eq 12 ] || exit "$rc"; }
    else
      deluser ${remove:+--remove-home} -- "$name"
    fi
    ;;
  password)
    # chpasswd reads `name:hash`, so the hash is in no process's arguments.
    chpasswd -e
    ;;
  lock) passwd -l -- "$name" >/dev/null || usermod -L -- "$name" ;;
  unlock) usermod -U -- "$name" ;;
  age) chage "$@" -- "$name" ;;
  home)
    home=$(getent passwd -- "$name" 2>/dev/null | cut -d: -f6)
    [ "$home" ] || home=$(grep "^$name:" /etc/passwd | cut -d: -f6)
    [ -d "$home" ] || {
      mkdir -p -- "$home" && cp -R -- "${skeleton:-/etc/skel}/." "$home/" 2>/dev/null
      chown -R "$name": "$home" && chmod "$(printf '%o' $((0777 & ~0${umask:-022})))" "$home"
    }
    ;;
  key)
    home=$(getent passwd -- "$name" 2>/dev/null | cut -d: -f6)
    [ "$home" ] || home=$(grep "^$name:" /etc/passwd | cut -d: -f6)
    case $key_file in /*) file=$key_file ;; *) file=$home/$key_file ;; esac
    dir=${file%/*}
    [ -d "$dir" ] || { mkdir -p -- "$dir" && chmod 700 "$dir" && chown "$name": "$dir"; } || exit 1
    [ -z "$force" ] || rm -f -- "$file" "$file.pub"
    ssh-keygen -q -t "$type" ${bits:+-b "$bits"} -C "$key_comment" -N "" -f "$file" >&2 || exit 1
    chown "$name": "$file" "$file.pub"
    ;;
esac
