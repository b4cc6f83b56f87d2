//! pip: packages against what `pip list` tells.

use crate::base::Map;
use crate::modules::kit::{changed, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

/// The truth is `pip list` of the environment or the interpreter; names are compared as PEP 503 wants it.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Pip))
}

struct Pip;

impl Staged for Pip {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.has("version") && args.list("name").len() != 1 {
            return Err(Failure::new("'version' argument is ambiguous when installing multiple packages"));
        }
        let job = Job::new(script!("pip.probe", "probe.sh"));
        let job = job.var("virtualenv", args.str("virtualenv")).var("executable", args.str("executable"));
        Ok(vec![job.flag("outdated", args.str("state") == "latest")])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        if output.field("", "tool").is_some() {
            return Err(Failure::new(
                "the host has no pip: install the package python3-pip first, or use `virtualenv`",
            ));
        }
        let make = output.field("", "env").is_some();
        let list = output.field("", "list").unwrap_or_default();
        let outdated = output.field("", "outdated").unwrap_or_default();
        let state = args.str("state");
        let wanted: Vec<String> = args
            .list("name")
            .iter()
            .map(|n| match args.opt_str("version") {
                Some(version) => format!("{n}=={version}"),
                None => (*n).to_string(),
            })
            .collect();
        let differing: Vec<&String> = wanted
            .iter()
            .filter(|w| {
                let there = installed(&list, w);
                match state {
                    "absent" => there.is_some(),
                    "forcereinstall" => true,
                    "latest" => there.is_none() || installed(&outdated, w).is_some(),
                    _ => there.is_none_or(|v| !satisfies(w, v)),
                }
            })
            .collect();
        let mut out: Map = result([("state", state.into())]);
        out.insert("virtualenv".into(), args.opt_str("virtualenv").map(str::to_string).into());
        // A requirements file may name anything; only pip itself can tell.
        let file = args.opt_str("requirements");
        if differing.is_empty() && file.is_none() && !make {
            return Ok(Decision::unchanged(out));
        }
        let mut words: Vec<String> = vec![if state == "absent" { "uninstall" } else { "install" }.into()];
        match state {
            "absent" => words.push("-y".into()),
            "latest" => words.push("-U".into()),
            "forcereinstall" => words.extend(["-U".into(), "--force-reinstall".into()]),
            _ => {}
        }
        words.extend(
            crate::base::words::split(args.str("extra_args")).map_err(|e| Failure::new(e.to_string()))?,
        );
        words.extend(file.into_iter().flat_map(|f| ["-r".to_string(), f.to_string()]));
        if args.bool("editable") {
            words.push("-e".into());
        }
        words.extend(differing.iter().map(|w| (*w).clone()));
        let reason = match (file, make) {
            (_, true) => format!("{} is absent", args.str("virtualenv")),
            (Some(file), _) => format!("pip looks at {file}"),
            _ => differing
                .iter()
                .map(|w| format!("{w} is {}", installed(&list, w).unwrap_or("not installed")))
                .collect::<Vec<_>>()
                .join("; "),
        };
        let job = Job::new(script!("pip.apply", "apply.sh"))
            .var("pip", output.field("", "pip").unwrap_or_default())
            .var("virtualenv", args.str("virtualenv"))
            .var("virtualenv_command", args.str("virtualenv_command"))
            .var("virtualenv_python", args.str("virtualenv_python"))
            .flag("site_packages", args.bool("virtualenv_site_packages"))
            .flag("make", make)
            .flag("break_system", args.bool("break_system_packages"))
            .var("umask", args.str("umask"))
            .var("chdir", args.str("chdir"))
            .args(words);
        let action = if file.is_some() { Action::Run } else { Action::Update };
        Ok(changed(action, reason, vec![job], out))
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let mut out = decision.result;
        let stdout: String = done.iter().map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).collect();
        let nothing = decision.change.is_some_and(|c| c.action == Action::Run)
            && !stdout.contains("Successfully installed");
        if nothing {
            out.insert("changed".into(), false.into());
        }
        out.insert("stdout".into(), stdout.into());
        Ok(out)
    }

    /// A requirements file is looked at each time.
    fn verify(&self) -> bool {
        false
    }
}

/// pip's own rule: case, `-`, `_` and `.` do not count.
fn canonical(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', '.'], "-")
}

fn name_of(requirement: &str) -> &str {
    requirement.split(['=', '<', '>', '!', '~', '[', ';', ' ', '@']).next().unwrap_or(requirement)
}

fn installed<'a>(list: &'a str, requirement: &str) -> Option<&'a str> {
    let name = canonical(name_of(requirement));
    list.lines().filter_map(|l| l.split_once("==")).find(|(n, _)| canonical(n) == name).map(|(_, v)| v)
}

/// Whether a version fits `==`, `>=`, `<=`, `>`, `<`, `!=` (several with commas). What else there is, does not fit.
fn satisfies(requirement: &str, version: &str) -> bool {
    let rest = requirement[name_of(requirement).len()..].split(';').next().unwrap_or("");
    let rest = rest.rsplit(']').next().unwrap_or(rest);
    let numbers = |v: &str| -> Vec<u64> { v.split('.').map(|p| p.parse().unwrap_or(0)).collect() };
    rest.split(',').map(str::trim).filter(|c| !c.is_empty()).all(|c| {
        let (op, wanted) = c.split_at(c.find(|ch: char| ch.is_ascii_alphanumeric()).unwrap_or(c.len()));
        let order = numbers(version).cmp(&numbers(wanted));
        match op.trim() {
            "==" => wanted.strip_suffix(".*").map_or(version == wanted, |p| version.starts_with(p)),
            ">=" => order.is_ge(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            "<" => order.is_lt(),
            "!=" => version != wanted,
            _ => false,
        }
    })
}
