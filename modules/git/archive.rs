//! `archive`: what `git archive` makes of the checkout, where the file has something else.

use crate::modules::kit::changed;
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output, Script};
use std::sync::{Arc, LazyLock};

/// Functions that both scripts begin with.
pub const FUNCTIONS: &str = include_str!("archive.sh");

/// Makes the archive.
pub static STORE: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("git.store", [FUNCTIONS, include_str!("store.sh")].concat()));

/// Suffix, git's format and the program that packs it.
const FORMATS: &[(&str, &str, &str)] = &[
    (".zip", "zip", ""),
    (".tar", "tar", ""),
    (".gz", "tar", "gzip"),
    (".tgz", "tar", "gzip"),
    (".bz2", "tar", "bzip2"),
    (".tbz2", "tar", "bzip2"),
    (".xz", "tar", "xz"),
    (".txz", "tar", "xz"),
];

/// The variables of the scripts' functions.
pub fn variables(args: &Args, job: Job) -> Result<Job, Failure> {
    let path = args.str("archive");
    if path.is_empty() && args.opt_str("archive_prefix").is_some() {
        return Err(Failure::new("archive_prefix says how names in an archive begin: give `archive` too"));
    }
    let (format, packer) = match FORMATS.iter().find(|(suffix, ..)| path.ends_with(suffix)) {
        Some((_, format, packer)) => (*format, *packer),
        None if path.is_empty() => ("", ""),
        None => {
            let known: Vec<_> = FORMATS.iter().map(|(suffix, ..)| *suffix).collect();
            return Err(Failure::new(format!(
                "the suffix of {path} is none of an archive's: {}",
                known.join(", ")
            )));
        }
    };
    let job = job.var("archive", path).var("archive_prefix", args.str("archive_prefix"));
    Ok(job.var("format", format).var("packer", packer))
}

/// The decision about the checkout, and about the archive of it, which `store` makes.
pub fn with_archive(
    args: &Args,
    seen: &Output,
    mut decision: Decision,
    store: Job,
) -> Result<Decision, Failure> {
    let Some(path) = args.opt_str("archive") else { return Ok(decision) };
    // Neither there nor to be made: nothing to make an archive of.
    if decision.change.is_none() && seen.field("", "there").is_none() {
        return Ok(decision);
    }
    let there = seen.field("", "archive").unwrap_or_default();
    match there.as_str() {
        "folder" => return Err(Failure::new(format!("{path} is a folder, not a file for an archive"))),
        "no-packer" => {
            let (.., tool) =
                FORMATS.iter().find(|(suffix, ..)| path.ends_with(suffix)).unwrap_or(&FORMATS[0]);
            let package = if *tool == "xz" { "xz-utils" } else { tool };
            return Err(Failure::new(format!(
                "the host has no {tool} to make {path}: install the package {package} first"
            )));
        }
        _ => {}
    }
    decision.result.insert("archive".into(), path.into());
    if let Some(change) = &mut decision.change {
        change.reason += &format!("; {path} is to hold what is then checked out");
        decision.effects.push(store);
        return Ok(decision);
    }
    let (action, reason) = match there.as_str() {
        "same" => return Ok(decision),
        "absent" => (Action::Create, format!("{path} is not there")),
        _ => (Action::Update, format!("{path} holds something else than {}", args.str("dest"))),
    };
    Ok(changed(action, reason, vec![store], decision.result))
}
