# shellcheck shell=sh disable=SC2154
# Whether the rule "$@" is in $chain, for each of $tools. $what: rule, policy, flush or chain.
for tool in $tools; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    emit "$tool" tool absent
    continue
  fi
  emit "$tool" tool present
  if [ "$chain" ] && listed=$("$tool" -w ${wait:+"$wait"} -t "$table" -S "$chain" 2>&1); then
    emit "$tool" chain present
    # The first line is the policy or the chain's making; rules follow.
    emit "$tool" listed "$listed"
  elif [ -z "$chain" ]; then
    emit "$tool" listed "$("$tool" -w ${wait:+"$wait"} -t "$table" -S 2>&1)"
  fi
  if [ "$what" = rule ] && "$tool" -w ${wait:+"$wait"} -t "$table" -C "$chain" "$@" >/dev/null 2>&1; then
    emit "$tool" rule present
  fi
done
:
