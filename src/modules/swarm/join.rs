//! Joining: at whichever manager answers, for as long as what is in the way may pass.
//!
//! The engine takes a list of addresses and tries the first only. That one may be down, without a leader for a moment,
//! or, where a lost machine was replaced, the joining host's own: its predecessor is still a member at this address. So
//! the job asks each manager in turn (`join.sh`), and a refusal that would be the same everywhere ends it at once.

use super::http::Engine;
use crate::modules::{Args, ArgsExt, bytes};
use crate::remote::Job;
use crate::script;
use serde_json::json;

/// Seconds for all attempts together.
const LIMIT: u32 = 120;

/// The arguments `remote_addrs`, `join_token` and the addresses of this host. `removed`: the id of the node that the host was,
/// and leaves first if it still is; may be empty.
pub fn job(args: &Args, removed: &str) -> Job {
    let mut addrs = args.list("remote_addrs");
    let mut requests = String::new();
    for _ in 0..addrs.len() {
        let body = json!({
            "ListenAddr": args.str("listen_addr"),
            "AdvertiseAddr": args.str("advertise_addr"),
            "DataPathAddr": args.str("data_path_addr"),
            "RemoteAddrs": addrs,
            "JoinToken": args.str("join_token"),
        });
        requests.push_str(&format!("{body}\n"));
        addrs.rotate_left(1);
    }
    Engine::of(args)
        .reached_by(Job::new(script!("swarm.join", "engine.sh", "join.sh")))
        .var("limit", LIMIT.to_string())
        .var("removed", removed)
        .stdin(bytes(requests))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    /// An engine that gives the answers in `answers/1`, `answers/2` … to joins, and keeps what it was asked.
    const ENGINE: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 1
case "$*" in
  *dial-stdio)
    IFS= read -r line
    while IFS= read -r head && [ "$head" != "$(printf '\r')" ]; do
      case $head in Content-Length:*) length=$(printf %s "${head#*: }" | tr -d '\r') ;; esac
    done
    printf '%s %s\n' "${line% *}" "$(head -c "$length")" >>asked
    case $line in
      *leave*) echo inactive >state; printf 'HTTP/1.1 200 OK\r\n\r\n' ;;
      *) count=$(grep -c join asked); cat "after/$count" >state; printf 'HTTP/1.1 %b' "$(cat "answers/$count")" ;;
    esac ;;
  *NodeID*) echo was ;;
  *.Error*) echo "$(cat state): $(cat error)" ;;
  *) cat state ;;
