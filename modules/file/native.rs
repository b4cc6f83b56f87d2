//! file: folders, links, times and attributes.

mod folder;
mod links;
mod times;

use crate::base::Map;
use crate::modules::files::{self, Attributes, attributes, state_word};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Change, Claims, Decision, Diff};
use crate::remote::files::{FileKind, FileStat, StatOptions, stat_job};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

struct File;

/// The truth is lstat of the path (and stat where links are followed); owners are compared by name or number.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(File))
}

/// What the probes told.
struct Seen {
    /// The path itself.
    here: FileStat,
    /// What it points to, where it is a link.
    there: FileStat,
}

impl Staged for File {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        let mut claims = files::claims(spec, args);
        if args.str("state") == "directory" {
            files::makes_folders(&mut claims, args.str("path"));
        }
        if let Some(src) = args.opt_str("src") {
            claims.reads.push(format!("file:{}", links::resolved(args.str("path"), src)));
        }
        claims
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let path = args.str("path");
        let plain = StatOptions { labels: Attributes::labels(args), ..StatOptions::default() };
        let followed = StatOptions { follow: true, ..plain.clone() };
        let mut real = vec![path.to_string(), files::parent(path).to_string()];
        if let Some(src) = args.opt_str("src") {
            real.push(links::resolved(path, src));
        }
        let mut here = vec![path.to_string()];
        if let Some(inside) = links::inside(args) {
            here.push(inside.clone());
            real.push(inside);
        }
        let mut jobs = vec![stat_job(&here, &plain), stat_job(&real, &followed)];
        if links::may_take_a_folder(args) {
            jobs.push(Job::new(script!("file.full", "full.sh")).args([path]));
        }
        if args.bool("recurse") {
            let walk =
                |targets| Job::new(script!("file.walk", "walk.sh")).flag("targets", targets).args([path]);
            jobs.push(walk(false));
            jobs.extend(args.bool("follow").then(|| walk(true)));
        }
        let wanted = times::wanted(args)?;
        if wanted.needs_probe() {
            jobs.push(Job::new(script!("file.times", "times.sh")).args(wanted.civil()));
        }
        Ok(jobs)
    }

    /// Of what a link leads to only matters that it is there.
    fn rests_on_text(&self, args: &Args) -> bool {
        args.str("state") == "link"
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let path = args.str("path");
        let mut plain = files::seen(seen.first())?;
        let here = plain.remove(path.as_bytes()).unwrap_or_default();
        let mut real = files::seen(seen.get(1))?;
        let there = real.get(path.as_bytes()).cloned().unwrap_or_default();
        if let Some(inside) =
            links::inside(args).filter(|_| there.kind == FileKind::Directory && there.exists)
        {
            // As with `ln`: the name in the folder is that of the source.
            let seen_now = Seen {
                here: plain.remove(inside.as_bytes()).unwrap_or_default(),
                there: real.get(inside.as_bytes()).cloned().unwrap_or_default(),
            };
            let mut args = args.clone();
            args.insert("path".into(), inside.into());
            return links::hard(&args, &seen_now, &mut real);
        }
        let state = match args.opt_str("state") {
            Some(state) => state,
            None if args.bool("recurse") => "directory",
            None if here.kind == FileKind::Directory && here.exists => "directory",
            None if here.kind == FileKind::Link && here.exists => "link",
            None => "file",
        };
        if args.bool("recurse") && state != "directory" {
            return Err(Failure::new("recurse option requires state to be 'directory'"));
        }
        if args.has("src") && !matches!(state, "link" | "hard") {
            return Err(Failure::new(format!(
                "src option requires state to be 'link' or 'hard', not '{state}'"
            )));
        }
        let seen_now = Seen { here, there };
        match state {
            "absent" => Ok(absent(path, &seen_now.here)),
            "directory" => folder::decide(args, &seen_now, seen.get(2..).unwrap_or_default()),
            "link" => links::soft(args, &seen_now, &mut real, seen.get(2)),
            "hard" => links::hard(args, &seen_now, &mut real),
            "touch" => touch(args, &seen_now, seen.last(), &real),
            _ => attributes_only(args, &seen_now, seen.last()),
        }
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::finish(decision, done)
    }

    /// Touching is never finished.
    fn verify(&self) -> bool {
        false
    }
}

/// The job that makes a state; attributes as far as they are wanted.
fn make(args: &Args, state: &str, base: u32, wanted: Attributes) -> Result<Job, Failure> {
    Ok(Job::new(script!("file.make", "make.sh"))
        .var("path", args.str("path"))
        .var("state", state)
        .var("src", args.str("src"))
        .var("mode", wanted.octal(base, false)?.unwrap_or_default())
        .var("owner", wanted.owner.unwrap_or_default())
        .var("group", wanted.group.unwrap_or_default())
        .var("atime", "")
        .var("mtime", ""))
}

/// The effects that make something new: the job, its labels, a look at what came of it.
fn made(args: &Args, job: Job) -> Result<Vec<Job>, Failure> {
    let path = args.str("path");
    let label = Attributes::of(args).label_job(path)?;
    Ok([job].into_iter().chain(label).chain([look(path, true)]).collect())
}

fn look(path: &str, follow: bool) -> Job {
    stat_job([path], &StatOptions { follow, ..StatOptions::default() })
}

fn states(path: &str, before: &str, after: &str) -> Diff {
    let side = |state: &str| format!("path: {path}\nstate: {state}\n");
    Diff { before_header: path.into(), after_header: path.into(), before: side(before), after: side(after) }
}

/// A decision to change something, its result from `key` on.
fn change(args: &Args, key: &str, action: Action, reason: String, diff: Diff, effects: Vec<Job>) -> Decision {
    let result = Map::from_iter([(key.into(), args.str("path").into())]);
    let change = Change { action, reason, diffs: vec![diff] };
    Decision { change: Some(change), effects, result, warnings: Vec::new() }
}

fn unchanged(key: &str, path: &str, stat: &FileStat) -> Decision {
    let mut result = Map::from_iter([(key.into(), path.into())]);
    files::describe(stat, &mut result);
    Decision::unchanged(result)
}

fn absent(path: &str, here: &FileStat) -> Decision {
    if !here.exists {
        return unchanged("path", path, here);
    }
    let word = state_word(here);
    let job = Job::new(script!("file.make", "make.sh")).var("path", path).var("state", "absent");
    let job = ["src", "mode", "owner", "group", "atime", "mtime"].iter().fold(job, |j, n| j.var(n, ""));
    let result = Map::from_iter([("path".into(), path.into()), ("state".into(), "absent".into())]);
    let change = Change {
        action: Action::Delete,
        reason: format!("{path} is there ({word})"),
        diffs: vec![states(path, word, "absent")],
    };
    Decision { change: Some(change), effects: vec![job], result, warnings: Vec::new() }
}

fn touch(
    args: &Args,
    seen: &Seen,
    last: Option<&Output>,
    real: &BTreeMap<Vec<u8>, FileStat>,
) -> Result<Decision, Failure> {
    let path = args.str("path");
    let link = seen.here.exists && seen.here.kind == FileKind::Link;
    let follow = args.bool("follow");
    let now = if link && follow { &seen.there } else { &seen.here };
    let wanted = times::wanted(args)?;
    let (atime, mtime) = wanted.for_touch();
    if !seen.here.exists {
        let folder = real.get(files::parent(path).as_bytes()).cloned().unwrap_or_default();
        if !folder.exists {
            let parent = files::parent(path);
            return Err(Failure::new(format!("{path} cannot be made: {parent} does not exist")));
        }
        let mut job = make(args, "touch", 0o644, Attributes::of(args))?;
        set(&mut job, "atime", atime);
        set(&mut job, "mtime", mtime);
        let reason = format!("{path} is absent");
        let effects = made(args, job)?;
        return Ok(change(args, "dest", Action::Create, reason, states(path, "absent", "touch"), effects));
    }
    // A time is that of what a link leads to, followed or not.
    if !(seen.there.exists || atime.is_empty() && mtime.is_empty()) {
        let target = match seen.here.target.as_ref().filter(|_| follow) {
            Some(target) => links::resolved(path, &String::from_utf8_lossy(target)),
            None => path.to_string(),
        };
        let why = format!("[Errno 2] No such file or directory: b'{target}'");
        return Err(Failure::new(format!("Error while updating modification or access time: {why}")));
    }
    let differences = if now.exists { Attributes::of(args).differences(now)? } else { Vec::new() };
    let old = wanted.reasons(&seen.there, last, true);
    if differences.is_empty() && old.is_empty() {
        return Ok(unchanged("dest", path, &seen.here));
    }
    let mut job = make(args, "touch", now.mode, Attributes::default())?;
    set(&mut job, "atime", atime);
    set(&mut job, "mtime", mtime);
    let mut reasons = old;
    reasons.extend((!differences.is_empty()).then(|| attributes::reason(&differences)));
    let diff = attributes::diff(path, &differences);
    let mut effects = vec![job];
    let nofollow = link && !follow;
    effects.extend((!differences.is_empty()).then(|| Attributes::job(&differences, nofollow, [path])));
    effects.push(look(path, false));
    let mut decision = change(args, "dest", Action::Update, reasons.join("; "), diff, effects);
    files::describe(&seen.here, &mut decision.result);
    Ok(decision)
}

fn set(job: &mut Job, name: &str, value: String) {
    for (key, old) in &mut job.vars {
        if **key == *name {
            *old = value.clone().into_bytes();
        }
    }
}

fn attributes_only(args: &Args, seen: &Seen, last: Option<&Output>) -> Result<Decision, Failure> {
    let path = args.str("path");
    let link = seen.here.exists && seen.here.kind == FileKind::Link;
    let follow = args.bool("follow");
    let now = if link && follow { &seen.there } else { &seen.here };
    if args.str("state") == "file" && now.exists && now.kind == FileKind::Directory {
        return Err(Failure::new(format!("file ({path}) is directory, cannot continue")));
    }
    if !now.exists {
        return Err(Failure::new(format!("file ({path}) is absent, cannot continue")));
    }
    let differences = Attributes::of(args).differences(now)?;
    let wanted = times::wanted(args)?;
    let old = wanted.reasons(now, last, false);
    if differences.is_empty() && old.is_empty() {
        return Ok(unchanged("path", path, now));
    }
    let mut effects = Vec::new();
    let mut reasons = Vec::new();
    if !differences.is_empty() {
        effects.push(Attributes::job(&differences, link && !follow, [path]));
        reasons.push(attributes::reason(&differences));
    }
    if !old.is_empty() {
        let (atime, mtime) = wanted.for_touch();
        let mut job = make(args, "touch", now.mode, Attributes::default())?;
        set(&mut job, "atime", if args.has("access_time") { atime } else { String::new() });
        set(&mut job, "mtime", if args.has("modification_time") { mtime } else { String::new() });
        effects.push(job);
        reasons.extend(old);
    }
    effects.push(look(path, follow));
    let diff = attributes::diff(path, &differences);
    let mut decision = change(args, "path", Action::Update, reasons.join("; "), diff, effects);
    files::describe(now, &mut decision.result);
    Ok(decision)
}
