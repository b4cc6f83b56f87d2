//! A cloud of its own for one test: strict moto behind a proxy that logs calls and makes weather, and the program with
//! credentials for it. When the test ends, however it ends, so does its cloud.
//!
//! At the end of the scope everything of the test's stacks must be gone. What a failed test left is destroyed then, and
//! what a destroy leaves is a failure, too.

use super::cloud_proxy::{Call, Fault, Proxy};
use super::place::{Place, Running, Seen};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Where a world is when nothing else is said.
pub const REGION: &str = "us-east-1";

/// Debian 12 for amd64 among the images of the tests' cloud (tests/cloud/amis.json).
pub const DEBIAN: &str = "ami-000000000000d1202";

/// Something that is there.
#[derive(Clone, Debug)]
pub struct Thing {
    pub kind: String,
    pub id: String,
    pub tags: std::collections::BTreeMap<String, String>,
    pub state: Option<String>,
}

pub struct World {
    pub proxy: Proxy,
    /// Where the playbook is, and the journal.
    pub place: Place,
    pub region: String,
    moto: Arc<Moto>,
    access_key: (String, String),
    /// Left unchecked at the end, for tests of the check itself.
    pub unchecked: bool,
}

/// The process; it reads its standard input and ends with it, so it ends with a test that was killed.
struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    fn start() -> Moto {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = super::output(&mut Command::new(root.join("scripts/cloud-python.sh")));
        assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
        let mut child = Command::new(String::from_utf8(python.stdout).unwrap().trim())
            .args(["-B", "-W", "ignore"])
            .arg(root.join("tests/cloud/strict_moto.py"))
            .arg("--lives-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("moto said `{line}`"));
        Moto { child, address: format!("127.0.0.1:{port}").parse().unwrap() }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Default for World {
    fn default() -> Self {
        World::at(Arc::new(Moto::start()), REGION)
    }
}

impl World {
    fn at(moto: Arc<Moto>, region: &str) -> World {
        let place = Place::default();
        for folder in ["home", "tmp"] {
            std::fs::create_dir(place.path().join(folder)).unwrap();
        }
        World {
            proxy: Proxy::start(moto.address),
            place,
            region: region.into(),
            moto,
            access_key: ("AKIATESTING".into(), "testing".into()),
            unchecked: false,
        }
    }

    /// Another world in another region of the same cloud: with its own weather, log and playbook.
    pub fn beside(&self, region: &str) -> World {
        World::at(Arc::clone(&self.moto), region)
    }

    /// A cloud and a playbook `site.yml`.
    pub fn new(playbook: &str) -> World {
        let world = World::default();
        world.playbook(playbook);
        world
    }

    /// The playbook from now on.
    pub fn playbook(&self, text: &str) {
        self.place.write("site.yml", text);
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    /// The program's folder for temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.place.path().join("tmp")
    }

    /// The program with credentials for this cloud.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.place.command(args);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("HOME", self.place.path().join("home"))
            .env("TMPDIR", self.temporary())
            .env("AWS_ACCESS_KEY_ID", &self.access_key.0)
            .env("AWS_SECRET_ACCESS_KEY", &self.access_key.1)
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("AWS_REGION", &self.region)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Seen {
        Seen::of(&super::output(&mut self.command(args)))
    }

    /// Starts the program and does not wait for its end.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(&mut self.command(args))
    }

    pub fn apply(&self) -> Seen {
        self.run(&["apply", "--yes", "site.yml"])
    }

    /// An apply that a signal meets while the reply to this call, and to another of its kind, is held back.
    pub fn stopped_at(&self, action: &str, signal: Signal) -> Seen {
        self.proxy.fault(action, Fault::Held, 2);
        let run = self.start(&["apply", "--yes", "site.yml"]);
        self.proxy.wait_held();
        run.signal(signal);
        let seen = run.end();
        assert_eq!(self.proxy.clear(), [""; 0]);
        seen
    }

    pub fn plan(&self) -> Seen {
        self.run(&["plan", "site.yml"])
    }

    pub fn destroy(&self) -> Seen {
        self.run(&["destroy", "--yes", "site.yml"])
    }

    /// Says something to the cloud itself; see tests/cloud/strict/control.py.
    pub fn say(&self, name: &str, what: &serde_json::Value) -> serde_json::Value {
        let (status, text) =
            post(self.moto.address, &format!("/strict/{name}"), "application/json", "", &what.to_string());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// [`World::say`] for a hook of the proxy.
    pub fn sayer(&self) -> impl Fn(&str, &serde_json::Value) + Send + Sync + 'static {
        let address = self.moto.address;
        move |name, what| {
            let (status, text) =
                post(address, &format!("/strict/{name}"), "application/json", "", &what.to_string());
            assert_eq!(status, 200, "{text}");
        }
    }

    /// `settings(json!({"delays": {"instance.pending": 2}, "notfound": 4, "page": 2}))`
    pub fn settings(&self, what: &serde_json::Value) {
        self.say("settings", what);
    }

    /// From now on signatures are checked, and only these actions are allowed to the user whose key is used.
    pub fn protect(&mut self, actions: &[&str]) {
        let key = self.say("protect", &serde_json::json!({ "actions": actions }));
        let part = |name: &str| key[name].as_str().unwrap().to_owned();
        self.access_key = (part("access_key"), part("secret_key"));
    }

    pub fn secret_key(&mut self, secret: &str) {
        self.access_key.1 = secret.to_owned();
    }

    /// One call as a client sends it; status and text of the reply.
    pub fn call(&self, service: &str, action: &str, params: &[(&str, &str)]) -> (u16, String) {
        call_at(self.proxy.address(), &self.region, service, action, params)
    }

    /// As [`World::call`], of a service that speaks JSON.
    pub fn call_json(&self, service: &str, target: &str, body: &serde_json::Value) -> (u16, String) {
        let region = &self.region;
        let scope = format!("Credential=AKIATESTING/20260101/{region}/{service}/aws4_request");
        let signed =
            format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\nX-Amz-Target: {target}");
        post(self.proxy.address(), "/", "application/x-amz-json-1.1", &signed, &body.to_string())
    }

    /// One call past the proxy, which must succeed; the first text within `<element>` of its reply.
    pub fn make(&self, service: &str, action: &str, params: &[(&str, &str)], element: &str) -> String {
        let (status, text) = call_at(self.moto.address, &self.region, service, action, params);
        assert_eq!(status, 200, "{action}: {text}");
        within(&text, element).unwrap_or_default().to_owned()
    }

    /// One request to S3 past the proxy: `PUT /bucket/key`.
    pub fn s3(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let scope = format!("Credential=AKIATESTING/20260101/{}/s3/aws4_request", self.region);
        let signed = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        request(self.moto.address, method, path, "application/octet-stream", &signed, body)
    }

    /// Everything there is in this region, or in none, but what the account had from the start.
    pub fn inventory(&self) -> Vec<Thing> {
        let list = self.say("inventory", &serde_json::json!({ "region": self.region }));
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let thing = |one: &serde_json::Value| Thing {
            kind: text(&one["kind"]).unwrap(),
            id: text(&one["id"]).unwrap(),
            tags: serde_json::from_value(one["tags"].clone()).unwrap(),
            state: text(&one["state"]),
        };
        list.as_array().unwrap().iter().map(thing).collect()
    }

    /// Everything that carries the tag of a stack.
    pub fn ours(&self) -> Vec<Thing> {
        self.inventory().into_iter().filter(|thing| thing.tags.contains_key("fitout:stack")).collect()
    }

    /// How many things of this kind there are, whoever made them.
    pub fn count(&self, kind: &str) -> usize {
        self.inventory().iter().filter(|thing| thing.kind == kind).count()
    }

    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let left = self.ours();
        assert!(left.is_empty(), "left behind: {left:#?}");
    }

    pub fn calls(&self) -> Vec<Call> {
        self.proxy.calls()
    }

    /// Names of the calls so far that may change something.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(Call::writes).map(|call| call.action).collect()
    }

    /// How often a call of this name came.
    pub fn times(&self, action: &str) -> usize {
        self.calls().iter().filter(|call| call.action == action).count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.unchecked {
            return;
        }
        self.proxy.clear();
        let failed = std::thread::panicking();
        if failed {
            // What was refused is worth reading in full.
            let told = |c: &Call| match c.status {
                400.. => format!("{} {} ({})", c.action, c.status, c.body),
                status => format!("{} {status}", c.action),
            };
            let calls: Vec<String> = self.calls().iter().map(told).collect();
            eprintln!("{} calls: {}", self.region, calls.join(", "));
        }
        if failed && !self.ours().is_empty() {
            let destroyed = self.destroy();
            eprintln!("destroyed what the failed test left: {:?}\n{}", destroyed.code, destroyed.all());
        }
        let left = self.ours();
        if failed && !left.is_empty() {
            eprintln!("left behind: {left:#?}");
        } else if !failed {
            assert!(left.is_empty(), "left behind: {left:#?}");
        }
    }
}

