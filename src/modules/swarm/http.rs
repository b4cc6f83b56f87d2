//! Requests to the engine's API as HTTP/1.1 text, and its answers taken apart. Several requests travel at once and are
//! answered in order, so a probe costs one start of the engine's client.

use crate::modules::{Args, ArgsExt, Failure, bytes};
use crate::remote::{Job, Output};
use crate::script;
use serde_json::Value as Json;

/// Where the engine listens unless a module is told otherwise.
pub const SOCKET: &str = "unix:///var/run/docker.sock";

/// How a host reaches its engine: by the socket, or by the engine's own client with these options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    host: String,
    options: Vec<String>,
}

impl Engine {
    /// From the arguments that modules share (`modules/common/docker.yml`); files are the host's.
    pub fn of(args: &Args) -> Engine {
        let mut options = Vec::new();
        match (args.bool("validate_certs"), args.bool("tls")) {
            (true, _) => options.push("--tlsverify".to_string()),
            (false, true) => options.push("--tls".to_string()),
            (false, false) => {}
        }
        for (name, option) in [("ca_path", "tlscacert"), ("client_cert", "tlscert"), ("client_key", "tlskey")]
        {
            options.extend(args.opt_str(name).map(|path| format!("--{option}={path}")));
        }
        Engine { host: args.opt_str("docker_host").unwrap_or(SOCKET).to_string(), options }
    }

    /// The job with what its script's `engine` takes.
    pub fn reached_by(&self, job: Job) -> Job {
        job.var("host", self.host.as_str()).var("options", self.options.join("\n"))
    }
}

/// One request; the path is the API's, with its query.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// From `/` on, with the query; without the API's version.
    pub path: String,
    /// `None`: there is none.
    pub body: Option<Json>,
}

impl Request {
    /// A request without a body. The path begins with a slash and has no version in front.
    pub fn get(path: impl Into<String>) -> Request {
        Request { method: "GET", path: path.into(), body: None }
    }

    /// A request whose body is JSON.
    pub fn post(path: impl Into<String>, body: Json) -> Request {
        Request { method: "POST", path: path.into(), body: Some(body) }
    }

    /// A request that removes; queries (`?force=true`) are part of the path.
    pub fn delete(path: impl Into<String>) -> Request {
        Request { method: "DELETE", path: path.into(), body: None }
    }
}

/// Text for a query's value.
pub fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn text(requests: &[Request]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let end = if index + 1 == requests.len() { "Connection: close\r\n" } else { "" };
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{end}\r\n{body}",
            request.method,
            request.path,
            body.len()
        );
        out.extend(head.into_bytes());
    }
    out
}

/// Half seconds for a leader to be chosen, where there is none: one vote takes up to twenty seconds.
const PATIENCE: &str = "50";

/// As [`ask`]; an engine whose swarm is choosing a leader, or that is still on its way into one, is asked again for a while.
pub fn ask_settled(engine: &Engine, requests: &[Request]) -> Job {
    ask(engine, requests).var("patience", PATIENCE)
}

/// As [`ask`]; an engine that takes itself for a manager is asked again for ten seconds: it may have been made a worker just
/// now, which the others know first.
pub fn ask_demoted(engine: &Engine, requests: &[Request]) -> Job {
    ask(engine, requests).var("patience", "20").var("passing", r#""ControlAvailable":true"#)
}

/// A job that asks; [`answers`] reads its output.
pub fn ask(engine: &Engine, requests: &[Request]) -> Job {
    engine.reached_by(Job::new(script!("engine.api", "engine.sh", "api.sh"))).stdin(bytes(text(requests)))
}

/// A job that changes something: it fails with the engine's message unless the answer is a success or contains `accept`.
pub fn act(engine: &Engine, request: &Request, accept: Option<&str>) -> Job {
    let job = ask(engine, std::slice::from_ref(request)).flag("act", true);
    job.opt("accept", accept)
}

/// An answer: its status and its body as JSON (null where it has none).
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// Null where it has none, or none that is JSON.
    pub json: Json,
}

