# shellcheck disable=SC2154 # variables come with the job
# One HTTP request by what the host has: curl, python3, wget or perl. Body on stdin when $body is set.
# vars: url, config (for curl), plain (nothing that must stay out of an argv), agent, timeout, insecure, method,
#   fields (for python3: name=value lines), body, out (file for the content)
# Sets http_status, http_url and http_error; returns 0 when an answer came, 127 when there is no tool.
http_request() {
  http_status='' http_url=$url http_error='' head=$out.head
  if command -v curl >/dev/null 2>&1; then
    [ -z "$body" ] || cat >"$out.body"
    http_said=$(printf '%s' "$config" | curl -q -K - ${body:+--data-binary "@$out.body"} -D "$head" -o "$out" \
      -w '%{http_code} %{url_effective}' 2>"$out.err")
    http_rc=$?
    http_error=$(cat "$out.err")
    rm -f "$out.body" "$out.err"
    http_status=${http_said%% *} http_url=${http_said#* }
    [ "$http_rc" = 0 ] || { http_error=${http_error:-curl: exit status $http_rc}; return 1; }
    return 0
  fi
  if command -v python3 >/dev/null 2>&1; then
    http_said=$({ printf '%s\0' "$url" "$out" "$timeout" "$insecure" "$method" "$fields" "$body"; cat; } | python3 -c '
import sys, ssl, urllib.request, urllib.error
data = sys.stdin.buffer.read().split(b"\0", 7)
url, out, timeout, insecure, method, fields, body = [d.decode() for d in data[:7]]
fields = dict(f.split("=", 1) for f in fields.split("\n") if "=" in f)
request = urllib.request.Request(url, method=method, headers=fields, data=data[7] if body else None)
context = ssl.create_default_context()
if insecure:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
try:
    answer = urllib.request.urlopen(request, timeout=float(timeout), context=context)
except urllib.error.HTTPError as error:
    answer = error
except Exception as error:
    print("0", error)
    sys.exit()
with open(out, "wb") as target:
    while True:
        block = answer.read(65536)
        if not block:
            break
        target.write(block)
with open(out + ".head", "w") as target:
    target.write("HTTP/1.1 %s\n" % (answer.status,))
    for name, value in answer.headers.items():
        target.write("%s: %s\n" % (name, value))
print(answer.status, answer.geturl())
')
    http_status=${http_said%% *} http_url=${http_said#* }
    [ "$http_status" != 0 ] || { http_error=$http_url http_status=; return 1; }
    return 0
  fi
  if [ "$plain" ] && [ "$method" = GET ]; then
    if command -v wget >/dev/null 2>&1; then
      http_error=$(wget -q -T "$timeout" -O "$out" ${insecure:+--no-check-certificate} "$url" 2>&1) || {
        http_error=${http_error:-wget: exit status $?}
        return 1
      }
      http_status=200
      return 0
    fi
    if command -v perl >/dev/null 2>&1 && perl -MHTTP::Tiny -e 1 2>/dev/null; then
      http_said=$(perl -MHTTP::Tiny -e '
        my $r = HTTP::Tiny->new(timeout => $ARGV[2], verify_SSL => !$ARGV[3])->mirror($ARGV[0], $ARGV[1]);
        print "$r->{status} ", ($r->{status} == 599 ? $r->{content} : $r->{url});' \
        "$url" "$out" "$timeout" "$insecure")
      http_status=${http_said%% *} http_url=${http_said#* }
      [ "$http_status" != 599 ] || { http_error=$http_url http_status=; return 1; }
      return 0
    fi
  fi
  http_error='none of curl, python3, wget and perl is there to make the request; curl serves best'
  return 127
}
