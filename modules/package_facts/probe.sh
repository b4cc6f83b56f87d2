# shellcheck shell=sh disable=SC2016
tab='	'
if command -v dpkg-query >/dev/null 2>&1; then
  emit apt list "$(dpkg-query -W -f="\${db:Status-Status}$tab\${Package}$tab\${Version}$tab\${Architecture}$tab\${Section}$tab\${Origin}\n")"
elif command -v rpm >/dev/null 2>&1; then
  emit rpm list "$(rpm -qa --qf "installed$tab%{NAME}$tab%{VERSION}$tab%{ARCH}$tab%{RELEASE}$tab%{EPOCH}\n")"
elif command -v apk >/dev/null 2>&1; then
  emit apk list "$(apk info -v 2>/dev/null | sed "s/^\\(.*\\)-\\([^-]*-r[0-9]*\\)$/installed$tab\\1$tab\\2$tab$tab$tab/")"
elif command -v pacman >/dev/null 2>&1; then
  emit pacman list "$(pacman -Q | sed "s/^\\([^ ]*\\) \\(.*\\)/installed$tab\\1$tab\\2$tab$tab$tab/")"
else
  emit none list ''
fi