impl Answer {
    /// The body, where the engine agreed.
    pub fn good(&self) -> Option<&Json> {
        (200..300).contains(&self.status).then_some(&self.json)
    }

    /// What the engine says is wrong.
    pub fn message(&self) -> &str {
        self.json["message"].as_str().unwrap_or("the engine refused without a message")
    }
}

/// Why a host's engine cannot be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Silent {
    /// There is no client of the engine on the host.
    NotInstalled,
    /// The client reached no engine; holds its words.
    NotRunning(String),
}

/// The answers to the requests of [`ask`], in their order; the inner error where the engine cannot be asked.
///
/// # Errors
/// Output that is not HTTP, or fewer answers than requests.
pub fn answers(output: &Output, wanted: usize) -> Result<Result<Vec<Answer>, Silent>, Failure> {
    if output.rc == 127 {
        return Ok(Err(Silent::NotInstalled));
    }
    let parsed = parse(&output.stdout);
    match parsed {
        Some(answers) if answers.len() >= wanted => Ok(Ok(answers)),
        _ if !output.ok() => Ok(Err(Silent::NotRunning(output.stderr_text()))),
        _ => Err(Failure::new(
            "the container engine's answer is not complete; is another program behind its socket?",
        )),
    }
}

impl Silent {
    /// In a user's words, with what to do about it.
    pub fn failure(&self) -> Failure {
        match self {
            Silent::NotInstalled => {
                Failure::new("the host has no container engine\nhint: `docker_engine` installs it")
            }
            Silent::NotRunning(said) => Failure::new(format!(
                "the container engine cannot be asked: {said}\nhint: `systemctl status docker`; the user needs the group `docker`, or become"
            )),
        }
    }
}

fn parse(mut rest: &[u8]) -> Option<Vec<Answer>> {
    let mut out = Vec::new();
    while !rest.is_empty() {
        let at = find(rest, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&rest[..at]).into_owned();
        rest = &rest[at + 4..];
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        let header = |name: &str| {
            let mut fields = head.split("\r\n").filter_map(|l| l.split_once(':'));
            fields.find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_string())
        };
        let body = if header("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            chunks(&mut rest)?
        } else {
            let length = header("Content-Length").map_or(Some(0), |v| v.parse().ok())?;
            let body = rest.get(..length)?.to_vec();
            rest = &rest[length..];
            body
        };
        let json = serde_json::from_slice(&body).unwrap_or(Json::Null);
        out.push(Answer { status, json });
    }
    Some(out)
}

