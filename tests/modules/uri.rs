//! Requests against a server on this machine.

use super::*;
use base64::Engine;
use std::io::{BufRead, BufReader};

/// Takes forms apart, and says whether the first field's content is in an argument list of a process.
const FORM_SERVER: &str = r#"
import base64, email, glob, http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        parts = [[
            p.get_param("name", header="content-disposition"), p.get_filename(), p.get_content_type(),
            base64.b64encode(p.get_payload(decode=True) if p["Content-Transfer-Encoding"] == "base64" else raw).decode(),
        ] for p, raw in self.parts(email.message_from_bytes(head + body), body)]
        needle = base64.b64decode(parts[0][3])
        argv = [n for n in glob.glob("/proc/[0-9]*/cmdline") if needle in self.read(n)]
        self.answer({"parts": parts, "argv": argv})
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        argv = [n for n in glob.glob("/proc/[0-9]*/cmdline") if b"hay" b"straw" in self.read(n)]
        self.answer({"body": body.decode(), "headers": dict(self.headers), "path": self.path, "argv": argv})
    def do_GET(self):
        if self.path == "/other":
            return self.answer({"headers": dict(self.headers)})
        self.send_response(302)
        self.send_header("Location", "/other")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def answer(self, what):
        said = json.dumps(what).encode()
        self.send_response(404 if "missing" in self.path else 201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def parts(self, message, body):
        blocks = body.split(b"--" + message.get_boundary().encode())
        assert blocks[0] == b"" and blocks[-1] == b"--\r\n", "the form's ends"
        return zip(message.get_payload(), [b.split(b"\r\n\r\n", 1)[1][:-2] for b in blocks[1:-1]], strict=True)
    def read(self, name):
        try:
            return open(name, "rb").read()
        except OSError:
            return b""
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

struct Server(std::process::Child, String);

impl Server {
    fn start() -> Server {
        let mut command = std::process::Command::new("python3");
        let mut server =
            command.args(["-c", FORM_SERVER]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Server(server, port.trim().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn forms_reach_a_server_as_they_were() {
    a_form_arrives(&Host::new()).await;
}

#[tokio::test]
async fn requests_are_made_where_there_is_no_curl() {
    requests_arrive(&Host::without(&["curl"]), "close").await;
}

/// As with curl: what was asked is told, and a file needs no status.
#[tokio::test]
async fn where_there_is_no_curl_the_same_is_told() {
    let host = Host::without(&["curl"]);
    let refused = host.run("uri", "{url: 'http://127.0.0.1:1/x'}").await.unwrap_err();
    assert_eq!(refused.result.get("url"), Some(&"http://127.0.0.1:1/x".into()), "{:?}", refused.result);
    std::fs::write(host.path("source"), "x").unwrap();
    host.run("get_url", "{url: 'file://@/source', dest: '@/copy'}").await.unwrap();
    assert_eq!(std::fs::read_to_string(host.path("copy")).unwrap(), "x");
}

#[tokio::test]
async fn requests_are_made_with_nothing_but_wget() {
    requests_arrive(&Host::without(&["curl", "python"]), "Close").await;
}

/// `connection` is what only the program says that is to make them.
async fn requests_arrive(host: &Host, connection: &str) {
    a_form_arrives(host).await;
    let server = Server::start();
    let url = format!("http://127.0.0.1:{}", server.1);
    let send = |path: &str, more: &str| {
        format!(
            "{{url: '{url}/{path}', method: PUT, body_format: form-urlencoded, body: {{a b: haystraw&1, l: [1, ü]}}, {more}}}"
        )
    };
    let secret = "url_username: u, url_password: haystraw, headers: {X-Some: 'a \"b\" # c'}";
    let (_, result) = host
        .run("uri", &send("x?q=haystraw", &format!("status_code: 201, {secret}")))
        .await
        .unwrap_or_else(|f| panic!("{}", f.message));
    let json = result.get("json").unwrap_or_else(|| panic!("{result:?}")).to_json();
    assert_eq!(json["body"], "a+b=haystraw%261&l=1&l=%C3%BC");
    assert_eq!((&json["path"], &json["argv"]), (&"/x?q=haystraw".into(), &serde_json::json!([])));
    let header = |name: &str| json["headers"][name].as_str().unwrap_or_default();
    assert_eq!(header("Connection"), connection, "another program made the request");
    assert_eq!(header("Content-Type"), "application/x-www-form-urlencoded");
    assert_eq!((header("Authorization"), header("X-Some")), ("Basic dTpoYXlzdHJhdw==", "a \"b\" # c"));
    let code = |result: &Map| result.get("status").cloned();
    assert_eq!(code(&result), Some(201.into()));

    // Another status is told with what the server said; what sends elsewhere is followed only where that is asked for,
    // and no password goes there; no server at all is told as such.
    let failed = host.run("uri", &send("missing", "status_code: 201")).await.unwrap_err();
    assert_eq!(
        (failed.message.as_str(), code(&failed.result)),
        ("Status code was 404 and not [201]", Some(404.into()))
    );
    assert!(failed.result.contains_key("content"));
    let (_, result) = host
        .run("uri", &format!("{{url: '{url}', status_code: 302, follow_redirects: none}}"))
        .await
        .unwrap_or_else(|f| panic!("{}", f.message));
    assert_eq!(result.get("location"), Some(&"/other".into()));
    let (_, result) = host
        .run("uri", &format!("{{url: '{url}', status_code: [201, 302], url_username: u, url_password: p}}"))
        .await
        .unwrap_or_else(|f| panic!("{}", f.message));
    let told = result.get("json").map(|json| json.to_json()["headers"]["Authorization"].clone());
    assert_eq!(told.unwrap_or_default(), serde_json::Value::Null);
    let (_, result) = host
        .run("uri", &format!("{{url: '{url}', status_code: 201}}"))
        .await
        .unwrap_or_else(|f| panic!("{}", f.message));
    assert_eq!(result.get("url"), Some(&format!("{url}/other").into()));
    drop(server);
    let failed = host.run("uri", &send("x", "status_code: 201")).await.unwrap_err();
    assert!(failed.message.contains("onnection refused"), "{}", failed.message);
}

async fn a_form_arrives(host: &Host) {
    let server = Server::start();
    let port = &server.1;
    let mut content: Vec<u8> =
        (0..100_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    content.extend(b"\r\n--fitout-form-0--\r\n\0\xff\n");
    std::fs::write(host.here.files.join("a b.bin"), &content).unwrap();
    let form = format!(
        r#"{{url: "http://127.0.0.1:{}/", method: POST, status_code: 201, body_format: form-multipart,
        headers: {{content-type: text/plain}}, body: {{first: "needle {} ü", "a\"b": {{content: "two\nlines", filename: x/n.txt}},
        coded: {{filename: a b.bin}}, plain: {{filename: a b.bin, mime_type: image/x, multipart_encoding: 7or8bit}}}}}}"#,
        port, port
    );
    let ended = host.run("uri", &form).await;
    let (changed, result) = ended.unwrap_or_else(|f| panic!("{}: {:?}", f.message, f.result));
    let json = result.get("json").unwrap_or_else(|| panic!("{result:?}")).to_json();
    let coded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    assert!(!changed && json["argv"] == serde_json::json!([]), "{}", json["argv"]);
    let wanted = serde_json::json!([
        ["first", null, "text/plain", coded(format!("needle {port} ü").as_bytes())],
        ["a\"b", "n.txt", "text/plain", coded(b"two\nlines")],
        ["coded", "a b.bin", "application/octet-stream", coded(&content)],
        ["plain", "a b.bin", "image/x", coded(&content)],
    ]);
    assert!(json["parts"] == wanted, "another form came");
}
