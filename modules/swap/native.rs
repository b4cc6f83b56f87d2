//! swap: off now and at every boot, whoever would turn it on; or what fstab had before.

use crate::base::Value;
use crate::modules::kernel::place::{Live, Place};
use crate::modules::kernel::settings::Found;
use crate::modules::kit::{claims, diff, only, result};
use crate::modules::text::{text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use crate::{placed_script, script};
use std::sync::Arc;

/// The truth is /proc/swaps now, and for the next boot fstab(5), systemd's swap units and zram's
/// configuration.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Swap))
}

struct Swap;

const MARK: &str = "#fitout-swap# ";

impl Staged for Swap {
    fn claims(&self, _: &ModuleSpec, _: &Args) -> Claims {
        claims(&["package:*"], &["file:/etc/fstab", "file:/etc/systemd/*", "service:*", "swap:*"])
    }

    fn probe(&self, _: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![Job::new(placed_script!("swap.probe", "probe.sh"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let mut found = Found::default();
        let devices = all(output, "device");
        let listed: Vec<Value> = devices.iter().map(|d| d.as_str().into()).collect();
        found.result = result([("devices", listed.into())]);
        match args.str("state") {
            "present" => back(args, output, &mut found)?,
            _ => away(args, output, &devices, &mut found)?,
        }
        Ok(found.decision())
    }
}

fn job(act: &str) -> Job {
    Job::new(script!("swap.apply", "apply.sh")).var("act", act)
}

fn all(output: &Output, name: &str) -> Vec<String> {
    let records = output.records().filter(|(_, key, _)| *key == name.as_bytes());
    records.map(|(_, _, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

/// Whether a line of fstab is swap.
fn is_swap(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    !line.trim_start().starts_with('#') && words.get(2) == Some(&"swap")
}

fn fstab(
    output: &Output,
    found: &mut Found,
    reason: &str,
    edit: impl Fn(&str) -> String,
) -> Result<bool, Failure> {
    let was = text_file(output, "/etc/fstab")?;
    let content: String = was.content.lines().map(|l| edit(l) + "\n").collect();
    let end = was.content.ends_with('\n') || was.content.is_empty();
    let content = if end { content } else { content.trim_end_matches('\n').to_string() };
    if content == was.content {
        return Ok(false);
    }
    found.reasons.push(reason.to_string());
    found.effects.push(write_file_job(write_text(&was, &content)));
    found.diffs.push(diff("/etc/fstab", was.content.as_str(), content));
    Ok(true)
}

fn away(args: &Args, output: &Output, devices: &[String], found: &mut Found) -> Result<(), Failure> {
    let (place, live) = (Place::of(output), Live::of(args));
    fstab(output, found, "/etc/fstab has swap", |line| match is_swap(line) {
        true => format!("{MARK}{line}"),
        false => line.to_string(),
    })?;
    for conf in all(output, "zram") {
        found.reasons.push(format!("{conf} makes swap"));
        found.effects.push(job("zram"));
    }
    for service in all(output, "service") {
        found.reasons.push(format!("{service} makes swap"));
        found.effects.push(job("disable").args([service]));
    }
    for unit in own_units(&output.field("", "units").unwrap_or_default()) {
        found.reasons.push(format!("{} would turn swap on", unit.id));
        // What an administrator wrote stands in the way of a mask.
        let act = if unit.path.starts_with("/etc/systemd/system/") { "disable" } else { "mask" };
        found.effects.push(job(act).args([unit.id]));
    }
    if !found.effects.is_empty() {
        found.effects.push(job("reload"));
    }
    if devices.is_empty() || !live.touches(place) {
        return Ok(());
    }
    let names = devices.join(", ");
    match place {
        Place::Container if live.forgives(place) => {
            found.warnings.push(format!("this is a container, whose machine swaps to {names}"));
        }
        Place::Container => {
            return Err(Failure::new(format!(
                "the machine of this container swaps to {names}, which cannot be turned off here; `live: possible` accepts it"
            )));
        }
        _ => {
            found.reasons.push(format!("swaps to {names}"));
            // Last, so that what has been turned off does not come back by one of the others.
            found.effects.push(job("off").args(devices));
        }
    }
    Ok(())
}

fn back(args: &Args, output: &Output, found: &mut Found) -> Result<(), Failure> {
    let changed = fstab(output, found, "swap of /etc/fstab is turned off", |line| {
        line.strip_prefix(MARK).unwrap_or(line).to_string()
    })?;
    if changed && Live::of(args).touches(Place::of(output)) && Place::of(output) == Place::Host {
        found.effects.push(job("on"));
    }
    Ok(())
}

struct Unit {
    id: String,
    path: String,
}

/// Units that something else than fstab made, and that are turned on at boot.
fn own_units(shown: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    for block in shown.split("\n\n") {
        let get = |name: &str| {
            block.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let made = !get("FragmentPath").is_empty() && get("SourcePath") != "/etc/fstab";
        // What nothing pulls in (`static`, `disabled`) is not turned on.
        let on = ["enabled", "enabled-runtime", "generated"].contains(&get("UnitFileState"));
        if made && on && get("LoadState") == "loaded" && !get("SourcePath").contains("zram-generator") {
            units.push(Unit { id: get("Id").to_string(), path: get("FragmentPath").to_string() });
        }
    }
    units
}
