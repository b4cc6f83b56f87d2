# shellcheck shell=sh disable=SC2154
# Which of the packages "$@" are installed, asked of the host's package manager ($use, or what is found).
if [ "$use" = auto ]; then
  use=none
  for one in dnf5 dnf yum microdnf zypper apk pacman apt-get; do
    if command -v "$one" >/dev/null 2>&1; then use=$one; break; fi
  done
fi
emit '' manager "$use"
if ! command -v "$use" >/dev/null 2>&1; then
  emit '' manager none
  exit 0
fi
for item in "$@"; do
  name=${item%%[=<>]*}
  case $use in
    *dnf* | yum | zypper) have=$(rpm -q --whatprovides -- "$name" 2>/dev/null | head -n 1) && [ "$have" ] ;;
    apk) have=$(apk info -e -- "$name" 2>/dev/null) && [ "$have" ] ;;
    pacman) have=$(pacman -Q -- "$name" 2>/dev/null) ;;
    *) false ;;
  esac || have=
  case $have in *'no package provides'*) have= ;; esac
  emit "$item" installed "$have"
  if [ "$latest" ] && [ "$have" ]; then
    case $use in
      *dnf* | yum) "$use" -q check-update "$name" >/dev/null 2>&1 || [ $? -ne 100 ] || emit "$item" newer 1 ;;
      apk) [ -z "$(apk version -l '<' -- "$name" 2>/dev/null | sed 1d)" ] || emit "$item" newer 1 ;;
      pacman) ! pacman -Qu -- "$name" >/dev/null 2>&1 || emit "$item" newer 1 ;;
      zypper) ! zypper -q list-updates 2>/dev/null | grep -q "| $name " || emit "$item" newer 1 ;;
    esac
  fi
done
:
