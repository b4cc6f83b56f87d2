//! modprobe: a module now, its live parameters, and at boot.

use crate::base::Map;
use crate::modules::kernel::params;
use crate::modules::kernel::place::{self, Live, Place};
use crate::modules::kit::{changed, claims, only, result};
use crate::modules::text::{TextFile, remove_file, text_file};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use crate::{placed_script, script};
use std::sync::Arc;

/// The truth is /sys/module and modules.builtin now, modules-load.d(5) and modprobe.d(5) for the next boot.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Modprobe))
}

struct Modprobe;

/// Modules that became a part of another one. The kernel is asked, whatever its version.
fn merged(name: &str) -> &'static str {
    match name {
        "nf_conntrack_ipv4" | "nf_conntrack_ipv6" => "nf_conntrack",
        "nf_nat_ipv4" | "nf_nat_ipv6" => "nf_nat",
        _ => "",
    }
}

fn given(args: &Args) -> Vec<(&str, &str)> {
    args.str("params").split_whitespace().map(|p| p.split_once('=').unwrap_or((p, "Y"))).collect()
}

/// What is found to do.
#[derive(Default)]
struct Todo {
    reasons: Vec<String>,
    effects: Vec<Job>,
    warnings: Vec<String>,
    waits: bool,
}

impl Staged for Modprobe {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let name = args.str("name");
        // A module brings others, kernel parameters and devices.
        let mut writes = vec!["module:*".to_string(), "sysctl:*".into()];
        if args.str("persistent") != "disabled" {
            writes.extend([
                format!("file:/etc/modules-load.d/{name}.conf"),
                format!("file:/etc/modprobe.d/{name}.conf"),
            ]);
        }
        claims(&["file:/etc/modprobe.d/*", "file:/lib/modules/*", "package:*"], &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let name = args.str("name");
        let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !good || name.starts_with(['-', '.']) {
            return Err(Failure::new(format!("`{name}` is not the name of a kernel module")));
        }
        let job = Job::new(placed_script!("modprobe.probe", "probe.sh"));
        let job = job.var("name", name).var("merged", merged(name));
        Ok(vec![job.args(given(args).iter().map(|(k, _)| *k))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let name = args.str("name");
        let mut todo = Todo::default();
        let target = match output.field("", "merged") {
            Some(_) => merged(name),
            None => name,
        };
        if target != name {
            todo.warnings.push(format!("{name} is a part of {target} in this kernel"));
        }
        let place = Place::of(output);
        if Live::of(args).touches(place) {
            now(args, output, target, place, &mut todo)?;
        }
        at_boot(args, output, target, &mut todo)?;
        let out = answer(args, todo.waits);
        if todo.reasons.is_empty() {
            return Ok(Decision { warnings: todo.warnings, ..Decision::unchanged(out) });
        }
        let mut decision = changed(Action::Update, todo.reasons.join("; "), todo.effects, out);
        decision.warnings = todo.warnings;
        Ok(decision)
    }
}

fn answer(args: &Args, waits: bool) -> Map {
    let mut out = result([
        ("name", args.str("name").into()),
        ("params", args.str("params").into()),
        ("state", args.str("state").into()),
    ]);
    params::told(&mut out, waits);
    out
}

/// The running kernel.
fn now(args: &Args, output: &Output, target: &str, place: Place, todo: &mut Todo) -> Result<(), Failure> {
    let real = output.field("", "real").unwrap_or_default();
    let job = |act: &str| {
        let job = Job::new(script!("modprobe.apply", "apply.sh"));
        job.var("act", act).var("name", target).var("real", &real)
    };
    match (args.str("state") == "present", output.field("", "loaded").as_deref()) {
        (true, None) if place == Place::Container && output.field("", "modprobe").is_none() => {
            if !Live::of(args).forgives(place) {
                return Err(Failure::new(format!(
                    "{target} is not loaded, and a container cannot load it: load it on its machine; \
                     `live: possible` accepts it and writes the files alone"
                )));
            }
            todo.warnings.push(format!("this is a container: its machine has to load {target}"));
        }
        (true, None) => {
            todo.reasons.push(format!("{target} is not loaded"));
            todo.effects.push(job("load").args(args.str("params").split_whitespace()));
        }
        (false, Some("builtin")) => {
            todo.warnings.push(format!("{target} is built into the kernel and cannot be unloaded"));
        }
        (false, Some(_)) => {
            todo.reasons.push(format!("{target} is loaded"));
            todo.effects.push(job("unload"));
        }
        (true, Some(_)) => {
            for (param, value) in given(args) {
                let Some(is) = output.field("param", param).map(|is| is.trim().to_string()) else {
                    let message =
                        format!("{target} does not tell its {param}: whether it is {value} is not known");
                    todo.warnings.push(message);
                    continue;
                };
                if params::same(&is, value) {
                    continue;
                }
                if output.field("writable", param).is_some() {
                    todo.reasons.push(format!("{target}'s {param} is {is}, not {value}"));
                    todo.effects.push(job("set").var("param", param).var("value", value));
                } else {
                    todo.waits = true;
                    todo.warnings.push(format!(
                        "{target}'s {param} is {is}, not {value}, until it is loaded again or the host rebooted"
                    ));
                }
            }
        }
        (false, None) => {}
    }
    Ok(())
}

/// Files of a module's own name; others may load it too and are left alone.
fn at_boot(args: &Args, output: &Output, target: &str, todo: &mut Todo) -> Result<(), Failure> {
    let name = args.str("name");
    let given = args.str("params").split_whitespace().collect::<Vec<_>>().join(" ");
    let files = [
        (format!("/etc/modules-load.d/{name}.conf"), target.to_string()),
        (format!("/etc/modprobe.d/{name}.conf"), format!("options {target} {given}")),
    ];
    if args.str("persistent") == "disabled" {
        return Ok(());
    }
    for (path, line) in files {
        let was: TextFile = text_file(output, &path)?;
        let wanted =
            args.str("persistent") == "present" && (!given.is_empty() || path.contains("modules-load"));
        if wanted && !params::says(&was.content, &line) {
            todo.reasons.push(format!("{path} {}", if was.exists { "differs" } else { "is absent" }));
            todo.effects.extend(place::write(output, &path, &was, &format!("{line}\n")));
        } else if args.str("persistent") == "absent" && was.exists {
            todo.reasons.push(format!("{path} is present"));
            todo.effects.push(remove_file(&path));
        }
    }
    Ok(())
}
