# shellcheck shell=sh disable=SC2154
# Sends the HTTP requests on stdin to the container engine at $host; the answers are the output.
# perl carries them where it is there, as on Debian, and else the engine's own client (`docker system dial-stdio`), which takes
# three times as long; so nothing else is needed on the host, and what is in a request is in no argument.
# $patience: it is asked again, so many times half a second, while a swarm is on its way or chooses a leader, or its answer has
# $passing.
# $act: the one answer must be a success, or contain $accept; else its message is the error.
# It fails only where it has read nothing yet. Numbers of Linux: the module that has their names takes as long as the rest.
by_perl() {
  case $host in unix://*) ;; *) return 1 ;; esac
  command -v perl >/dev/null 2>&1 || return 1
  # shellcheck disable=SC2016 # of perl
  perl -e '
    my ($path, $patience, $passing) = @ARGV;
    my ($engine, $text, $answer);
    # An answer may itself take twenty seconds.
    my $end = time + $patience / 2 + 1;
    $SIG{PIPE} = "IGNORE";
    local $/;
    while (1) {
      socket($engine, 1, 1, 0) && connect($engine, pack("Sa*", 1, $path)) or last;
      $text //= <STDIN>;
      (my $at, $answer) = (0, "");
      while ($at < length $text) { $at += syswrite($engine, $text, length($text) - $at, $at) || last }
      while (sysread($engine, $answer, 65536, length $answer)) { }
      my $passes = length $passing && index($answer, $passing) >= 0;
      last if $patience-- <= 0 || time > $end || !$passes && $answer !~ /"LocalNodeState":"pending"|not have a leader/;
      select undef, undef, undef, 0.5;
    }
    defined $answer or exit 1;
    print $answer;
  ' "${host#unix://}" "${patience:-0}" "${passing:-}" 2>/dev/null
}

# The client's stdin stays open until the engine has answered: at the end of a request's stream the engine would give the
# request up. Hence a pipe whose both ends are held here; it has no name when it is used. The x keeps newlines at an end.
by_client() {
  text=$(cat && printf x) left=${patience:-0} answer=
  end=$(($(date +%s) + left / 2 + 1))
  while
    dir=$(mktemp -d) || return 1
    mkfifo "$dir/in" && exec 3<>"$dir/in" || return 1
    rm -rf "$dir"
    printf %s "${text%x}" >&3 &
    # What was answered counts, however the client ends.
    said=$(engine system dial-stdio <&3; printf x)
    exec 3>&-
    [ "$said" != x ]
  do
    answer=${said%x}
    case $answer in *"${passing:-not have a leader}"* | *'"LocalNodeState":"pending"'* | *'not have a leader'*) ;; *) break ;; esac
    if [ "$left" -le 0 ] || [ "$(date +%s)" -gt "$end" ]; then break; fi
    left=$((left - 1))
    sleep 0.5
  done
  [ -n "$answer" ] || return 1
  printf %s "$answer"
}

if [ -z "${act:-}" ]; then
  by_perl || by_client
  exit
fi
answer=$(by_perl || by_client) || exit 1
case $answer in
  "HTTP/1.1 2"*) ;;
  *"${accept:-HTTP/1.1 2}"*) ;;
  *)
    printf '%s\n' "${answer##*
}" >&2
    exit 1
    ;;
esac
if [ -n "${await:-}" ]; then
  # Joining goes on behind the answer: wait until the engine says that it has come to an end.
  tries=0
  while state=$(engine info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null) || :; [ "$state" != "$await" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ] || [ "$state" = error ]; then
      engine info --format '{{.Swarm.LocalNodeState}}: {{.Swarm.Error}}' >&2
      exit 1
    fi
    sleep 0.5
  done
fi
