//! `remote_src`: both ends are on the host, so the host compares and copies.

use crate::base::Map;
use crate::modules::files::{self, Attributes};
use crate::modules::{Args, ArgsExt, Controller, Failure};
use crate::plan::{Action, Change, Decision};
use crate::remote::files::{StatOptions, stat_job};
use crate::remote::{Job, Output};
use crate::script;

pub fn probe(args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
    let (src, dest) = (args.str("src"), args.str("dest"));
    let compare = Job::new(script!("copy.remote_probe", "remote_probe.sh"))
        .var("src", src)
        .var("dest", dest)
        .flag("follow", args.bool("follow"))
        .var("owner", args.str("owner"))
        .var("group", args.str("group"));
    let inside = files::join(dest, files::base_name(src));
    let options = StatOptions { follow: true, labels: Attributes::labels(args), ..StatOptions::default() };
    Ok(vec![compare, stat_job([dest, &inside], &options)])
}

pub fn decide(args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
    let output = seen.first().filter(|o| o.ok());
    let output =
        output.ok_or_else(|| seen.first().map_or_else(|| Failure::new("no output"), Failure::from_output))?;
    let field = |key: &str| output.field("", key).unwrap_or_default();
    let (src, kind, target) = (args.str("src"), field("src"), field("target"));
    if kind == "absent" {
        return Err(Failure::new(format!("Source {src} not found")));
    }
    let there = !field("there").is_empty();
    let mut result = Map::from_iter([("dest".into(), target.as_str().into()), ("src".into(), src.into())]);
    if let Some(sum) = output.field("", "sha1") {
        if let Some(wanted) = args.opt_str("checksum").filter(|w| *w != sum) {
            return Err(Failure::new(format!("the source has the checksum {sum}, not {wanted}")));
        }
        result.insert("checksum".into(), sum.into());
    }
    let now = files::seen_one(seen.get(1), &target)?;
    if there && !args.bool("force") && kind == "file" {
        files::describe(&now, &mut result);
        return Ok(Decision::unchanged(result));
    }
    if field("parent").is_empty() && kind == "file" && !args.str("dest").ends_with('/') {
        return Err(Failure::new(format!("Destination directory {} does not exist", files::parent(&target))));
    }
    let changed: Vec<String> = output
        .records()
        .filter_map(|(_, key, value)| {
            let path = String::from_utf8_lossy(value);
            match key {
                b"differs" => Some(path.into_owned()),
                b"folder" => Some(format!("{path}/")),
                _ => None,
            }
        })
        .collect();
    let mut wanted = Attributes::of(args);
    if args.str("mode") == "preserve" {
        wanted.mode = Some(field("mode")).filter(|m| !m.is_empty());
    }
    let mut differences = if now.exists { wanted.differences(&now)? } else { Vec::new() };
    let mut reasons = Vec::new();
    if kind == "directory" {
        // Owner and group are of all there is in the tree, and the probe has looked at them.
        differences.retain(|d| !matches!(d.what, "owner" | "group"));
        for what in ["owner", "group"] {
            let count = field(&format!("{what}_differs"));
            if !matches!(count.as_str(), "" | "0") {
                reasons.push(format!("{what} of {count} in {target} is not {}", args.str(what)));
            }
        }
    }
    if changed.is_empty() && differences.is_empty() && reasons.is_empty() {
        files::describe(&now, &mut result);
        return Ok(Decision::unchanged(result));
    }
    let mut effects = Vec::new();
    if !changed.is_empty() {
        let why = match (there, changed.len()) {
            (false, _) => format!("{target} is absent"),
            (true, 1) => "content differs".to_string(),
            (true, n) => format!("{n} files differ"),
        };
        reasons.insert(0, why);
    }
    if changed.is_empty() && kind == "file" {
        effects.push(Attributes::job(&differences, false, [target.as_str()]));
    } else {
        let new = field("dest_there").is_empty();
        effects.push(copy_job(args, &wanted, &kind, &target, new, &now, &changed)?);
        effects.extend(if kind == "file" { wanted.label_job(&target)? } else { None });
    }
    reasons.extend((!differences.is_empty()).then(|| files::attributes::reason(&differences)));
    effects.push(stat_job([&target], &StatOptions { follow: true, ..StatOptions::default() }));
    let action = if there { Action::Update } else { Action::Create };
    let change = Change { action, reason: reasons.join("; "), diffs: Vec::new() };
    Ok(Decision { change: Some(change), effects, result, warnings: Vec::new() })
}

/// `new`: there is no folder at `dest`.
fn copy_job(
    args: &Args,
    wanted: &Attributes,
    kind: &str,
    target: &str,
    new: bool,
    now: &crate::remote::files::FileStat,
    changed: &[String],
) -> Result<Job, Failure> {
    let directory = kind == "directory";
    let base = match (now.exists, directory) {
        (true, _) => now.mode,
        (false, true) => 0o755,
        (false, false) => 0o644,
    };
    let mode = wanted.octal(base, directory)?.unwrap_or_default();
    let dest = args.str("dest");
    let bare = if dest.len() > 1 { dest.trim_end_matches('/') } else { dest };
    // A folder that `/` asks for is made with its own mode, one that only holds the tree as if it were the tree.
    let (folder, folder_mode) = match (dest.ends_with('/'), directory && new && bare != target) {
        (true, _) => {
            let folders = Attributes::default().with_mode(args.opt_str("directory_mode").map(String::from));
            (bare, folders.octal(0o755, true)?.unwrap_or_default())
        }
        (false, true) => (bare, mode.clone()),
        (false, false) => ("", String::new()),
    };
    let job = Job::new(script!("copy.remote", "remote.sh"))
        .var("kind", kind)
        .var("src", args.str("src"))
        .var("target", target)
        .var("mode", mode)
        .var("folder", folder)
        .var("folder_mode", folder_mode)
        .var("owner", wanted.owner.as_deref().unwrap_or_default())
        .var("group", wanted.group.as_deref().unwrap_or_default())
        .flag("backup", args.bool("backup"))
        .var("validate", args.str("validate"));
    Ok(if directory { job.args(changed) } else { job })
}
