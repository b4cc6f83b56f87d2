# shellcheck shell=sh disable=SC2154
# Names and versions of .deb files "$@" (paths or URLs) beside those installed. A URL is fetched only where its file
# name does not tell (NAME_VERSION_ARCH.deb) or another version is installed: then apply has it to fetch anyway.
for item in "$@"; do
  file=${item##*/}
  case $item in
    http://* | https://* | ftp://*)
      file=${file%%[?#]*}
      name=${file%%_*}
      version=${file#*_}
      version=$(printf %s "${version%%_*}" | sed 's/%3[aA]/:/; s/%2[bB]/+/g; s/%7[eE]/~/g')
      case $file in *_*_*.deb) ;; *) name= ;; esac
      ;;
    *)
      if [ ! -f "$item" ]; then
        emit "$item" state absent
        continue
      fi
      if ! said=$(dpkg-deb -f "$item" Package Version 2>&1); then
        emit "$item" error "$said"
        continue
      fi
      name=$(printf '%s\n' "$said" | sed -n 's/^Package: //p')
      version=$(printf '%s\n' "$said" | sed -n 's/^Version: //p')
      ;;
  esac
  emit "$item" name "$name"
  emit "$item" version "$version"
  [ -z "$name" ] || emit "$item" installed \
    "$(dpkg-query -W -f='${db:Status-Status} ${Version}' -- "$name" 2>/dev/null)"
done
:
