# shellcheck disable=SC2154,SC2016 # variables come with the job
# Looks once and again until the state is there or the time is over; a text is judged by the controller.
# vars: port, host, path, state, limit, pause, connect, text (an expression is looked for), hex (the port, four digits),
#   patient (what a port sends is read to its end), states (hexadecimal TCP states for drained), own (the host's address; empty: any), exclude (addresses as /proc/net/tcp has them)
end=$(($(date +%s) + limit))
# The kernel's own table, for this host: what listens on its loopback, or on all of its addresses.
listens() {
  for table in /proc/net/tcp /proc/net/tcp6; do
    while read -r _ local _ st _; do
      [ "$st ${local##*:}" = "0A $hex" ] || continue
      case ${local%:*} in
        00000000 | ??????7F | 00000000000000000000000000000000 | 00000000000000000000000001000000) return 0 ;;
        0000000000000000FFFF0000??????7F) return 0 ;;
      esac
    done <"$table" 2>/dev/null
  done
  return 1
}
connects() {
  case $host in
    127.* | localhost | ::1)
      if [ -r /proc/net/tcp ]; then
        listens
        return
      fi
      ;;
  esac
  if command -v nc >/dev/null 2>&1; then
    nc -z -w "$connect" "$host" "$port" >/dev/null 2>&1
  elif command -v python3 >/dev/null 2>&1; then
    python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))' \
      "$host" "$port" "$connect" 2>/dev/null
  elif command -v bash >/dev/null 2>&1; then
    timeout "$connect" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null
  elif command -v perl >/dev/null 2>&1; then
    perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => $ARGV[2])' \
      "$host" "$port" "$connect"
  elif command -v curl >/dev/null 2>&1; then
    # Anything but "could not resolve", "could not connect" and "timed out" means that something answered.
    curl -s -o /dev/null --connect-timeout "$connect" -m "$connect" "telnet://$host:$port" </dev/null
    case $? in 6 | 7) return 1 ;; esac
  else
    echo 'a port of another host needs nc, python3, bash, perl or curl to be tried' >&2
    exit 3
  fi
}
# What the port sends. Who greets and then waits for an answer sends no end: a second behind the first byte must do at first.
said() {
  if command -v bash >/dev/null 2>&1; then
    timeout "$connect" bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit
      if [ "$2" ]; then exec cat <&3; fi
      dd bs=1 count=1 <&3 && timeout 1 cat <&3' "$host" "$port" "$patient" 2>/dev/null
  elif command -v nc >/dev/null 2>&1; then
    [ "$patient" ] || connect=1
    nc -w "$connect" "$host" "$port" </dev/null 2>/dev/null
  else
    echo 'the text of a port needs bash or nc to be read' >&2
    exit 3
  fi
}
busy() { # connections of the port
  for table in /proc/net/tcp /proc/net/tcp6; do
    while read -r _ local remote st _; do
      [ "${local##*:}" = "$hex" ] || continue
      case " $states " in *" $st "*) ;; *) continue ;; esac
      case ${local%:*} in "$own" | "0000000000000000FFFF0000$own") ;; *) [ -z "$own" ] || continue ;; esac
      case " $exclude " in *" ${remote%:*} "*) continue ;; esac
      return 0
    done <"$table" 2>/dev/null
  done
  return 1
}
holds() {
  if [ "$port" ]; then
    case $state in
      stopped | absent) ! connects ;;
      drained) ! busy ;;
      *) connects ;;
    esac
  else
    case $state in
      # With a text to be gone, the controller judges what is there.
      stopped | absent) [ "$text" ] || [ ! -e "$path" ] ;;
      *) [ -e "$path" ] ;;
    esac
  fi
}
while :; do
  if holds; then
    if [ "$text" ]; then
      printf '\0text\0'
      if [ "$port" ]; then said | tr -d '\000'; elif [ -e "$path" ]; then tr -d '\000' <"$path"; fi
      printf '\0'
    fi
    emit '' holds 1
    exit 0
  fi
  [ "$(date +%s)" -lt "$end" ] || break
  sleep "$pause"
done
emit '' holds ''
