# shellcheck shell=sh disable=SC2154
# Sends the HTTP requests on stdin to the container engine at $host; the answers are the output.
# The engine's own client carries them (`docker system dial-stdio`), so nothing else is needed on the host, and what is
# in a request is in no argument. Its stdin stays open until the engine has answered: at the end of a request's stream
# the engine would give the request up. Hence a pipe whose both ends are held here; it has no name when it is used.
# $act: the one answer must be a success, or contain $accept; else its message is the error.
command -v docker >/dev/null 2>&1 || { printf 'the host has no docker command\n' >&2; exit 127; }
dir=$(mktemp -d) || exit 1
mkfifo "$dir/in" && exec 3<>"$dir/in" || exit 1
rm -rf "$dir"
exec 4<&0
cat <&4 >&3 &
if [ -z "${act:-}" ]; then
  exec docker -H "$host" system dial-stdio <&3
fi
answer=$(docker -H "$host" system dial-stdio <&3) || exit 1
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
  while state=$(docker -H "$host" info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null) || :; [ "$state" != "$await" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ] || [ "$state" = error ]; then
      docker -H "$host" info --format '{{.Swarm.LocalNodeState}}: {{.Swarm.Error}}' >&2
      exit 1
    fi
    sleep 0.5
  done
fi
