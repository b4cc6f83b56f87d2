# shellcheck disable=SC2154 # variables come with the job
# One HTTP request by what the host has: curl, python3, wget or perl. Body on stdin when $body is set.
# vars: url, config (for curl), plain (nothing that must stay out of an argv), agent, timeout, insecure, method,
#   fields (for python3: name=value lines), follow, wgetrc (for GNU wget), fail, body, out (file for the content)
# Sets http_status, http_url and http_error; returns 0 when an answer came, 127 when there is no tool.
http_request() {
  http_status='' http_url=$url http_error='' head=$out.head
  if command -v curl >/dev/null 2>&1; then
    [ -z "$body" ] || cat >"$out.body"
    http_none=
    [ "$method" != POST ] || [ "$body" ] || http_none=1
    http_said=$(printf '%s' "$config" | curl -q -K - ${body:+--data-binary "@$out.body"} \
      ${http_none:+--data-binary '' -H 'Content-Type:'} -D "$head" -o "$out" \
      -w '%{http_code} %{url_effective}' 2>"$out.err")
    http_rc=$?
    http_error=$(cat "$out.err")
    rm -f "$out.body" "$out.err"
    http_status=${http_said%% *} http_url=${http_said#* }
    [ "$http_rc" = 0 ] || { http_error=${http_error:-curl: exit status $http_rc}; return 1; }
    return 0
  fi
  if command -v python3 >/dev/null 2>&1; then
    http_said=$({ printf '%s\0' "$url" "$out" "$timeout" "$insecure" "$method" "$fields" "$body" "$follow"; cat; } | python3 -c '
import sys, ssl, urllib.request, urllib.error
data = sys.stdin.buffer.read().split(b"\0", 8)
url, out, timeout, insecure, method, fields, body, follow = [d.decode() for d in data[:8]]
fields = dict(f.split("=", 1) for f in fields.split("\n") if "=" in f)
request = urllib.request.Request(url, method=method, data=data[8] if body else None)
for name, value in fields.items():
    # Whom the server sends on to gets no password.
    private = name.lower() in ("authorization", "cookie", "proxy-authorization")
    (request.add_unredirected_header if private else request.add_header)(name, value)
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
context = ssl.create_default_context()
if insecure:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
try:
    handlers = [urllib.request.HTTPSHandler(context=context)] + ([] if follow else [Stay])
    answer = urllib.request.build_opener(*handlers).open(request, timeout=float(timeout))
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
    # A file has no status.
    status = answer.status or 200
    target.write("HTTP/1.1 %s\n" % (status,))
    for name, value in answer.headers.items():
        target.write("%s: %s\n" % (name, value))
print(status, answer.geturl())
')
    http_status=${http_said%% *} http_url=${http_said#* }
    [ "$http_status" != 0 ] || { http_error=$http_url http_status='' http_url=$url; return 1; }
    return 0
  fi
  if [ "$wgetrc" ] && command -v wget >/dev/null 2>&1 && wget --version 2>/dev/null | grep -q '^GNU Wget'; then
    http_wget
    return
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
      [ "$http_status" != 599 ] || { http_error=$http_url http_status='' http_url=$url; return 1; }
      return 0
    fi
  fi
  http_error='none of curl, python3, GNU wget and (for a plain GET) perl is there to make the request; curl serves best'
  return 127
}

# By GNU wget, which is told everything by files: nothing is in an argv.
http_wget() {
  umask 077
  printf '%soutput_document = %s\n' "$wgetrc" "$out" >"$out.rc"
  if [ "$body" ]; then
    cat >"$out.body"
    printf 'body_file = %s\n' "$out.body" >>"$out.rc"
  fi
  printf '%s\n' "$url" >"$out.url"
  LC_ALL=C wget --config="$out.rc" -i "$out.url" >"$out.err" 2>&1
  http_rc=$?
  # Lines of answers are indented; an empty one between two answers.
  sed -n '/^  /{s///;/^HTTP\//{x;s/.*//;p;x;};p;}' "$out.err" >"$head"
  http_status=$(sed -n 's/^HTTP\/[0-9.]* *\([0-9]*\).*/\1/p' "$head" | tail -n 1)
  http_url=$(sed -n 's/^.* URL: *\([^ ]*\) .*/\1/p' "$out.err" | tail -n 1)
  http_url=${http_url:-$url}
  http_error=$(grep -v '^  ' "$out.err" | head -n 1)
  rm -f "$out.rc" "$out.body" "$out.url" "$out.err"
  # 8: the server's answer is an error, or sends elsewhere.
  case $http_rc:$fail in
    0:* | 8:) [ -z "$http_status" ] || return 0 ;;
  esac
  http_error=${http_error:-wget: exit status $http_rc} http_status=
  return 1
}