/// The first text within `<element>`.
pub fn within<'a>(text: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    rest.split_once(&format!("</{element}>")).map(|(inner, _)| inner)
}

fn call_at(
    address: SocketAddr,
    region: &str,
    service: &str,
    action: &str,
    params: &[(&str, &str)],
) -> (u16, String) {
    let version = match service {
        "ec2" => "2016-11-15",
        "elasticloadbalancing" => "2015-12-01",
        _ => "2011-01-01",
    };
    let pairs = [("Action", action), ("Version", version)].into_iter().chain(params.iter().copied());
    let body: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let scope = format!("Credential=AKIATESTING/20260101/{region}/{service}/aws4_request");
    let kind = "application/x-www-form-urlencoded";
    post(
        address,
        "/",
        kind,
        &format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"),
        &body.join("&"),
    )
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

fn post(address: SocketAddr, path: &str, kind: &str, authorization: &str, body: &str) -> (u16, String) {
    request(address, "POST", path, kind, authorization, body)
}

fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    kind: &str,
    authorization: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nAuthorization: {authorization}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    // The proxy keeps connections open: the length says where the reply ends.
    let mut reader = BufReader::new(stream);
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return (0, String::new());
        }
        if line.starts_with("HTTP/") {
            status = line.split(' ').nth(1).unwrap().parse().unwrap();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).unwrap();
    (status, String::from_utf8_lossy(&text).into_owned())
}
