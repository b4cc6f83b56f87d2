# shellcheck shell=sh disable=SC2154
# One change of the swarm's node $node ($name), on a manager. $act: promote, demote, update, drain, remove.
fail() {
  printf '%s: %s\n' "$name" "$1" >&2
  exit 1
}
# What the client says besides its answer; it warns there, too.
aside=$(mktemp) || exit 1
trap 'rm -f "$aside"' EXIT
# Runs the engine's client; its answer is $said. What passes is tried again: someone else's change at the same moment, and
# a leader that is being chosen, which takes up to twenty seconds ($patience: how many, if not 25). $gone: a node that is not
# there any more is no error, but the answer no.
ask() {
  tries=0
  until said=$(engine "$@" 2>"$aside"); do
    tries=$((tries + 1)) why=$(cat "$aside")
    # By the clock: an answer may itself take twenty seconds.
    [ "$tries" -gt 1 ] || end=$(($(date +%s) + ${patience:-25}))
    case $why in
      *"out of sequence"*) [ "$tries" -lt 10 ] || fail "$why" ;;
      *"not have a leader"* | *"leader status"* | *"deadline exceeded"* | *"code = Unavailable"*)
        if [ "$tries" -ge 50 ] || [ "$(date +%s)" -ge "$end" ]; then fail "$why"; fi
        ;;
      *"not found"*)
        [ -n "${gone:-}" ] || fail "$why"
        return 1
        ;;
      *) fail "$why" ;;
    esac
    sleep 0.5
  done
}
# Asks until the answer is $1: await ANSWER SECONDS WHAT COMMAND...
await() {
  wanted=$1 left=$(($2 * 2)) what=$3
  shift 3
  until seen=$(engine "$@" 2>"$aside") && [ "$seen" = "$wanted" ]; do
    why=$(cat "$aside")
    case $why in
      *"not a swarm manager"*) return 0 ;;
      # Another run was faster.
      *"not found"*) [ -z "${gone:-}" ] || exit 0 ;;
    esac
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$what (it is: ${seen:-${why:-nothing}})"
    sleep 0.5
  done
}
# The quorum is counted again before each step: since the plan was made a manager may have been lost.
guard() {
  known=0 up=0
  ask node ls --filter role=manager --format '{{.ManagerStatus}}'
  for status in $said; do
    known=$((known + 1))
    case $status in Leader | Reachable) up=$((up + 1)) ;; esac
  done
  [ "$known" -gt 0 ] || fail 'no manager answers: the swarm has no quorum'
  ask node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node"
  own=$said
  [ -n "$own" ] || return 0
  after=$up
  [ "$own" != reachable ] || after=$((up - 1))
  if [ "$up" -le $((known / 2)) ] || [ "$after" -le $(((known - 1) / 2)) ]; then
    fail "it stays a manager: $up of $known managers answer; without it $after of $((known - 1)), which is no quorum"
  fi
}
case $act in
  promote)
    ask node update --role manager "$node"
    await reachable 60 'it did not become a manager' node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node"
    ;;
  demote)
    guard
    ask node update --role worker "$node"
    await '' 60 'it is still a manager' node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node"
    ;;
  update)
    ask node update "$@" "$node"
    ;;
  drain)
    ask node update --availability drain "$node"
    ;;
  remove)
    gone=1
    await down "$limit" 'it is not removed, because it is not down: it has to leave first' node inspect -f '{{.Status.State}}' "$node"
    guard
    # A manager is removed only when the raft has let go of it, shortly after its demotion.
    await '' 30 'it is still a manager' node inspect -f '{{with .ManagerStatus}}{{.Reachability}}{{end}}' "$node"
    ask node rm "$node" || :
    ;;
esac
[ -n "${drained:-}" ] || exit 0
# Until no task runs there any more. What was on a node that is down is out of reach.
left=$((limit * 2)) gone=1
while
  ask node inspect -f '{{.Status.State}}' "$node" && [ "$said" = ready ] &&
    ask node ps --format '{{.Name}} {{.CurrentState}}' "$node" &&
    running=$(printf '%s\n' "$said" | grep -E ' (Running|Starting|Preparing|Ready|Assigned|Accepted) ')
do
  left=$((left - 1))
  [ "$left" -gt 0 ] || fail "after $limit seconds tasks still run there: $(printf %s "$running" | tr '\n' ';')"
  sleep 0.5
done
exit 0
