//! known_hosts: a host's key of one type.

use crate::modules::kit::{changed, diff, only, result, with_diff};
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

/// One line of the file.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Key<'a> {
    /// `@cert-authority` or `@revoked`.
    marker: Option<&'a str>,
    host: &'a str,
    kind: &'a str,
    key: &'a str,
}

impl<'a> Key<'a> {
    /// A line; one without names is for `host`.
    fn parse(line: &'a str, host: &'a str) -> Option<Key<'a>> {
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|w| w.starts_with('@'));
        let kind = |w: &str| ["ssh-", "ecdsa-", "sk-"].iter().any(|k| w.starts_with(k));
        let host = words.next_if(|w| !kind(w)).unwrap_or(host);
        let (kind, key) = (words.next().filter(|w| kind(w))?, words.next()?);
        Some(Key { marker, host, kind, key })
    }

    /// A hashed name is another one each time: `ssh-keygen` has found it, so it is the host's.
    fn same(&self, other: &Key<'_>, hashed: bool) -> bool {
        let names = self.host == other.host || hashed && self.host.starts_with("|1|");
        names && (self.marker, self.kind, self.key) == (other.marker, other.kind, other.key)
    }
}

/// Where the host's lines are, and the lines.
fn found(lines: &str) -> Vec<(usize, &str)> {
    let mut at = 0;
    let mut out = Vec::new();
    for line in lines.lines().filter(|l| !l.is_empty()) {
        match line.strip_prefix("# Host ") {
            Some(head) => {
                let number = head.split("found: line ").nth(1).and_then(|n| n.split_whitespace().next());
                at = number.and_then(|n| n.parse().ok()).unwrap_or(0);
            }
            None => out.push((at, line)),
        }
    }
    out
}

