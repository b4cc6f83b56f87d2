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
        .flag("follow", args.bool("follow"));
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
    let preserve = args.str("mode") == "preserve";
    if preserve {
        wanted.mode = Some(field("mode")).filter(|m| !m.is_empty());
    }
    let differences = if now.exists && kind == "file" { wanted.differences(&now)? } else { Vec::new() };
    if changed.is_empty() && differences.is_empty() {
        files::describe(&now, &mut result);
        return Ok(Decision::unchanged(result));
    }
    let mut effects = Vec::new();
    let mut reasons = Vec::new();
    if !changed.is_empty() {
        reasons.push(match (there, changed.len()) {
            (false, _) => format!("{target} is absent"),
            (true, 1) => "content differs".to_string(),
            (true, n) => format!("{n} files differ"),
        });
        effects.push(copy_job(args, &wanted, &kind, &target, &now, &changed)?);
        effects.extend(if kind == "file" { wanted.label_job(&target)? } else { None });
    } else {
        effects.push(Attributes::job(&differences, false, [target.as_str()]));
    }
    reasons.extend((!differences.is_empty()).then(|| files::attributes::reason(&differences)));
    effects.push(stat_job([&target], &StatOptions { follow: true, ..StatOptions::default() }));
    let action = if there { Action::Update } else { Action::Create };
    let change = Change { action, reason: reasons.join("; "), diffs: Vec::new() };
    Ok(Decision { change: Some(change), effects, result, warnings: Vec::new() })
}

fn copy_job(
    args: &Args,
    wanted: &Attributes,
    kind: &str,
    target: &str,
    now: &crate::remote::files::FileStat,
    changed: &[String],
) -> Result<Job, Failure> {
    let base = if now.exists { now.mode } else { 0o644 };
    let folders = Attributes::default().with_mode(args.opt_str("directory_mode").map(String::from));
    let job = Job::new(script!("copy.remote", "remote.sh"))
        .var("src", args.str("src"))
        .var("target", target)
        .var("mode", wanted.octal(base, false)?.unwrap_or_default())
        .var("directory_mode", folders.octal(0o755, true)?.unwrap_or_default())
        .var("owner", wanted.owner.as_deref().unwrap_or_default())
        .var("group", wanted.group.as_deref().unwrap_or_default())
        .flag("backup", args.bool("backup"))
        .flag("preserve", args.str("mode") == "preserve")
        .var("validate", args.str("validate"));
    Ok(if kind == "file" { job } else { job.args(changed) })
}
