# shellcheck shell=sh disable=SC2154,SC2086
# What dpkg and apt know of the packages "$@" (names without versions, shell patterns allowed).
# $want: any of installed candidates known upgrade autoremove build_dep fixed cache. $mode is the upgrade command, $release -t.
has() { case " $want " in *" $1 "*) return 0 ;; esac; return 1; }
tab='	'
nl='
'
lists=
if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  emit '' tool absent
  exit 0
fi
emit '' tool present
if has cache; then emit '' now "$(date +%s)"; fi
if has cache || has known; then
  for one in /var/lib/apt/lists/*Release; do
    if [ -e "$one" ]; then lists=1; fi
  done
fi
# When the lists were fetched is told in any case; an image without lists has a fresh folder all the same.
times=$(stat -c %Y /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists 2>/dev/null)
emit '' cache_told "${times%%"$nl"*}"
if has cache && [ "$lists" ]; then emit '' cache_times "$times"; fi
if has installed; then
  format="\${Package}$tab\${Architecture}$tab\${db:Status-Status}$tab\${Version}\n"
  list=$(dpkg-query -W -f="$format" -- "$@" 2>/dev/null)
  emit '' list "$list"
  missing=
  for item in "$@"; do
    case $item in
      *[*?[]*)
        # A pattern names what the archive has, not only what is installed.
        has available && emit "$item" available "$(apt-cache pkgnames -- "${item%%[*?[]*}" 2>/dev/null)"
        ;;
      *)
        case "
$list" in
          *"
${item%%:*}$tab"*"${tab}installed$tab"*) ;;
          *) missing="$missing ${item%%:*}" ;;
        esac
        ;;
    esac
  done
  if [ "$missing" ]; then
    if has known && [ "$lists" ]; then
      emit '' known 1
      emit '' policy "$(apt-cache ${release:+-t "$release"} policy -- $missing 2>/dev/null)"
    fi
    # Virtual packages: what is installed may provide the name.
    patterns=$(printf '%s\n' $missing)
    provides=$(dpkg-query -W -f="\${db:Status-Status}$tab\${Package}$tab\${Provides}\n" 2>/dev/null \
      | grep "^installed$tab" | grep -wF -- "$patterns" | grep "$tab.*$tab..*")
    if [ "$provides" ]; then
      emit '' provides "$provides"
      has candidates || emit '' policy "$(apt-cache policy -- $missing 2>/dev/null)"
    fi
  fi
fi
if has candidates && [ $# -gt 0 ]; then
  emit '' policy "$(apt-cache ${release:+-t "$release"} policy -- "$@" 2>/dev/null)"
fi
simulate() { # KEY COMMAND...
  key=$1
  shift
  said=$(apt-get -s -q ${release:+-t "$release"} "$@" 2>&1) || emit '' "${key}_failed" "$said"
  emit '' "$key" "$said"
}
if has upgrade; then simulate upgrade $mode; fi
if has autoremove; then simulate autoremove autoremove ${purge:+--purge}; fi
if has build_dep; then simulate build_dep build-dep -- "$@"; fi
if has fixed; then simulate fixed -f install; fi
:
