//! Folders, and with `recurse` all that is in them.

use super::{Seen, change, look, made, states, unchanged};
use crate::modules::files::attributes::Difference;
use crate::modules::files::{self, Attributes, attributes, state_word};
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::{Action, Decision};
use crate::remote::files::{FileKind, folders_job};
use crate::remote::{Job, Output};

/// Paths that differ alike, and whether links among them are followed.
struct Group {
    differences: Vec<Difference>,
    follow: bool,
    paths: Vec<String>,
}

fn add(groups: &mut Vec<Group>, differences: Vec<Difference>, follow: bool, path: String) {
    if differences.is_empty() {
        return;
    }
    match groups.iter_mut().find(|g| g.follow == follow && g.differences == differences) {
        Some(group) => group.paths.push(path),
        None => groups.push(Group { differences, follow, paths: vec![path] }),
    }
}

/// `walked`: what is in the folder, then, where links are followed, what they lead to.
pub fn decide(args: &Args, seen: &Seen, walked: &[Output]) -> Result<Decision, Failure> {
    let path = args.str("path");
    // A link to a folder is one.
    let now = if args.bool("follow") && seen.here.kind == FileKind::Link { &seen.there } else { &seen.here };
    if seen.here.exists && now.exists && now.kind != FileKind::Directory {
        let word = state_word(&seen.here);
        return Err(Failure::new(format!("{path} already exists as a {word}")));
    }
    if !now.exists {
        let effects = made(args, folders_job([path], Attributes::of(args).of_folders()?))?;
        let reason = format!("{path} is absent");
        let mut decision =
            change(args, "path", Action::Create, reason, states(path, "absent", "directory"), effects);
        decision.result.insert("state".into(), "directory".into());
        return Ok(decision);
    }
    let wanted = Attributes::of(args);
    let mut groups: Vec<Group> = Vec::new();
    add(&mut groups, wanted.differences(now)?, true, path.to_string());
    if args.bool("recurse") {
        let below = files::seen(walked.first())?;
        for (path, stat) in &below {
            let name = String::from_utf8_lossy(path).into_owned();
            add(&mut groups, wanted.differences(stat)?, false, name);
        }
        if args.bool("follow") {
            for (path, stat) in files::seen(walked.get(1))? {
                if !below.contains_key(&path) {
                    let name = String::from_utf8_lossy(&path).into_owned();
                    add(&mut groups, wanted.differences(&stat)?, true, name);
                }
            }
        }
    }
    if groups.is_empty() {
        return Ok(unchanged("path", path, now));
    }
    let job = |g: &Group| Attributes::job(&g.differences, !g.follow, g.paths.iter().map(String::as_str));
    let mut effects: Vec<Job> = groups.iter().map(job).collect();
    let count: usize = groups.iter().map(|g| g.paths.len()).sum();
    let Group { differences, paths, .. } = &groups[0];
    let mut reason = attributes::reason(differences);
    if paths[0] != path {
        reason = format!("{}: {reason}", paths[0]);
    }
    if count > 1 {
        reason.push_str(&format!("; and {} more below", count - 1));
    }
    effects.push(look(path, true));
    let diff = attributes::diff(&paths[0], differences);
    let mut decision = change(args, "path", Action::Update, reason, diff, effects);
    files::describe(now, &mut decision.result);
    Ok(decision)
}
