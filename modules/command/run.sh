# shellcheck disable=SC2154 # variables come with the job
# Runs "$@" as a program, never as a builtin; times follow its output.
# vars: chdir, expand (replace $NAME and ~ in the words)
own_locale
if [ "$chdir" ]; then
  place chdir
  cd "$chdir" 2>/dev/null || {
    printf 'Unable to change directory before execution: %s\n' "$chdir" >&2
    exit 2
  }
fi
expanded() { # TEXT → $out
  out='' rest=$1
  case $rest in \~*) place rest ;; esac
  while :; do
    case $rest in *\$*) ;; *) break ;; esac
    out=$out${rest%%\$*} rest=${rest#*\$}
    case $rest in
      \{*\}*) name=${rest#?} name=${name%%\}*} tail=${rest#*\}} ;;
      *) name=${rest%%[!A-Za-z0-9_]*} tail=${rest#"${rest%%[!A-Za-z0-9_]*}"} ;;
    esac
    case $name in
      '' | [0-9]* | *[!A-Za-z0-9_]*) out=$out\$ ;;
      # Only what is exported: the session's own variables are nobody's business.
      *) if value=$(printenv "$name" && printf x); then
           value=${value%x} out=$out${value%?} rest=$tail
         else
           out=$out\$
         fi ;;
    esac
  done
  out=$out$rest
}
if [ "$expand" ]; then
  count=$#
  while [ "$count" -gt 0 ]; do
    expanded "$1"
    shift
    set -- "$@" "$out"
    count=$((count - 1))
  done
fi
command -v -- "$1" >/dev/null 2>&1 || {
  printf "[Errno 2] No such file or directory: b'%s'\n" "$1" >&2
  exit 2
}
start=$(date '+%Y-%m-%d %H:%M:%S.%N')
(exec "$@")
rc=$?
printf '\0%s\0%s' "$start" "$(date '+%Y-%m-%d %H:%M:%S.%N')"
exit "$rc"
