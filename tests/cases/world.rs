//! What played cases find around them: servers that answer, greet, keep silent or are not there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;

/// Servers on ports that the kernel chose. Those that answer are threads of this process, and end with it.
pub struct World {
    web: u16,
    banner: u16,
    /// Takes connections and says nothing; one is open as long as the world is.
    silent: TcpListener,
    _open: TcpStream,
    /// Bound, but nobody listens: nothing else gets this port, and nothing answers there.
    closed: tokio::net::TcpSocket,
    dir: tempfile::TempDir,
}

impl World {
    pub fn new() -> World {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (web, banner, silent) = (listen(), listen(), listen());
        let open = TcpStream::connect(silent.local_addr().unwrap()).unwrap();
        let closed = tokio::net::TcpSocket::new_v4().unwrap();
        closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixListener::bind(dir.path().join("socket")).unwrap();
        let world = World {
            web: web.local_addr().unwrap().port(),
            banner: banner.local_addr().unwrap().port(),
            silent,
            _open: open,
            closed,
            dir,
        };
        std::thread::spawn(move || web.incoming().flatten().for_each(answer));
        std::thread::spawn(move || socket.incoming().flatten().for_each(answer));
        // Behind the greeting an answer is waited for, as mail and ssh do.
        let greet =
            |mut stream: TcpStream| stream.write_all(b"220 mail.example ready v7\r\n").map(|()| stream);
        std::thread::spawn(move || banner.incoming().flatten().map(greet).collect::<Vec<_>>());
        world
    }

    /// Variables by which cases know them: their names and values.
    pub fn vars(&self) -> Vec<(&'static str, String)> {
        let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port().to_string();
        vec![
            ("web", format!("http://127.0.0.1:{}", self.web)),
            ("web_port", self.web.to_string()),
            ("web_socket", self.dir.path().join("socket").display().to_string()),
            ("banner_port", self.banner.to_string()),
            ("silent_port", port(self.silent.local_addr())),
            ("closed_port", port(self.closed.local_addr())),
        ]
    }
}

/// One request and its answer. `/echo` tells what was asked, `/status/N` has that status, `/moved` points to `/text`,
/// `/sent` to `/echo`; `/cookies` has two of them, `/latin` a character set of its own.
fn answer(mut stream: impl Read + Write) {
    let mut reader = BufReader::new(&mut stream);
    let (mut first, mut headers, mut length) = (String::new(), serde_json::Map::new(), 0);
    if reader.read_line(&mut first).is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { return };
        let (name, value) = (name.to_lowercase(), value.trim());
        if name == "content-length" {
            length = value.parse().unwrap_or(0);
        }
        headers.insert(name, value.into());
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = String::from_utf8_lossy(&body);
    let echo = serde_json::json!({"method": method, "path": path, "headers": headers, "body": body});
    let (status, fields, text): (u16, &str, String) = match path.split('?').next().unwrap_or_default() {
        "/echo" => {
            (200, "Content-Type: application/json\r\nSet-Cookie: seen=yes; Path=/\r\n", echo.to_string())
        }
        "/text" => (200, "Content-Type: text/plain\r\n", "hello\n".to_string()),
        "/sent" => (301, "Location: /echo\r\nSet-Cookie: on=way\r\n", String::new()),
        "/cookies" => {
            (200, "X-Two: 1\r\nSet-Cookie: a=1\r\nX-Two: 2\r\nSet-Cookie: b=2; Path=/\r\n", String::new())
        }
        "/latin" => (200, "Content-Type: text/plain; charset=ISO-8859-1\r\n", "grün".to_string()),
        "/moved" => (302, "Location: /text\r\n", String::new()),
        other => match other.strip_prefix("/status/").and_then(|n| n.parse().ok()) {
            Some(status) => (status, "Content-Type: text/plain\r\n", "as asked\n".to_string()),
            None => (404, "Content-Type: text/plain\r\n", "there is no such page\n".to_string()),
        },
    };
    let latin = path == "/latin";
    let text = if latin { text.chars().map(|c| c as u8).collect() } else { text.into_bytes() };
    let head = format!(
        "HTTP/1.1 {status} Told\r\nContent-Length: {}\r\nConnection: close\r\n{fields}\r\n",
        text.len()
    );
    let text = if method == "HEAD" { Vec::new() } else { text };
    // Whoever asked may be gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&text));
}