esac
"#;

    const GOOD: &str = r"200 OK\r\n\r\n";

    fn bad(message: &str) -> String {
        format!(r#"503 No\r\n\r\n{{"message":"{message}"}}"#)
    }

    /// Runs the job with answers and the state after each; its exit code, what was asked, and what it said.
    fn run(answers: &[(&str, &str)], error: &str, limit: &str) -> (i32, Vec<String>, String) {
        run_as(answers, error, limit, "")
    }

    /// The host is the node `was`; the swarm has removed `removed`.
    fn run_as(
        answers: &[(&str, &str)],
        error: &str,
        limit: &str,
        removed: &str,
    ) -> (i32, Vec<String>, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["answers", "after"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        for (index, (answer, state)) in answers.iter().enumerate() {
            std::fs::write(path(&format!("answers/{}", index + 1)), answer).unwrap();
            std::fs::write(path(&format!("after/{}", index + 1)), state).unwrap();
        }
        std::fs::write(path("docker"), ENGINE).unwrap();
        std::fs::set_permissions(path("docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(path("state"), "inactive").unwrap();
        std::fs::write(path("error"), error).unwrap();
        let searched = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let mut child = Command::new("sh")
            .args(["-c", concat!(include_str!("engine.sh"), include_str!("join.sh"))])
            .env("PATH", searched)
            .envs([("host", "unix:///x"), ("limit", limit), ("pause", "0"), ("removed", removed)])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"{\"at\":\"one\"}\n{\"at\":\"two\"}\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let asked = std::fs::read_to_string(path("asked")).unwrap_or_default();
        let asked = asked.lines().map(|l| l.replace("POST /swarm/", "").replace("{\"at\":", "")).collect();
        (output.status.code().unwrap(), asked, String::from_utf8(output.stderr).unwrap())
    }

    #[test]
    fn what_may_pass_is_tried_at_the_next_manager() {
        let refused =
            bad("rpc error: code = Unavailable desc = dial tcp 10.0.0.4:2377: connect: connection refused");
        let leader = bad("rpc error: code = Unknown desc = The swarm does not have a leader.");
        let (one, two) = ("join \"one\"}", "join \"two\"}");
        let (code, asked, said) =
            run(&[(&refused, "inactive"), (&leader, "inactive"), (GOOD, "active")], "", "60");
        assert_eq!((code, asked), (0, vec![one.into(), two.into(), one.into()]), "{said}");
        // The answer was good, and what goes on behind it was not: it is left before the next.
        let error = "rpc error: code = DeadlineExceeded desc = context deadline exceeded";
        let (code, asked, said) = run(&[(GOOD, "error"), (GOOD, "active")], error, "60");
        assert_eq!((code, asked), (0, vec![one.into(), "leave?force=1 ".to_string(), two.into()]), "{said}");
        // It goes on behind the answer, and ends well.
        let late =
            bad("Timeout was reached before node joined. The attempt will continue in the background.");
        assert_eq!(run(&[(&late, "active")], "", "60").0, 0);
    }

    #[test]
    fn without_a_manager_to_join_at_nothing_is_done() {
        let script = concat!(include_str!("engine.sh"), include_str!("join.sh"));
        let dir = tempfile::tempdir().unwrap();
        let docker = dir.path().join("docker");
        std::fs::write(&docker, "#!/bin/sh\necho was\n").unwrap();
        std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
        let searched = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        // Who goes on is ended.
        let mut sh = Command::new("timeout");
        let sh = sh.args(["5", "sh", "-c", script]).env("PATH", searched).stdin(Stdio::null());
        let output = sh.envs([("host", "unix:///x"), ("limit", "60"), ("removed", "was")]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "there is no manager to join at\n");
    }

    #[test]
    fn two_runs_at_once_make_one_node_of_a_host() {
        let other = bad("This node is already part of a swarm.");
        let one = "join \"one\"}".to_string();
        // Someone else, from another place, was faster.
        let (code, asked, said) = run(&[(&other, "active")], "", "60");
        assert_eq!((code, asked), (0, vec![one.clone()]), "{said}");
        // It is left only where it still is the node that was removed.
        let (code, asked, said) = run_as(&[(GOOD, "active")], "", "60", "was");
        assert_eq!((code, asked), (0, vec!["leave?force=1 ".to_string(), one.clone()]), "{said}");
        let (code, asked, said) = run_as(&[(&other, "active")], "", "60", "former");
        assert_eq!((code, asked), (0, vec![one]), "{said}");
        // The other's attempt comes to nothing, and this one is made.
        let (code, asked, said) = run(&[(&other, "inactive"), (GOOD, "active")], "", "60");
        assert_eq!((code, asked.len()), (0, 2), "{said}");
        // A refusal leaves alone what the other has under way.
        let refused = bad("rpc error: code = Unavailable desc = connection refused");
        let (code, asked, said) = run(&[(&refused, "pending"), (&other, "active")], "", "60");
        assert_eq!((code, asked.len()), (0, 2), "{said}");
        assert!(!asked.iter().any(|a| a.contains("leave")), "{asked:?}");
    }

    #[test]
    fn what_will_not_pass_is_told_at_once() {
        for message in [
            "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster",
            "invalid join token",
            "error while validating Root CA Certificate: remote CA does not match fingerprint",
            "rpc error: code = Unavailable desc = authentication handshake failed: x509: certificate has expired",
            "rpc error: code = Unimplemented desc = unknown service",
        ] {
            let (code, asked, said) = run(&[(&bad(message), "inactive")], "", "60");
            assert_eq!((code, asked.len()), (1, 1), "{message}: {said}");
            assert!(said.contains(message) && !said.contains("2377/tcp"), "{said}");
        }
    }

    #[test]
    fn it_ends() {
        let refused = bad("rpc error: code = Unavailable desc = connection refused");
        let (code, asked, said) = run(&[(&refused, "inactive")], "", "0");
        assert_eq!((code, asked.len()), (1, 1), "{said}");
        assert!(said.contains("2377/tcp") && said.contains("4789/udp"), "{said}");
        let (code, _, said) = run(&[(GOOD, "pending")], "", "0");
        assert_eq!(code, 1);
        assert!(said.contains("it is still pending") && said.contains("2377/tcp"), "{said}");
    }
}
