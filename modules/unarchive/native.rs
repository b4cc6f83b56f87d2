//! unarchive: the host compares the archive with the folder, and unpacks it where something differs.

use crate::base::{Map, Value};
use crate::modules::files::{self, Attributes, attributes};
use crate::modules::http::{REQUEST, Request};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, spec_claims};
use crate::plan::{Action, Change, Claims, Decision};
use crate::remote::files::{FileKind, StatOptions, stat_job, stats};
use crate::remote::{Content, Job, Output, Script};
use crate::spec::ModuleSpec;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

struct Unarchive;

const ARCHIVE: &str = include_str!("archive.sh");
static PROBE: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("unarchive.probe", [REQUEST, ARCHIVE, include_str!("probe.sh")].concat()));
static APPLY: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("unarchive.apply", [REQUEST, ARCHIVE, include_str!("apply.sh")].concat()));

/// The truth is the archive beside what is in `dest`: content by content for zip, what `tar --diff` says for
/// tar.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Unarchive))
}

fn on_host(args: &Args) -> bool {
    args.bool("remote_src") || args.opt_bool("copy") == Some(false)
}

/// A job of either script, with the archive on stdin where it is local.
fn job(script: &Arc<Script>, args: &Args, controller: &dyn Controller) -> Result<Job, Failure> {
    let src = args.str("src");
    let lines = |name: &str| args.list(name).join("\n");
    let job = Job::new(script)
        .var("src", src)
        .var("dest", args.str("dest"))
        .var("include", lines("include"))
        .var("exclude", lines("exclude"))
        .var("extra", lines("extra_opts"))
        .flag("keep", args.bool("keep_newer"));
    match on_host(args) {
        true if src.contains("://") => {
            let request = Request { url: src.to_string(), fail: true, ..Request::of(args) };
            request.into_job(args, job.var("from", "url"))
        }
        true => Ok(job.var("from", "host")),
        false => {
            let path = controller.find_file("files", src)?;
            Ok(job.var("from", "stdin").stdin(content(&path, args.bool("decrypt"), controller)?))
        }
    }
}

/// A local archive: streamed, unless it is a vault file.
fn content(path: &Path, decrypt: bool, controller: &dyn Controller) -> Result<Content, Failure> {
    let Ok(mut file) = std::fs::File::open(path) else {
        return Ok(Content::Bytes(controller.read_file(path, !decrypt)?));
    };
    let mut head = [0; 15];
    let vault = decrypt && file.read_exact(&mut head).is_ok() && head == *b"$ANSIBLE_VAULT;";
    Ok(match vault {
        true => Content::Bytes(controller.read_file(path, false)?),
        false => Content::File(path.to_path_buf()),
    })
}

impl Staged for Unarchive {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        let mut claims = spec_claims(spec, args);
        if on_host(args) {
            let kind = if args.str("src").contains("://") { "network:" } else { "file:" };
            claims.reads.push(format!("{kind}{}", args.str("src")));
        }
        claims
    }

    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let follow = StatOptions { follow: true, ..StatOptions::default() };
        let dest = args.str("dest");
        if Attributes::labels(args) {
            let message =
                "attributes and SELinux labels of what is unpacked are not set here; `file` sets them";
            return Err(Failure::new(message));
        }
        if let Some(creates) = args.opt_str("creates") {
            return Ok(vec![stat_job([dest], &follow), stat_job([creates], &follow)]);
        }
        let wanted = ["owner", "group", "mode"].iter().any(|a| args.has(a));
        let compare = job(&PROBE, args, controller)?.flag("attributes", wanted);
        Ok(vec![stat_job([dest], &follow), compare])
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let (src, dest) = (args.str("src"), args.str("dest"));
        let folder = files::seen_one(seen.first(), dest)?;
        let second = match seen.get(1) {
            Some(output) if output.ok() => output,
            Some(output) => return Err(Failure::from_output(output)),
            None => return Err(Failure::new("the probe left no output")),
        };
        let mut result = Map::from_iter([("dest".into(), dest.into()), ("src".into(), src.into())]);
        if let Some(creates) = args.opt_str("creates")
            && stats(second).values().any(|s| s.exists)
        {
            result.insert("skipped".into(), true.into());
            result.insert("msg".into(), format!("skipped, since {creates} exists").into());
            return Ok(Decision::unchanged(result));
        }
        if !folder.exists || folder.kind != FileKind::Directory {
            return Err(Failure::new(format!("dest '{dest}' must be an existing dir")));
        }
        files::describe(&folder, &mut result);
        let (action, reason) = match args.opt_str("creates") {
            Some(creates) => (Action::Create, format!("{creates} is absent")),
            None => {
                told(args, second, &mut result);
                let differing = differing(args, second);
                if differing.is_empty() {
                    return only_attributes(args, second, result);
                }
                let all = differing.len() >= second.field("", "list").unwrap_or_default().lines().count();
                (if all { Action::Create } else { Action::Update }, summary(&differing))
            }
        };
        let wanted = Attributes::of(args);
        wanted.bits(0o644, false)?;
        let apply = job(&APPLY, args, controller)?
            .var("owner", wanted.owner.unwrap_or_default())
            .var("group", wanted.group.unwrap_or_default())
            .var("mode", wanted.mode.unwrap_or_default());
        let effects = vec![apply, end(dest)];
        let change = Change { action, reason, diffs: Vec::new() };
        Ok(Decision { change: Some(change), effects, result, warnings: Vec::new() })
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        let mut result = files::finish(decision, done)?;
        if let Some(output) = done.first().filter(|o| o.field("", "rc").is_some()) {
            told(args, output, &mut result);
            let text = |key: &str| Value::from(output.field("", key).unwrap_or_default());
            let results =
                [("rc".into(), Value::from(0)), ("out".into(), text("out")), ("err".into(), text("err"))];
            result.insert("extract_results".into(), Map::from_iter(results).into());
        }
        Ok(result)
    }

    /// A local archive would be sent a third time; the tools tell when they fail.
    fn verify(&self) -> bool {
        false
    }
}