fn chunks(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let at = find(rest, b"\r\n")?;
        let line = std::str::from_utf8(&rest[..at]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        let chunk = rest.get(at + 2..at + 2 + size)?;
        body.extend_from_slice(chunk);
        *rest = rest.get(at + 4 + size..)?;
        if size == 0 {
            return Some(body);
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_pipelined_and_the_last_closes() {
        let sent =
            text(&[Request::get("/info"), Request::post("/swarm/join", serde_json::json!({"A": "ü"}))]);
        let expected = "GET /info HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n\
            POST /swarm/join HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\
            Connection: close\r\n\r\n{\"A\":\"ü\"}";
        assert_eq!(String::from_utf8(sent).unwrap(), expected);
    }

    #[test]
    fn answers_with_lengths_and_in_chunks() {
        let raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n4\r\n: 1}\r\n0\r\n\r\n\
            HTTP/1.1 503 Service Unavailable\r\ncontent-length: 17\r\n\r\n{\"message\":\"not\"}\
            HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let got = parse(raw.as_bytes()).unwrap();
        assert_eq!(got.len(), 3);
        assert_eq!(got[0].good().unwrap()["a"], 1);
        assert_eq!((got[1].status, got[1].message(), got[1].good()), (503, "not", None));
        assert_eq!(got[2].json, Json::Null);
    }

    #[test]
    fn a_cut_answer_is_no_answer() {
        for raw in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a",
        ] {
            assert_eq!(parse(raw.as_bytes()), None, "{raw}");
        }
    }

    #[test]
    fn no_engine_is_told_from_one_that_is_down() {
        let none = Output::done(127, "", "the host has no docker command");
        assert_eq!(answers(&none, 1).unwrap(), Err(Silent::NotInstalled));
        let down = Output::done(1, "", "Cannot connect");
        assert_eq!(answers(&down, 1).unwrap(), Err(Silent::NotRunning("Cannot connect".into())));
        assert!(answers(&Output::done(0, "", ""), 1).is_err());
    }

    #[test]
    fn query_values_are_escaped() {
        assert_eq!(escaped("a=b&c d/é"), "a%3Db%26c%20d%2F%C3%A9");
    }

    /// What the script prints with an engine that gives these answers, one a connection, to perl or to its own client.
    fn asked(replies: &'static [&str], patience: &str, passing: &str, perl: bool) -> String {
        use std::io::{Read, Write};
        use std::os::unix::{fs::PermissionsExt, net::UnixListener};
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let client = if perl { "exit 1" } else { CLIENT };
        for (name, text) in [("docker", client), ("perl", "exit 1")] {
            std::fs::write(path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (index, reply) in replies.iter().enumerate() {
            std::fs::write(path(&format!("reply{}", index + 1)), reply).unwrap();
        }
        if perl {
            std::fs::remove_file(path("perl")).unwrap();
        }
        let listener = UnixListener::bind(path("engine")).unwrap();
        std::thread::spawn(move || {
            for reply in replies {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"close\r\n\r\n") {
                    let mut part = [0; 512];
                    let count = stream.read(&mut part).unwrap();
                    request.extend(&part[..count]);
                }
                stream.write_all(reply.as_bytes()).unwrap();
            }
        });
        let mut child = std::process::Command::new("sh")
            .args(["-c", concat!(include_str!("engine.sh"), include_str!("api.sh"))])
            .env("PATH", format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap()))
            .env("host", format!("unix://{}", path("engine").display()))
            .env("patience", patience)
            .env("passing", passing)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&text(&[Request::get("/info")])).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }

    /// The engine's own client: it takes a request, which has to be whole, and gives the next answer.
    const CLIENT: &str = r#"cd "${0%/*}" || exit 1
while IFS= read -r line && [ "$line" != "$(printf '\r')" ]; do last=$line; done
[ "$last" = "$(printf 'Connection: close\r')" ] || exit 1
echo >>count
cat "reply$(wc -l <count)" 2>/dev/null
exit 1"#;

    #[test]
    fn a_leader_that_is_being_chosen_is_waited_for() {
        const REPLIES: [&str; 3] = [
            "HTTP/1.1 200 OK\r\n\r\n{\"Swarm\":{\"LocalNodeState\":\"pending\"}}",
            "HTTP/1.1 503 No\r\n\r\n{\"message\":\"rpc error: The swarm does not have a leader.\"}",
            "HTTP/1.1 200 OK\r\n\r\n[]\n",
        ];
        const MANAGER: [&str; 2] =
            ["HTTP/1.1 200 OK\r\n\r\n{\"ControlAvailable\":true}", "HTTP/1.1 200 OK\r\n\r\n{}"];
        for perl in [true, false] {
            assert_eq!(asked(&REPLIES, "20", "", perl), REPLIES[2]);
            // Not for ever, and only by who is told to; an engine that goes meanwhile has said what it has said.
            assert_eq!(asked(&REPLIES, "1", "", perl), REPLIES[1]);
            assert_eq!(asked(&REPLIES, "", "", perl), REPLIES[0]);
            assert_eq!(asked(&REPLIES[..1], "20", "", perl), REPLIES[0]);
            // What else is passing, for who says so.
            assert_eq!(asked(&REPLIES[2..], "20", "[]", perl), REPLIES[2]);
            assert_eq!(asked(&MANAGER, "20", r#""ControlAvailable":true"#, perl), MANAGER[1]);
            assert_eq!(asked(&MANAGER, "20", "", perl), MANAGER[0]);
        }
    }
}
