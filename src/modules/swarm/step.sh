# shellcheck shell=sh disable=SC2154
# One change of the swarm's node $node ($name), on a manager. $act: promote, demote, update, drain, remove.
fail() {
  printf '%s: %s\n' "$name" "$1" >&2
  exit 1
}
# Runs a change of a node; someone else's at the same moment makes the engine refuse, so it is tried again.
change() {
  tries=0
  until said=$(engine "$@" 2>&1); do
    tries=$((tries + 1))
    case $said in
      *"out of sequence"*) [ "$tries" -lt 10 ] || fail "$said" ;;
      *) fail "$said" ;;
    esac
  done
}
# Asks until the answer is $1: await ANSWER SECONDS WHAT COMMAND...
await() {
  wanted=$1 left=$(($2 * 2)) what=$3
  shift 3
  until seen=$(engine "$@" 2>&1) && [ "$seen" = "$wanted" ]; do
    case $seen in *"not a swarm manager"*) return 0 ;; esac
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$what (it is: ${seen:-nothing})"
    sleep 0.5
  done
}
# The quorum is counted again before each step: since the plan was made a manager may have been lost.
guard() {
  known=0 up=0
  for status in $(engine node ls --filter role=manager --format '{{.ManagerStatus}}'); do
    known=$((known + 1))
    case $status in Leader | Reachable) up=$((up + 1)) ;; esac
  done
  [ "$known" -gt 0 ] || fail 'no manager answers: the swarm has no quorum'
  own=$(engine node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node") || exit 1
  [ -n "$own" ] || return 0
  after=$up
  [ "$own" != reachable ] || after=$((up - 1))
  if [ "$up" -le $((known / 2)) ] || [ "$after" -le $(((known - 1) / 2)) ]; then
    fail "it stays a manager: $up of $known managers answer; without it $after of $((known - 1)), which is no quorum"
  fi
}
case $act in
  promote)
    change node update --role manager "$node"
    await reachable 60 'it did not become a manager' node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node"
    ;;
  demote)
    guard
    change node update --role worker "$node"
    await '' 60 'it is still a manager' node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node"
    ;;
  update)
    change node update "$@" "$node"
    ;;
  drain)
    change node update --availability drain "$node"
    ;;
  remove)
    await down "$limit" 'it is not removed, because it is not down' node inspect -f '{{.Status.State}}' "$node"
    guard
    # A manager is removed only when the raft has let go of it, shortly after its demotion.
    await '' 30 'it is still a manager' node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node"
    said=$(engine node rm "$node" 2>&1) || case $said in *"not found"*) ;; *) fail "$said" ;; esac
    ;;
esac
[ -n "${drained:-}" ] || exit 0
# Until no task runs there any more. What was on a node that is down is out of reach.
left=$((limit * 2))
while
  [ "$(engine node inspect -f '{{.Status.State}}' "$node" 2>/dev/null)" = ready ] &&
    running=$(engine node ps --format '{{.Name}} {{.CurrentState}}' "$node" | grep -E ' (Running|Starting|Preparing|Ready|Assigned|Accepted) ') &&
    [ -n "$running" ]
do
  left=$((left - 1))
  [ "$left" -gt 0 ] || fail "after $limit seconds tasks still run there: $(printf %s "$running" | tr '\n' ';')"
  sleep 0.5
done
exit 0