fn end(dest: &str) -> Job {
    stat_job([dest], &StatOptions { follow: true, ..StatOptions::default() })
}

/// What a script tells of the archive itself.
fn told(args: &Args, output: &Output, result: &mut Map) {
    if let Some(handler) = output.field("", "handler") {
        result.insert("handler".into(), handler.into());
    }
    if args.bool("list_files") {
        let list = output.field("", "list").unwrap_or_default();
        let names: Vec<Value> = list.lines().map(Value::from).collect();
        result.insert("files".into(), names.into());
    }
}

/// The names in the archive that are not on the host as they should be, without repetitions.
fn differing(args: &Args, output: &Output) -> Vec<String> {
    let root = output.field("", "uid").as_deref() == Some("0");
    let diff = output.field("", "diff").unwrap_or_default();
    let mut names: Vec<String> = diff.lines().filter_map(|line| differs(args, root, line)).collect();
    let found = output.records().filter(|(_, key, _)| *key == b"differs");
    names.extend(found.map(|(name, ..)| String::from_utf8_lossy(name).into_owned()));
    names.dedup();
    names
}

/// The name in a line of `tar --diff`, where the difference counts. Times do not; owner and mode only where root
/// unpacks and the task does not set them itself.
fn differs(args: &Args, root: bool, line: &str) -> Option<String> {
    let (name, what) = match line.strip_prefix("tar: ") {
        Some(rest) => rest
            .split_once(": ")
            .filter(|(_, what)| what.contains("Cannot ") || what.contains("No such file"))?,
        None => line.rsplit_once(": ").or_else(|| line.split_once(": Not linked to"))?,
    };
    let counts = match what {
        "Uid differs" => root && !args.has("owner"),
        "Gid differs" => root && !args.has("group"),
        "Mode differs" => root && !args.has("mode"),
        "Mod time differs" => false,
        _ => true,
    };
    // `--strip-components` leaves nothing of some names.
    (counts && !name.is_empty()).then(|| name.to_string())
}

/// The first few of many names.
fn summary(names: &[String]) -> String {
    let shown = names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        1 => format!("{shown} is not as in the archive"),
        2 | 3 => format!("{shown} are not as in the archive"),
        n => format!("{shown} and {} more are not as in the archive", n - 3),
    }
}

/// The content is right; owner, group and mode of entries may not be.
fn only_attributes(args: &Args, output: &Output, result: Map) -> Result<Decision, Failure> {
    let wanted = Attributes::of(args);
    let mut groups: Vec<(Vec<attributes::Difference>, Vec<String>)> = Vec::new();
    for (path, stat) in stats(output).into_iter().filter(|(path, stat)| !path.is_empty() && stat.exists) {
        let differences = wanted.differences(&stat)?;
        if differences.is_empty() {
            continue;
        }
        let path = String::from_utf8_lossy(&path).into_owned();
        match groups.iter_mut().find(|(d, _)| *d == differences) {
            Some((_, paths)) => paths.push(path),
            None => groups.push((differences, vec![path])),
        }
    }
    let Some((differences, paths)) = groups.first() else { return Ok(Decision::unchanged(result)) };
    let count: usize = groups.iter().map(|(_, paths)| paths.len()).sum();
    let first = format!("{}: {}", paths[0], attributes::reason(differences));
    let reason = if count > 1 { format!("{first}; and {} more", count - 1) } else { first };
    let diffs = vec![attributes::diff(&paths[0], differences)];
    let change = Change { action: Action::Update, reason, diffs };
    let mut effects: Vec<Job> =
        groups.iter().map(|(d, paths)| Attributes::job(d, true, paths.iter().map(String::as_str))).collect();
    effects.push(end(args.str("dest")));
    Ok(Decision { change: Some(change), effects, result, warnings: Vec::new() })
}
