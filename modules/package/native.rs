//! package: apt where apt is the package manager, else a common subset of the others.

use crate::modules::forecast::Forecast;
use crate::modules::kit::{changed, field, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, coerce, has_unknown, registry};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

use super::m_apt::{Apt, READS, WRITES};

/// The truth is the database of the host's package manager, apt's as the module `apt` has it; several
/// managers are tried in order.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Package { manager: None }))
}

/// For modules of one package manager (`dnf`).
pub fn only_with(manager: &'static str) -> Behaviour {
    Behaviour::Staged(Arc::new(Package { manager: Some(manager) }))
}

struct Package {
    manager: Option<&'static str>,
}

impl Package {
    /// apt is used when the host's facts or the task say so; without facts it is asked beside the others.
    fn manager(&self, args: &Args, controller: &dyn Controller) -> Option<String> {
        if let Some(manager) = self.manager {
            return Some(manager.to_string());
        }
        match args.opt_str("use").filter(|u| *u != "auto") {
            Some(named) => Some(named.rsplit('.').next().unwrap_or(named).to_string()),
            None => controller.fact("pkg_mgr").and_then(|f| f.as_str().map(str::to_string)),
        }
    }

    fn job(&self, args: &Args, manager: Option<&str>) -> Job {
        Job::new(script!("package.probe", "probe.sh"))
            .var("use", manager.unwrap_or("auto"))
            .flag("latest", args.str("state") == "latest")
            .args(names(args))
    }
}

fn names(args: &Args) -> Vec<&str> {
    args.list("name")
        .into_iter()
        .flat_map(|n| n.split(','))
        .map(str::trim)
        .filter(|n| !n.is_empty())
        .collect()
}

/// The task's arguments as `apt` takes them.
fn apt_args(args: &Args) -> Result<Args, Failure> {
    let apt = registry().get("apt").ok_or_else(|| Failure::new("the module apt is missing"))?;
    let given = args.iter().filter(|(k, _)| !matches!(k.as_str(), Some("use")));
    coerce(&apt.spec, given.map(|(k, v)| (k.clone(), v.clone())).collect())
}

impl Staged for Package {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        crate::modules::kit::claims(READS, WRITES)
    }

    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
        match self.manager(args, controller).as_deref() {
            Some("apt") => Apt.probe(&apt_args(args)?, controller),
            Some(manager) => Ok(vec![self.job(args, Some(manager))]),
            None => {
                let mut jobs = Apt.probe(&apt_args(args)?, controller)?;
                jobs.push(self.job(args, None));
                Ok(jobs)
            }
        }
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let apt = match self.manager(args, controller).as_deref() {
            Some(manager) => manager == "apt",
            None => seen.first().is_some_and(|o| o.field("", "tool").as_deref() == Some("present")),
        };
        if apt {
            return Apt.decide(&apt_args(args)?, seen, controller);
        }
        let last = seen.last().map(std::slice::from_ref).unwrap_or_default();
        other(args, only(last)?)
    }

    fn leaves(&self, args: &Args, decision: &Decision) -> Vec<(String, Option<crate::base::Map>)> {
        apt_args(args).map(|args| Apt.leaves(&args, decision)).unwrap_or_default()
    }

    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let apt = seen.first().is_some_and(|o| o.field("", "tool").as_deref() == Some("present"));
        apt && apt_args(args).is_ok_and(|args| Apt.foresee(&args, seen, forecast))
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<crate::base::Map, Failure> {
        Apt.finish(args, decision, done)
    }

    fn verify(&self) -> bool {
        false
    }
}

fn other(args: &Args, output: &Output) -> Result<Decision, Failure> {
    let manager = output.field("", "manager").unwrap_or_default();
    if manager.is_empty() || manager == "none" {
        return Err(Failure::new(
            "the host has no package manager that is known (apt, dnf, yum, zypper, apk, pacman)",
        ));
    }
    if names(args).is_empty() {
        return Err(Failure::new(format!(
            "missing required arguments: name (the package manager is {manager})"
        )));
    }
    let state = args.str("state");
    let (mut missing, mut old, mut there) = (Vec::new(), Vec::new(), Vec::new());
    for name in names(args) {
        match field(output, name, "installed") {
            None => missing.push(name),
            Some(_) if field(output, name, "newer").is_some() => old.push(name),
            Some(_) => there.push(name),
        }
    }
    let (act, words, action, why) = match state {
        "absent" | "removed" => ("remove", [there, old].concat(), Action::Delete, "installed"),
        "latest" if missing.is_empty() || args.bool("update_only") => {
            ("upgrade", old, Action::Update, "not the newest")
        }
        "latest" => ("install", [missing, old].concat(), Action::Create, "not the newest"),
        _ => ("install", missing, Action::Create, "not installed"),
    };
    if words.is_empty() {
        return Ok(Decision::unchanged(result([])));
    }
    let mut options = Vec::new();
    for refused in ["list", "autoremove", "download_only", "allow_downgrade"] {
        if args.bool(refused) || refused == "list" && args.has("list") {
            return Err(Failure::new(format!(
                "`{refused}` is not carried out with {manager}; its documentation names another way"
            )));
        }
    }
    for (on, option) in [
        (args.opt_bool("best") == Some(true), "--best"),
        (args.bool("skip_broken"), "--skip-broken"),
        (args.opt_bool("install_weak_deps") == Some(false), "--setopt=install_weak_deps=False"),
        (args.opt_bool("sslverify") == Some(false), "--setopt=sslverify=False"),
        (args.bool("security"), "--security"),
        (args.bool("bugfix"), "--bugfix"),
        (args.bool("cacheonly"), "--cacheonly"),
        (args.bool("disable_gpg_check"), "--nogpgcheck"),
        (args.bool("allowerasing"), "--allowerasing"),
        (args.bool("nobest"), "--nobest"),
    ] {
        if on {
            options.push(option.to_string());
        }
    }
    for (name, option) in [
        ("enablerepo", "--enablerepo"),
        ("disablerepo", "--disablerepo"),
        ("exclude", "--exclude"),
        ("enable_plugin", "--enableplugin"),
        ("disable_plugin", "--disableplugin"),
        ("releasever", "--releasever"),
        ("conf_file", "--config"),
        ("disable_excludes", "--disableexcludes"),
        ("installroot", "--installroot"),
    ] {
        let list = args.opt_str(name).map_or_else(|| args.list(name).join(","), String::from);
        if name == "installroot" && list == "/" {
            continue;
        }
        if !list.is_empty() {
            options.push(format!("{option}={list}"));
        }
    }
    let reason = words.iter().map(|w| format!("{w} is {why}")).collect::<Vec<_>>().join("; ");
    let job = Job::new(script!("package.apply", "apply.sh"))
        .var("manager", &manager)
        .var("act", act)
        .var("options", options.join(" "))
        .flag("update", args.bool("update_cache"))
        .args(words);
    Ok(changed(action, reason, vec![job], result([])))
}
