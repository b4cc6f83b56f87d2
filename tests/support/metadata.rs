//! What a machine asks when it joins: an instance's metadata (IMDSv2), a Vault, a web server with files, the portal of
//! IAM Identity Center, a container's credentials, and a way to the tests' cloud for the Parameter Store. Answers as the real ones do to who asks rightly, and to nobody else.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// The token that Vault takes.
pub const VAULT_TOKEN: &str = "hvs.vault-token";
pub const SESSION: &str = "imds-session";

#[derive(Default)]
pub struct State {
    /// By the address of who asks; that of another machine is not handed out.
    pub user_data: BTreeMap<IpAddr, String>,
    /// Access key, secret key and session token of the instance's role.
    pub credentials: [String; 3],
    /// What Vault and the web server keep, by path.
    pub kept: BTreeMap<String, String>,
    /// So many requests are answered with 503 first.
    pub failing: usize,
    /// `METHOD path` of each request, in order.
    pub seen: Vec<String>,
}

pub struct Metadata {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    /// As it came, for whom it is passed on to.
    raw: Vec<u8>,
    body: Vec<u8>,
}

impl Metadata {
    /// Listens on every address; `cloud` is where calls of AWS go.
    pub fn start(cloud: Option<SocketAddr>) -> Metadata {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = SocketAddr::new([127, 0, 0, 1].into(), listener.local_addr().unwrap().port());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared, cloud));
            }
        });
        Metadata { address, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut raw, mut line) = (Vec::new(), String::new());
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    raw.extend_from_slice(line.as_bytes());
    let mut words = line.split(' ').map(str::to_string);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        raw.extend_from_slice(line.as_bytes());
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_string());
    }
    let length = headers.get("content-length").map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    raw.extend_from_slice(&body);
    Some(Request { method, path, headers, raw, body })
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, cloud: Option<SocketAddr>) {
    let Some(request) = read(&stream) else { return };
    let peer = stream.peer_addr().unwrap().ip();
    let (status, text) = answer(&request, peer, &mut state.lock().unwrap());
    if status == 0 {
        let mut upstream = TcpStream::connect(cloud.unwrap()).unwrap();
        // Its reply ends when it is all there: connections are kept open.
        upstream.write_all(&request.raw).unwrap();
        let reply = read(&upstream).map(|reply| reply.raw).unwrap_or_default();
        let _ = stream.write_all(&reply);
        return;
    }
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 600\r\nConnection: \
         close\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all((head + &text).as_bytes());
}

/// Status and text; status 0: it is the cloud's to answer.
fn answer(request: &Request, peer: IpAddr, state: &mut State) -> (u16, String) {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    state.seen.push(format!("{} {}", request.method, request.path));
    if state.failing > 0 {
        state.failing -= 1;
        return (503, "not yet".into());
    }
    let none = (404, "not found".to_string());
    let ok = |text: &str| (200, text.to_string());
    if header("x-amz-target").is_some() {
        return (0, String::new());
    }
    if let Some(path) = request.path.strip_prefix("/latest/") {
        if (request.method.as_str(), path) == ("PUT", "api/token") {
            let asked = header("x-aws-ec2-metadata-token-ttl-seconds").is_some();
            return if asked { ok(SESSION) } else { (400, String::new()) };
        }
        // Version 1 of the service asked without a session; it is off.
        if header("x-aws-ec2-metadata-token") != Some(SESSION) {
            return (401, String::new());
        }
        return match path {
            "user-data" => state.user_data.get(&peer).map_or(none, |text| ok(text)),
            "meta-data/placement/region" => ok("us-east-1"),
            "meta-data/iam/security-credentials/" => ok("node-role"),
            "meta-data/iam/security-credentials/node-role" => ok(&format!(
                "{{\n  \"Code\" : \"Success\",\n  \"AccessKeyId\" : \"{}\",\n  \"SecretAccessKey\" : \"{}\",\n  \"Token\" : \"{}\",\n  \"Type\" : \"AWS-HMAC\",\n  \"LastUpdated\" : \"2026-01-01T00:00:00Z\",\n  \"Expiration\" : \"2099-01-01T00:00:00Z\"\n}}",
                state.credentials[0], state.credentials[1], state.credentials[2]
            )),
            _ => none,
        };
    }
    // What IAM Identity Center's portal gives to who has logged in.
    if request.path.starts_with("/federation/") && header("x-amz-sso_bearer_token") != Some(SESSION) {
        return (401, "{}".into());
    }
    // What a container's own endpoint gives to who has its token.
    if request.path.starts_with("/container/") && header("authorization") != Some(SESSION) {
        return (401, "{}".into());
    }
    if request.path.starts_with("/v1/") {
        if header("x-vault-token") != Some(VAULT_TOKEN) {
            return (403, "{\"errors\":[\"permission denied\"]}".into());
        }
        if request.method == "POST" {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            state.kept.insert(request.path.clone(), body["data"]["join"].as_str().unwrap().into());
            return ok("{}");
        }
        let kept = state.kept.get(&request.path);
        return kept
            .map_or(none, |line| ok(&format!("{{\"data\": {{\"data\": {{\"join\": \"{line}\"}}}}}}")));
    }
    state.kept.get(&request.path).map_or(none, |text| ok(text))
}
