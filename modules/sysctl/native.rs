//! sysctl: a key's line in one file, its running value, and whoever sets it later at boot.

use crate::modules::kit::{changed, claims, diff, only, result, with_diff};
use crate::modules::text::{text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Sysctl))
}

struct Sysctl;

/// A key as its path below /proc/sys: where the first separator is a slash, dots are part of a name.
fn path(key: &str) -> String {
    let key = key.trim().trim_start_matches('-').trim();
    match key.find(['.', '/']).map(|i| key.as_bytes()[i]) {
        Some(b'/') => key.to_string(),
        _ => key.chars().map(|c| match c {
            '.' => '/',
            '/' => '.',
            c => c,
        }).collect(),
    }
}

/// The key and value of a line.
fn assignment(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    Some((path(key), value.trim()))
}

fn same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

fn value(args: &Args) -> String {
    let text = args.str("value").trim();
    match text.to_lowercase().as_str() {
        "yes" | "on" | "true" => "1".into(),
        "no" | "off" | "false" => "0".into(),
        _ => text.to_string(),
    }
}

impl Staged for Sysctl {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let file = args.str("sysctl_file");
        let mut writes = vec![format!("file:{file}"), format!("sysctl:{}", path(args.str("name")).replace('/', "."))];
        if file == "/etc/sysctl.d/99-sysctl.conf" {
            writes.push("file:/etc/sysctl.conf".into());
        }
        claims(&["module:*", "file:/etc/sysctl.d", "file:/usr/lib/sysctl.d"], &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let proc = path(args.str("name"));
        if proc.is_empty() || proc.starts_with('/') || proc.contains("..") || args.str("value").contains('\n') {
            return Err(Failure::new(format!("`{}` is not a kernel parameter", args.str("name"))));
        }
        let last = proc.rsplit('/').next().unwrap_or(&proc).to_string();
        let job = Job::new(script!("sysctl.probe", "probe.sh"));
        Ok(vec![job.var("proc", &proc).var("last", last).var("file", args.str("sysctl_file"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let (key, proc, wanted) = (args.str("name"), path(args.str("name")), value(args));
        let was = text_file(output, args.str("sysctl_file"))?;
        let present = args.str("state") == "present";
        let content = edit(&was.content, key, present.then_some(wanted.as_str()));
        let live = output.field("live", "value");
        let mut warnings = Vec::new();
        let mut reasons = Vec::new();
        let mut effects = Vec::new();
        if content != was.content {
            reasons.push(match (present, current(&was.content, &proc)) {
                (true, Some(is)) => format!("{key} is {is} in {}, not {wanted}", was.path),
                (true, None) => format!("{} does not set {key}", was.path),
                (false, _) => format!("{} sets {key}", was.path),
            });
            let mut write = write_text(&was, &content);
            write.mode = (!was.exists).then(|| "0644".to_string());
            effects.push(write_file_job(write));
        }
        if present && (args.bool("reload") || args.bool("sysctl_set")) {
            match &live {
                None if args.bool("ignoreerrors") => warnings.push(format!("the running kernel has no {key}")),
                None => {
                    let message = format!("the running kernel has no {key}: load the module that brings it first, or set `ignoreerrors: true`");
                    return Err(Failure::new(message));
                }
                Some(is) if !same(is, &wanted) => {
                    reasons.push(format!("{key} runs with {}", is.split_whitespace().collect::<Vec<_>>().join(" ")));
                    effects.push(Job::new(script!("sysctl.apply", "apply.sh")).var("proc", &proc).var("value", &wanted));
                }
                Some(_) => {}
            }
        }
        if present {
            warnings.extend(overridden(output, &was.path, args.str("sysctl_file"), &proc, &wanted));
        } else if !reasons.is_empty() {
            warnings.push(format!("the running value of {key} stays until the next boot"));
        }
        if reasons.is_empty() {
            return Ok(Decision { warnings, ..Decision::unchanged(result([])) });
        }
        let mut decision = changed(Action::Update, reasons.join("; "), effects, result([]));
        decision.warnings = warnings;
        let (mut before, mut after) = (was.content.clone(), content);
        if let Some(is) = live.filter(|is| present && !same(is, &wanted)) {
            before.push_str(&format!("running: {is}\n"));
            after.push_str(&format!("running: {wanted}\n"));
        }
        Ok(with_diff(decision, diff(&was.path, before, after)))
    }
}

/// The value that a text's last line for the key gives.
fn current<'a>(content: &'a str, proc: &str) -> Option<&'a str> {
    content.lines().filter_map(assignment).rfind(|(k, _)| k == proc).map(|(_, v)| v)
}

/// Sets, or with `None` removes, the key; every other line stays as it is.
fn edit(content: &str, key: &str, wanted: Option<&str>) -> String {
    let proc = path(key);
    let ours = |line: &str| assignment(line).is_some_and(|(k, _)| k == proc);
    if let Some(wanted) = wanted {
        let mut values = content.lines().filter_map(assignment).filter(|(k, _)| *k == proc).map(|(_, v)| v);
        if values.next().is_some_and(|v| same(v, wanted)) && values.next().is_none() {
            return content.to_string();
        }
    } else if !content.lines().any(ours) {
        return content.to_string();
    }
    let mut out = String::new();
    // The last line is the one that counted; the new one takes its place.
    let last = content.lines().collect::<Vec<_>>().iter().rposition(|l| ours(l));
    for (i, line) in content.lines().enumerate() {
        match (ours(line), wanted) {
            (true, Some(wanted)) if Some(i) == last => out.push_str(&format!("{} = {wanted}\n", key.trim())),
            (true, _) => {}
            (false, _) => out.push_str(&format!("{line}\n")),
        }
    }
    if let (None, Some(wanted)) = (last, wanted) {
        out.push_str(&format!("{} = {wanted}\n", key.trim()));
    }
    out
}

/// Files are read in the order of their base names, and one in /etc hides its namesakes elsewhere.
fn overridden(output: &Output, path: &str, link: &str, proc: &str, wanted: &str) -> Option<String> {
    let base = |p: &str| p.rsplit('/').next().unwrap_or(p).to_string();
    let files = output.field("boot", "files").unwrap_or_default();
    let mut order: BTreeMap<String, String> = BTreeMap::new();
    for file in files.lines() {
        order.entry(base(file)).or_insert_with(|| file.to_string());
    }
    let lines = output.field("boot", "lines").unwrap_or_default();
    let ours = base(if link.ends_with(".conf") { link } else { path });
    let mut last = None;
    for (name, file) in order.range(ours.clone()..).filter(|(n, _)| **n != ours) {
        let own = lines.lines().filter_map(|l| l.strip_prefix(file.as_str())?.strip_prefix(':'));
        if let Some((_, value)) = own.filter_map(assignment).rfind(|(k, _)| k == proc) {
            last = Some((name, file, value));
        }
    }
    let (_, file, value) = last.filter(|(_, _, value)| !same(value, wanted))?;
    Some(format!("will be lost at boot: {file} sets it to {value} after {path}"))
}
