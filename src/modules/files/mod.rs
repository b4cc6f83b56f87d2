//! What the modules that write and change files share: attributes, putting content in place, results.

pub mod attributes;
pub mod bytes;
pub mod edit;
pub mod mode;
pub mod put;

pub use attributes::Attributes;
pub use put::{Put, Source};

use super::{Args, ArgsExt, Failure, has_unknown, spec_claims};
use crate::base::{Map, Value};
use crate::plan::{Claims, Decision};
use crate::remote::files::{FileKind, FileStat, RC_CHANGED, RC_INVALID, stats};
use crate::remote::{Output, Status};
use crate::spec::ModuleSpec;

/// Contents are read into memory up to this many bytes to be edited.
pub const EDIT_LIMIT: u64 = 64 << 20;
/// Contents are shown in a diff up to this many bytes.
pub const DIFF_LIMIT: u64 = 104_448;

/// Folders that every host has, so that nobody's `mkdir -p` makes them.
const STANDING: [&str; 14] = [
    "",
    "/",
    "/etc",
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/share",
    "/usr/local",
    "/var",
    "/var/lib",
    "/var/log",
    "/run",
    "/tmp",
];

/// The claims of module.yml; a `validate` command may read anything. Each file needs the folder it stands in.
pub fn claims(spec: &ModuleSpec, args: &Args) -> Claims {
    let from_host = args.bool("remote_src") || spec.name == "file";
    if from_host && args.value("src").is_some_and(has_unknown) {
        return Claims::everything();
    }
    let mut claims = spec_claims(spec, args);
    let folders = claims.writes.iter().filter_map(|w| w.strip_prefix("file:").map(parent));
    let needed: Vec<_> = folders.filter(|f| !STANDING.contains(f)).map(|f| format!("folder:{f}")).collect();
    claims.reads.extend(needed);
    if args.has("validate") {
        claims.reads.push("*".into());
    }
    claims
}

/// Claims for what makes a folder and those above it: `folder:` and the name of each that it may make. What stands
/// beside the folder, in one of those, is not below it and would not be seen to depend on it.
pub fn makes_folders(claims: &mut Claims, path: &str) {
    let mut folder = path.trim_end_matches('/');
    while !STANDING.contains(&folder) && folder != "." && folder != "~" {
        claims.writes.push(format!("folder:{folder}"));
        folder = parent(folder);
    }
}

/// The stats of all paths in a probe's output; fails when the probe did.
pub fn seen(output: Option<&Output>) -> Result<std::collections::BTreeMap<Vec<u8>, FileStat>, Failure> {
    match output {
        Some(output) if output.ok() => Ok(stats(output)),
        Some(output) => Err(Failure::from_output(output)),
        None => Err(Failure::new("the probe left no output")),
    }
}

/// One path's stat in a probe's output; absent when it is not there.
pub fn seen_one(output: Option<&Output>, path: &str) -> Result<FileStat, Failure> {
    Ok(seen(output)?.remove(path.as_bytes()).unwrap_or_default())
}

/// Ansible's word for what is there.
pub fn state_word(stat: &FileStat) -> &'static str {
    match (stat.exists, stat.kind) {
        (false, _) => "absent",
        (_, FileKind::Directory) => "directory",
        (_, FileKind::Link) => "link",
        _ if stat.nlink > 1 => "hard",
        _ => "file",
    }
}

/// Adds what Ansible tells about a path: `mode`, `owner`, `group`, `uid`, `gid`, `size`, `state`.
pub fn describe(stat: &FileStat, result: &mut Map) {
    result.insert("state".into(), state_word(stat).into());
    if !stat.exists {
        return;
    }
    let facts: [(&str, Value); 6] = [
        ("mode", mode_word(stat.mode).into()),
        ("owner", name_or_id(&stat.owner, stat.uid).into()),
        ("group", name_or_id(&stat.group, stat.gid).into()),
        ("uid", stat.uid.into()),
        ("gid", stat.gid.into()),
        ("size", stat.size.into()),
    ];
    result.extend(facts.map(|(k, v)| (k.into(), v)));
}

/// A mode as results tell it: as Python writes an octal number, so `01777`.
pub fn mode_word(bits: u32) -> String {
    format!("0{bits:03o}")
}

/// The name, or the number in digits where the host has no name for it.
pub fn name_or_id(name: &str, id: u32) -> String {
    if name.is_empty() { id.to_string() } else { name.to_string() }
}

/// The result after the effects: a `stat` at their end fills in attributes, a write tells its backup.
pub fn finish(decision: Decision, done: &[Output]) -> Result<Map, Failure> {
    if let Some(failed) = done.iter().find(|o| !o.ok()) {
        return Err(failure(failed, decision.result));
    }
    let mut result = decision.result;
    for output in done {
        for told in ["backup_file", "md5sum"] {
            let found = output.records().find(|(_, key, _)| *key == told.as_bytes());
            if let Some((_, _, value)) = found {
                result.insert(told.into(), String::from_utf8_lossy(value).into_owned().into());
            }
        }
    }
    let path = ["dest", "path"].iter().find_map(|k| result.get(*k)?.as_str().map(String::from));
    if let (Some(path), Some(last)) = (path, done.last())
        && let Some(stat) = stats(last).get(path.as_bytes())
        && last.records().any(|(_, key, _)| key == b"exists")
    {
        describe(stat, &mut result);
    }
    Ok(result)
}

fn failure(output: &Output, result: Map) -> Failure {
    let mut failure = Failure::from_output(output);
    if output.status == Status::Done && matches!(output.rc, RC_INVALID | RC_CHANGED) {
        failure.result.shift_remove("rc");
    }
    // What the message would have been is not what came of it.
    for (key, value) in result.into_iter().filter(|(key, _)| key.as_str() != Some("msg")) {
        failure.result.entry(key).or_insert(value);
    }
    failure
}

/// The folder a path stands in.
pub fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}

/// The last part of a path.
pub fn base_name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `folder/name`, with one slash between.
pub fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

pub use crate::remote::files::{hex, sha1};
