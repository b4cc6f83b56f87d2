# shellcheck disable=SC2154 # the session sets fo_n before, each job fo_s
# Opens a session's shell; fo_n holds its nonce. Names that begin with fo_ are the session's own.
fo_l=${LC_ALL-}
LC_ALL=C
export LC_ALL
umask 022
for fo_p in /usr/local/sbin /usr/sbin /sbin /usr/local/bin /usr/bin /bin; do
  case :$PATH: in *:$fo_p:*) ;; *) PATH=${PATH:+$PATH:}$fo_p ;; esac
done
export PATH
# The locale that people's commands run in: the task's own, or that of the login.
own_locale() { if [ "$fo_l" ]; then LC_ALL=$fo_l; else unset LC_ALL; fi; }
emit() { printf '%s\0%s\0%s\0' "$1" "$2" "$3"; }
# Makes of the path in a variable what all tools take: ~ and ~USER are homes, a leading - is no option.
place() { # VARIABLE
  eval "fo_p=\$$1"
  case $fo_p in
    \~ | \~/*) fo_p=$HOME${fo_p#\~} ;;
    \~[A-Za-z_]*)
      fo_h=${fo_p%%/*}
      fo_p=${fo_p#"$fo_h"}
      case ${fo_h#\~} in
        *[!A-Za-z0-9._-]*) ;;
        *) eval "fo_h=$fo_h" ;;
      esac
      fo_p=$fo_h$fo_p
      ;;
    -*) fo_p=./$fo_p ;;
  esac
  eval "$1=\$fo_p"
}
# The whole text of a file, into content; without the NULs. Of a short one the shell reads it, byte for byte, sooner than a
# program that does has started. Files of the kernel's say that they are empty.
text_of() { # FILE
  content=
  if [ -f "$1" ] && [ -s "$1" ]; then
    while IFS= read -r fo_p; do
      content="$content$fo_p
"
      [ "${#content}" -le 2000 ] || break
    done <"$1" || return
    if [ "${#content}" -le 2000 ]; then
      content=$content$fo_p
      return
    fi
  fi
  content=$(cat -- "$1" && printf x) || return
  content=${content%x}
}
# Keeps a copy of a file that is going to change, under a name that nothing has: FILE.NUMBER.DATE@TIME~
back_up() { # FILE ITEM
  fo_h=$$ fo_p=$(date +%Y-%m-%d@%H:%M:%S)
  while [ -e "$1.$fo_h.$fo_p~" ] || [ -L "$1.$fo_h.$fo_p~" ]; do fo_h=$((fo_h + 1)); done
  cp -p "$1" "$1.$fo_h.$fo_p~" || return
  emit "$2" backup_file "$1.$fo_h.$fo_p~"
}
# The script is evaluated in the job's subshell: a fault in its syntax ends that, not the session.
fo_run() { eval "$fo_s"; }
fo_mark() { # KIND SEQ REST
  printf '%s%s%s:%s\0' "$fo_n" "$1" "$2" "$3"
}
fo_end() { # SEQ STATUS [CHAIN]
  fo_mark E "$1" "$2"
  fo_mark E "$1" "$2" >&2
  [ "$2" = 0 ] || [ -z "$3" ] || eval "fo_c$3=1"
}
fo_skip() { # SEQ
  fo_mark S "$1" 0
  fo_mark S "$1" 0 >&2
}
# The job's process group, so that the controller can end it.
fo_group() { # SEQ
  if read -r fo_p </proc/self/stat; then
    fo_p=${fo_p##*) }
    fo_p=${fo_p#* * }
    fo_mark P "$1" "${fo_p%% *}"
  else
    fo_mark P "$1" "$(ps -o pgid= -p "$(exec sh -c 'echo $PPID')")"
  fi
} 2>/dev/null
# A place for content that comes over another channel.
fo_fifo() { # SEQ
  if [ -z "$fo_d" ]; then
    fo_d=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/.fitout-XXXXXX") || return 1
    trap 'rm -rf "$fo_d"' EXIT
  fi
  mkfifo "$fo_d/$1" || return 1
  fo_p=
  command -v gzip >/dev/null 2>&1 && fo_p=z
  fo_mark F "$1" "$fo_p:$fo_d/$1"
}
# TERM is for the job, the shell itself outlives it; HUP ends the shell after its job. With job control a job has its own group.
trap : TERM INT
trap 'exit 129' HUP
set -m 2>/dev/null
fo_mark H 0 "$$"
fo_mark H 0 "$$" >&2