impl Staged for KnownHosts {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let (name, line) = (args.str("name"), args.str("key").trim());
        if name.starts_with('-') {
            return Err(Failure::new("name is a host"));
        }
        if !line.is_empty() && name.contains(',') {
            let why = "Comma separated list of names is not supported. \
                       Please pass a single name to lookup in the known_hosts file.";
            return Err(Failure::new(why));
        }
        let job = Job::new(script!("known_hosts.probe", "probe.sh"));
        Ok(vec![job.var("name", name).var("path", args.str("path")).var("line", full(args).join("\n"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        if output.field("", "tool").is_some() {
            return Err(Failure::new("the host has no ssh-keygen: install the package openssh-client"));
        }
        let (name, wanted_lines, present) = (args.str("name"), full(args), args.str("state") != "absent");
        let wanted: Option<Vec<Key<'_>>> = wanted_lines.iter().map(|l| Key::parse(l, name)).collect();
        let wanted = wanted.filter(|w| !present || !w.is_empty());
        let wanted = wanted.ok_or_else(|| Failure::new("key is not `host type base64`"))?;
        if !wanted.is_empty() && output.field("", "fits").is_none() {
            return Err(Failure::new("Host parameter does not match hashed host field in supplied key"));
        }
        let lines = output.field("", "lines").unwrap_or_default();
        let (drop, add) = edits(args, &wanted, &found(&lines));
        let line: Vec<&str> = add.iter().map(|at| wanted_lines[*at].as_str()).collect();
        let line = line.join("\n");
        let add = !add.is_empty();
        let before = output.field("", "content");
        let path = output.field("", "path").unwrap_or_else(|| args.str("path").to_string());
        let after = edited(before.as_deref().unwrap_or_default(), &drop, add.then_some(line.as_str()));
        let mut shown = diff(&path, before.as_deref().unwrap_or_default(), after);
        if before.is_none() {
            shown.before_header = "/dev/null".into();
        }
        let told = [
            ("before_header", shown.before_header.as_str()),
            ("after_header", shown.after_header.as_str()),
            ("before", shown.before.as_str()),
            ("after", shown.after.as_str()),
        ];
        let mut out = result([
            ("name", name.into()),
            ("key", wanted_lines.join("\n").into()),
            ("state", args.str("state").into()),
            ("path", path.as_str().into()),
            ("hash_host", args.bool("hash_host").into()),
        ]);
        out.insert("diff".into(), told.into_iter().collect());
        if drop.is_empty() && !add {
            return Ok(Decision::unchanged(out));
        }
        let numbers: Vec<String> = drop.iter().map(ToString::to_string).collect();
        let job = Job::new(script!("known_hosts.apply", "apply.sh"))
            .var("path", path)
            .var("drop", numbers.join(" "))
            .var("line", if add { line.as_str() } else { "" })
            .flag("hash", add && args.bool("hash_host"));
        let kind = wanted.first().map_or("", |w| w.kind);
        let (action, reason) = match (add, drop.is_empty()) {
            (false, _) => (Action::Delete, format!("{name} is known")),
            (true, false) => (Action::Update, format!("{name} has another {kind} key")),
            (true, true) => (Action::Create, format!("{name} is not known by this key")),
        };
        Ok(with_diff(changed(action, reason, vec![job], out), shown))
    }
}

/// The lines as they are to be in the file: `ssh-keyscan` prints one for each type, and comments.
fn full(args: &Args) -> Vec<String> {
    let line = |line: &str| {
        let bare = Key::parse(line, "").is_some_and(|k| k.host.is_empty() && k.marker.is_none());
        if bare { format!("{} {line}", args.str("name")) } else { line.to_string() }
    };
    let lines = args.str("key").lines().map(str::trim);
    lines.filter(|l| !l.is_empty() && !l.starts_with('#')).map(line).collect()
}

/// The numbers of the lines to take out, and which of the wanted ones are to be added.
fn edits(args: &Args, wanted: &[Key<'_>], found: &[(usize, &str)]) -> (Vec<usize>, Vec<usize>) {
    let name = args.str("name");
    let absent = args.str("state") == "absent";
    if wanted.is_empty() {
        return (found.iter().map(|(at, _)| *at).collect(), Vec::new());
    }
    let hashed = args.bool("hash_host");
    let keys = || found.iter().filter_map(|(at, line)| Some((*at, Key::parse(line, name)?)));
    // A hashed name is the host's too, whatever was asked for.
    let same = |k: &Key<'_>, wanted: &Key<'_>| {
        k.same(wanted, true) || k.same(&Key { host: k.host, ..wanted.clone() }, true)
    };
    if absent {
        let gone = keys().filter(|(_, k)| wanted.iter().any(|w| same(k, w)));
        return (gone.map(|(at, _)| at).collect(), Vec::new());
    }
    let is = |k: &Key<'_>, wanted: &Key<'_>| match hashed {
        true => k.host.starts_with("|1|") && k.same(wanted, true),
        false => k.same(wanted, wanted.host.starts_with("|1|")),
    };
    let (mut drop, mut add) = (Vec::new(), Vec::new());
    for (number, one) in wanted.iter().enumerate() {
        if keys().any(|(_, k)| is(&k, one)) {
            continue;
        }
        // Authorities and revocations stand beside others of their kind.
        let other = |k: &Key<'_>| {
            let kind = k.marker.is_none() && one.marker.is_none() && k.kind == one.kind;
            kind && !wanted.iter().any(|w| is(k, w))
        };
        drop.extend(keys().filter(|(_, k)| other(k)).map(|(at, _)| at).take(1));
        add.push(number);
    }
    drop.dedup();
    (drop, add)
}

fn edited(content: &str, drop: &[usize], add: Option<&str>) -> String {
    let kept = content.split_inclusive('\n').enumerate().filter(|(i, _)| !drop.contains(&(i + 1)));
    let mut out: String = kept.map(|(_, line)| line).collect();
    if let Some(line) = add {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out += line;
        out.push('\n');
    }
    out
}
