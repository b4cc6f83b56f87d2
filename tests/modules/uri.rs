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
        said = json.dumps({"parts": parts, "argv": argv}).encode()
        self.send_response(201)
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

#[tokio::test]
async fn forms_reach_a_server_as_they_were() {
    let host = Host::new();
    let mut server = std::process::Command::new("python3")
        .args(["-c", FORM_SERVER])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let mut content: Vec<u8> =
        (0..100_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    content.extend(b"\r\n--fitout-form-0--\r\n\0\xff\n");
    std::fs::write(host.here.files.join("a b.bin"), &content).unwrap();
    let form = format!(
        r#"{{url: "http://127.0.0.1:{}/", method: POST, status_code: 201, body_format: form-multipart,
        headers: {{content-type: text/plain}}, body: {{first: "needle {} ü", "a\"b": {{content: "two\nlines", filename: x/n.txt}},
        coded: {{filename: a b.bin}}, plain: {{filename: a b.bin, mime_type: image/x, multipart_encoding: 7or8bit}}}}}}"#,
        port.trim(),
        port.trim()
    );
    let ended = host.run("uri", &form).await;
    server.kill().unwrap();
    server.wait().unwrap();
    let (changed, result) = ended.unwrap_or_else(|f| panic!("{}: {:?}", f.message, f.result));
    let json = result.get("json").unwrap_or_else(|| panic!("{result:?}")).to_json();
    let coded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    assert!(!changed && json["argv"] == serde_json::json!([]), "{}", json["argv"]);
    let wanted = serde_json::json!([
        ["first", null, "text/plain", coded(format!("needle {} ü", port.trim()).as_bytes())],
        ["a\"b", "n.txt", "text/plain", coded(b"two\nlines")],
        ["coded", "a b.bin", "application/octet-stream", coded(&content)],
        ["plain", "a b.bin", "image/x", coded(&content)],
    ]);
    assert!(json["parts"] == wanted, "another form came");
}
