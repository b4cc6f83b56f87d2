//! A local folder, copied file by file.

use super::{is_folder, link, mode, read_local};
use crate::base::Map;
use crate::modules::files::{self, Attributes, Put};
use crate::modules::{Args, ArgsExt, Controller, Failure};
use crate::plan::{Action, Change, Decision};
use crate::remote::files::{StatOptions, folders_job, stat_job};
use crate::remote::{Job, Output};
use std::path::{Path, PathBuf};

/// One entry of the local folder: where it comes from, and where it goes.
struct Entry {
    local: PathBuf,
    path: String,
    folder: bool,
    /// Where it leads, of a link that is to be one.
    link: Option<String>,
}

fn entries(args: &Args, root: &Path) -> Result<Vec<Entry>, Failure> {
    let (src, dest) = (args.str("src"), args.str("dest"));
    let base = if src.ends_with('/') { dest.to_string() } else { files::join(dest, files::base_name(src)) };
    let mut out = Vec::new();
    let walk = walkdir::WalkDir::new(root).follow_links(args.bool("local_follow")).sort_by_file_name();
    for entry in walk {
        let entry = entry.map_err(|e| Failure::new(format!("{}: {e}", root.display())))?;
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let below = below
            .to_str()
            .ok_or_else(|| Failure::new(format!("{}: the name is not UTF-8", entry.path().display())))?;
        let path =
            if below.is_empty() { base.trim_end_matches('/').to_string() } else { files::join(&base, below) };
        let link = entry.path_is_symlink() && !args.bool("local_follow") && !below.is_empty();
        let link = link.then(|| link::target(entry.path())).transpose()?;
        // The folder itself may be named by a link.
        let folder = entry.file_type().is_dir() || below.is_empty();
        out.push(Entry { local: entry.path().to_path_buf(), path, folder, link });
    }
    Ok(out)
}

pub fn probe(args: &Args, root: &Path, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
    let entries = entries(args, root)?;
    let options = Put::probe(args, args.bool("follow"), false, controller.diff_mode());
    let (links, files): (Vec<_>, Vec<_>) = entries.iter().partition(|e| e.link.is_some());
    let mut jobs = vec![stat_job(files.iter().map(|e| &e.path), &options)];
    if !links.is_empty() {
        jobs.push(stat_job(links.iter().map(|e| &e.path), &StatOptions::default()));
    }
    Ok(jobs)
}

pub fn decide(
    args: &Args,
    root: &Path,
    seen: &[Output],
    controller: &dyn Controller,
) -> Result<Decision, Failure> {
    let mut stats = files::seen(seen.first())?;
    if seen.len() > 1 {
        stats.extend(files::seen(seen.get(1))?);
    }
    let dest = args.str("dest");
    let mut result = Map::from_iter([("dest".into(), dest.into())]);
    result.insert("src".into(), root.display().to_string().into());
    let (mut made, mut effects, mut diffs, mut reasons) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let folders = Attributes::of(args).with_mode(args.opt_str("directory_mode").map(String::from));
    for entry in entries(args, root)? {
        let now = stats.remove(entry.path.as_bytes()).unwrap_or_default();
        if let Some(target) = &entry.link {
            if let Some((reason, job)) = link::change(args, &entry.path, target, &now) {
                reasons.push(reason);
                effects.push(job);
            }
            continue;
        }
        if entry.folder {
            if !is_folder(&now) {
                reasons.push(format!("{} is absent", entry.path));
                made.push(entry.path);
                continue;
            }
            let differences = folders.differences(&now)?;
            if !differences.is_empty() && args.has("directory_mode") {
                effects.push(Attributes::job(&differences, false, [entry.path.as_str()]));
                reasons.push(format!("{}: {}", entry.path, files::attributes::reason(&differences)));
            }
            continue;
        }
        if now.exists && !args.bool("force") {
            continue;
        }
        let content = read_local(&entry.local, args.bool("decrypt"), controller)?;
        let title = entry.local.display().to_string();
        let mut put = Put::from_source(args, &entry.path, &now, content);
        put.wanted.mode = mode(args, &entry.local).or(put.wanted.mode);
        put.title = &title;
        if let (Some(change), jobs) = put.change()? {
            let lead =
                if change.reason.contains(&entry.path) { String::new() } else { format!("{}: ", entry.path) };
            reasons.push(lead + &change.reason);
            diffs.extend(change.diffs);
            effects.extend(jobs);
        }
    }
    if !made.is_empty() {
        effects.insert(0, make_job(args, &made)?);
    }
    if effects.is_empty() {
        return Ok(Decision::unchanged(result));
    }
    effects.push(stat_job([dest], &StatOptions { follow: true, ..StatOptions::default() }));
    let action =
        if made.iter().any(|m| m == dest.trim_end_matches('/')) { Action::Create } else { Action::Update };
    let change = Change { action, reason: summary(&reasons), diffs };
    Ok(Decision { change: Some(change), effects, result, warnings: Vec::new() })
}

/// The first few of many reasons.
fn summary(reasons: &[String]) -> String {
    let shown = reasons.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    if reasons.len() > 3 { format!("{shown}; and {} more", reasons.len() - 3) } else { shown }
}

/// The job that makes folders with the attributes that are wanted of them.
pub fn make_job<P: AsRef<[u8]>>(args: &Args, paths: &[P]) -> Result<Job, Failure> {
    let wanted = Attributes::of(args).with_mode(args.opt_str("directory_mode").map(String::from));
    Ok(folders_job(paths, wanted.of_folders()?))
}
