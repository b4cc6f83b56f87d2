//! modprobe: a module now, its live parameters, and at boot.

use crate::base::Map;
use crate::modules::kernel::boot_modules::{BootModules, Edits, Named};
use crate::modules::kernel::params;
use crate::modules::kernel::place::{Live, Place};
use crate::modules::kit::{changed, claims, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision, Diff};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use crate::{boot_script, script};
use std::sync::Arc;

/// The truth is /sys/module and modules.builtin now, all files of modules-load.d(5) and modprobe.d(5) for the next boot.
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
    diffs: Vec<Diff>,
    warnings: Vec<String>,
    waits: bool,
}

impl Todo {
    /// Edits of files; what cannot be edited is told.
    fn take(&mut self, output: &Output, edits: Edits) {
        let did = edits.carried(output);
        self.reasons.extend(did.reasons);
        self.effects.extend(did.effects);
        self.diffs.extend(did.diffs);
        self.warnings.extend(did.lost);
    }
}

impl Staged for Modprobe {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        // A module brings others, kernel parameters and devices.
        let mut writes = vec!["module:*".to_string(), "sysctl:*".into()];
        if args.str("persistent") != "disabled" {
            writes.extend([
                "file:/etc/modules".into(),
                "file:/etc/modules-load.d/*".into(),
                "file:/etc/modprobe.d/*".into(),
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
        let job = Job::new(boot_script!("modprobe.probe", "probe.sh"));
        // A module that may be a part of another one now is looked for under both names.
        let names = [name, merged(name)];
        let pattern = match args.str("persistent") {
            "disabled" => String::new(),
            _ => Named(&names).pattern(),
        };
        let job = job.var("name", name).var("merged", merged(name)).var("pattern", pattern);
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
        if let Some(change) = &mut decision.change {
            change.diffs = todo.diffs;
        }
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

/// All files that are read at boot, each in its turn; what fitout adds goes to files of the module's own name.
fn at_boot(args: &Args, output: &Output, target: &str, todo: &mut Todo) -> Result<(), Failure> {
    let (name, persistent) = (args.str("name"), args.str("persistent"));
    if persistent == "disabled" {
        return Ok(());
    }
    let boot = BootModules::read(output);
    let names = [target, name];
    let module = Named(&names);
    if persistent == "absent" {
        todo.take(output, boot.forget(output, name, &module)?);
        return Ok(());
    }
    todo.take(output, boot.load(output, &format!("/etc/modules-load.d/{name}.conf"), &module)?);
    let given = given(args);
    if !given.is_empty() {
        let own = format!("/etc/modprobe.d/{name}.conf");
        todo.take(output, boot.parameters(output, &own, &module, &given)?);
    }
    for line in boot.blocks(&module) {
        todo.warnings.push(format!(
            "{target} will not be loaded at boot: {}:{} has `{}`",
            line.path, line.number, line.text
        ));
    }
    Ok(())
}
