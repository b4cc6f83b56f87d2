//! modprobe: a module now, its live parameters, and at boot.

use crate::modules::kit::{changed, claims, only, result};
use crate::modules::text::{remove_file, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Modprobe))
}

struct Modprobe;

fn plain(args: &Args) -> String {
    args.str("name").replace('-', "_")
}

fn params(args: &Args) -> Vec<(&str, &str)> {
    args.str("params").split_whitespace().map(|p| p.split_once('=').unwrap_or((p, "Y"))).collect()
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
            writes.extend([format!("file:/etc/modules-load.d/{name}.conf"), format!("file:/etc/modprobe.d/{name}.conf")]);
        }
        claims(&["file:/etc/modprobe.d/*", "file:/lib/modules/*", "package:*"], &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let name = args.str("name");
        let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !good || name.starts_with(['-', '.']) {
            return Err(Failure::new(format!("`{name}` is not the name of a kernel module")));
        }
        let job = Job::new(script!("modprobe.probe", "probe.sh")).var("name", name).var("plain", plain(args));
        Ok(vec![job.args(params(args).iter().map(|(k, _)| *k))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let name = args.str("name");
        let present = args.str("state") == "present";
        let loaded = output.field("", "loaded");
        let job = |act: &str| {
            Job::new(script!("modprobe.apply", "apply.sh")).var("act", act).var("name", name).var("plain", plain(args))
        };
        let (mut reasons, mut effects, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        match (present, loaded.as_deref()) {
            (true, None) => {
                reasons.push(format!("{name} is not loaded"));
                effects.push(job("load").args(args.str("params").split_whitespace()));
            }
            (false, Some("builtin")) => warnings.push(format!("{name} is built into the kernel and cannot be unloaded")),
            (false, Some(_)) => {
                reasons.push(format!("{name} is loaded"));
                effects.push(job("unload"));
            }
            (true, Some(_)) => {
                for (param, value) in params(args) {
                    let Some(is) = output.field("param", param) else { continue };
                    if is.trim() != value {
                        reasons.push(format!("{name}'s {param} is {}, not {value}", is.trim()));
                        effects.push(job("set").var("param", param).var("value", value));
                    }
                }
            }
            (false, None) => {}
        }
        self.boot(args, output, &mut reasons, &mut effects)?;
        let out = result([("name", name.into()), ("params", args.str("params").into()), ("state", args.str("state").into())]);
        if reasons.is_empty() {
            return Ok(Decision { warnings, ..Decision::unchanged(out) });
        }
        let mut decision = changed(Action::Update, reasons.join("; "), effects, out);
        decision.warnings = warnings;
        Ok(decision)
    }
}

impl Modprobe {
    /// Files of a module's own name; others may load it too and are left alone.
    fn boot(&self, args: &Args, output: &Output, reasons: &mut Vec<String>, effects: &mut Vec<Job>) -> Result<(), Failure> {
        let name = args.str("name");
        let load = (format!("/etc/modules-load.d/{name}.conf"), format!("{name}\n"));
        let options = (format!("/etc/modprobe.d/{name}.conf"), format!("options {name} {}\n", args.str("params")));
        let persistent = args.str("persistent");
        if persistent == "disabled" {
            return Ok(());
        }
        for (path, content) in [load, options] {
            let was = text_file(output, &path)?;
            let wanted = persistent == "present" && (!args.str("params").is_empty() || path.contains("modules-load"));
            if wanted && was.content != content {
                reasons.push(format!("{path} {}", if was.exists { "differs" } else { "is absent" }));
                effects.push(write_file_job(write_text(&was, &content)));
            } else if persistent == "absent" && was.exists {
                reasons.push(format!("{path} is present"));
                effects.push(remove_file(&path));
            }
        }
        Ok(())
    }
}
