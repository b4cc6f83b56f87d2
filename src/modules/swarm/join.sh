# shellcheck shell=sh disable=SC2154
# Joins a swarm. stdin: the engine's join requests, one a line, each with another manager's address first, for the engine
# tries the first only. They hold the token, so they stay in this shell and in a pipe: in no argument, no file.
# What may pass (a manager that does not answer, no leader just now) is tried again at the next manager, $limit seconds in
# all; what will not pass (a wrong token, another version) is an error at once. $removed: the node that the host was and that the
# swarm has removed; the host leaves it first. Another run may be at the same: whoever is faster, the host is one node.
LC_ALL=C
PORTS='hint: the managers listen on 2377/tcp; all nodes reach each other on 7946/tcp, 7946/udp and 4789/udp'
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
requests=$(cat) end=$(($(date +%s) + limit)) said=
[ -n "$requests" ] || {
  echo 'there is no manager to join at' >&2
  exit 1
}

# The engine's answer to METHOD PATH BODY. Its client's stdin stays open until then, or the engine gives the request up.
ask() {
  mkfifo "$dir/in" && exec 3<>"$dir/in" || exit 1
  rm "$dir/in"
  printf '%s %s HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
    "$1" "$2" "${#3}" "$3" >&3
  engine system dial-stdio <&3
  exec 3>&-
}
state() { engine info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null || :; }
# Joining goes on behind the answer. 0: it has come to a good end; else why not is in $said.
settled() {
  while now=$(state); do
    case $now in
      active) return 0 ;;
      error | inactive)
        said=$(engine info --format '{{.Swarm.LocalNodeState}}: {{.Swarm.Error}}' 2>&1)
        return 1
        ;;
    esac
    [ "$(date +%s)" -lt "$end" ] || break
    sleep 0.5
  done
  said="it is still $now: ${said:-no manager has taken it in}"
  return 1
}
attempt() {
  answer=$(ask POST /swarm/join "$1") || { said=$answer; return 1; }
  case $answer in
    "HTTP/1.1 2"* | *"Timeout was reached"* | *"already part of a swarm"*) settled ;;
    *)
      said=${answer##*
}
      return 1
      ;;
  esac
}
passing() {
  case $said in
    # The other run's attempt came to nothing.
    'inactive: ') ;;
    *x509* | *"bad certificate"* | *fingerprint* | *"join token"*) return 1 ;;
    *"code = Unavailable"* | *"code = DeadlineExceeded"* | *"code = Canceled"* | *"code = Aborted"*) ;;
    *"deadline exceeded"* | *"connection refused"* | *"connection reset"* | *"i/o timeout"* | *"no route to host"*) ;;
    *"have a leader"* | *"leader status"* | *"no elected"* | *"not yet part of a raft"* | *"it is still"* | *": EOF"*) ;;
    *) return 1 ;;
  esac
}

if [ -n "${removed:-}" ] && [ "$(engine info --format '{{.Swarm.NodeID}}')" = "$removed" ]; then
  answer=$(ask POST '/swarm/leave?force=1' '')
  case $answer in
    "HTTP/1.1 2"* | *"not part of a swarm"*) ;;
    *)
      printf '%s\n' "${answer##*
}" >&2
      exit 1
      ;;
  esac
fi

# One line, one request. Not a here-document: some shells keep those in a file.
IFS='
'
set -f
while :; do
  for request in $requests; do
    if attempt "$request"; then exit 0; fi
    if ! passing || [ "$(date +%s)" -ge "$end" ]; then
      printf '%s\n' "${said:-the engine did not answer}" >&2
      # No answer, rather than a bad one: mostly there is a firewall between the two.
      case $said in *deadline* | *[Tt]imeout* | *refused* | *"no route"* | *"it is still"*) printf '%s\n' "$PORTS" >&2 ;; esac
      exit 1
    fi
    # What the attempt has left would be in the way of the next. What is under way is not left: it is the other run's.
    [ "$(state)" != error ] || ask POST '/swarm/leave?force=1' '' >/dev/null || :
    sleep "${pause:-1}"
  done
done
