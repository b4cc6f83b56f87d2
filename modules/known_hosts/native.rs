//! known_hosts: a host's key of one type.

use crate::modules::kit::{changed, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

/// The truth is what `ssh-keygen -F` finds in the file, hashed names among it.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(KnownHosts))
}

struct KnownHosts;

/// Type and material of a line, whose names may come first.
fn key(line: &str) -> Option<(&str, &str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|w| w.starts_with("ssh-") || w.starts_with("ecdsa-") || w.starts_with("sk-"))?;
    Some((words.get(at)?, words.get(at + 1)?))
}

impl Staged for KnownHosts {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.str("name").starts_with('-') || args.str("key").trim().contains('\n') {
            return Err(Failure::new("name is a host and key is one line"));
        }
        let job = Job::new(script!("known_hosts.probe", "probe.sh"));
        Ok(vec![job.var("name", args.str("name")).var("path", args.str("path"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        if output.field("", "tool").is_some() {
            return Err(Failure::new("the host has no ssh-keygen: install the package openssh-client"));
        }
        let name = args.str("name");
        let lines = output.field("", "lines").unwrap_or_default();
        let has: Vec<(&str, &str)> = lines.lines().filter(|l| !l.starts_with("# ")).filter_map(key).collect();
        let line = args.str("key").trim();
        let wanted = key(line);
        let out = result([("name", name.into()), ("key", line.into()), ("state", args.str("state").into())]);
        let job = |kind: &str, line: &str| {
            Job::new(script!("known_hosts.apply", "apply.sh"))
                .var("name", name)
                .var("path", args.str("path"))
                .var("type", kind)
                .var("line", line)
                .flag("hash", args.bool("hash_host"))
        };
        if args.str("state") == "absent" {
            let kind = wanted.map_or("", |w| w.0);
            let there = has.iter().any(|h| wanted.is_none_or(|w| h.0 == w.0));
            return Ok(match there {
                true => changed(Action::Delete, format!("{name} is known"), vec![job(kind, "")], out),
                false => Decision::unchanged(out),
            });
        }
        let wanted = wanted.ok_or_else(|| Failure::new("key is not `host type base64`"))?;
        if has.contains(&wanted) {
            return Ok(Decision::unchanged(out));
        }
        let full = if line.starts_with(wanted.0) { format!("{name} {line}") } else { line.to_string() };
        let other = has.iter().any(|h| h.0 == wanted.0);
        let reason = if other { format!("{name} has another {} key", wanted.0) } else { format!("{name} is not known") };
        let action = if other { Action::Update } else { Action::Create };
        Ok(changed(action, reason, vec![job(wanted.0, &full)], out))
    }
}
