//! A machine as far as the role's scripts see it: its programs are stubs that note how they were called.

use super::support::output;
use super::support::place::{Seen, text_below};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/roles/join_on_boot/files");

/// Stands for the engine's client, and for what else the scripts call.
const STUB: &str = r#"#!/bin/sh
name=${0##*/} all=$*
printf '%s %s\n' "$name" "$*" >>"$NODE/log"
case "$name $*" in
'docker info --format {{.Swarm.LocalNodeState}}') cat "$NODE/swarm" ;;
'docker info --format {{.Swarm.ControlAvailable}}') cat "$NODE/control" ;;
'docker info --format {{.Swarm.NodeID}}') echo self ;;
'docker node inspect self '*) echo ready ;;
'docker node ls '*) cat "$NODE/managers" ;;
'docker node demote self') echo false >"$NODE/control" ;;
'docker swarm leave --force') echo inactive >"$NODE/swarm" ;;
'docker swarm init'*) echo active >"$NODE/swarm" && echo true >"$NODE/control" ;;
'curl '*) exec /usr/bin/curl "$@" ;;
'kubeadm '*) cat "$NODE/run/kubeadm.yaml" >"$NODE/kubeadm.seen" ;;
'iptables '*' -C '*) grep -q "^iptables .* -A .*${all#*-C }" "$NODE/log" ;;
'systemctl list-jobs'*) cat "$NODE/jobs" 2>/dev/null ;;
esac
"#;

/// A machine as far as the scripts see it.
pub struct Node {
    pub dir: tempfile::TempDir,
    pub shell: &'static [&'static str],
    /// Bodies of requests to join that the engine got.
    pub asked: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl Node {
    pub fn new(shell: &'static [&'static str]) -> Node {
        let node = Node { dir: tempfile::tempdir().unwrap(), shell, asked: Arc::default() };
        for folder in ["bin", "etc", "run", "state", "net/ipv4/conf/all"] {
            std::fs::create_dir_all(node.path(folder)).unwrap();
        }
        for name in ["docker", "curl", "sleep", "systemctl", "iptables", "kubeadm"] {
            let file = node.path("bin").join(name);
            std::fs::write(&file, STUB).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        node.write("swarm", "inactive\n");
        node.write("control", "false\n");
        node.engine();
        node
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn times(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// The engine's socket: takes a request to join, and is a member of a swarm from then on. A token that ends in
    /// `refused` it does not take.
    pub fn engine(&self) {
        let listener = UnixListener::bind(self.path("docker.sock")).unwrap();
        let (asked, swarm) = (Arc::clone(&self.asked), self.path("swarm"));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).unwrap_or(0) > 0 && !line.trim().is_empty() {
                    if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                        length = n.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let refused = body["JoinToken"].as_str().unwrap().ends_with("refused");
                let silent = body["RemoteAddrs"][0] == "10.0.0.66:2377";
                asked.lock().unwrap().push(body);
                let (status, text, now) = match (refused, silent) {
                    (true, _) => (503, r#"{"message":"no leader"}"#, "inactive\n"),
                    (_, true) => (500, r#"{"message":"Timeout was reached"}"#, "pending\n"),
                    _ => (200, "{}", "active\n"),
                };
                std::fs::write(&swarm, now).unwrap();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                    text.len()
                );
            }
        });
    }

    pub fn run(&self, script: &str, args: &[&str]) -> Seen {
        let mut command = Command::new(self.shell[0]);
        command.args(&self.shell[1..]).arg(Path::new(SCRIPTS).join(script)).args(args);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("NODE", self.dir.path()).env("no_proxy", "*");
        // busybox has a sleep of its own, which it prefers.
        command.env("FITOUT_JOIN_SLEEP", self.path("bin/sleep")).env("FITOUT_JOIN_NET", self.path("net"));
        for (name, folder) in [("ETC", "etc"), ("RUN", "run"), ("STATE", "state"), ("SOCKET", "docker.sock")]
        {
            command.env(format!("FITOUT_JOIN_{name}"), self.path(folder));
        }
        Seen::of(&output(&mut command))
    }

    /// Joins with these settings in the image's file.
    pub fn join(&self, settings: &[&str]) -> Seen {
        self.write("etc/join.conf", &settings.join("\n"));
        self.run("fitout-join", &[])
    }

    pub fn joined(&self) -> bool {
        self.path("state/joined").exists()
    }

    /// The one request that the engine got.
    #[track_caller]
    pub fn asked_for(&self, token: &str, addresses: &[&str]) {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0]["JoinToken"], token);
        assert_eq!(asked[0]["RemoteAddrs"], serde_json::json!(addresses));
    }

    /// No argument of a program, no output, no file has any of these.
    #[track_caller]
    pub fn keeps_secret(&self, seen: &Seen, secrets: &[&str]) {
        let all = seen.all() + &text_below(self.dir.path());
        for secret in secrets {
            assert!(!all.contains(secret), "{secret} is in\n{all}");
        }
    }
}
