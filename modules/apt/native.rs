//! apt: one probe for all names, one transaction for all that differ.

mod command;
mod deb;
mod said;
mod seen;
#[cfg(test)]
mod tests;
mod version;

use crate::base::Map;
use crate::modules::forecast::{Forecast, record};
use crate::modules::kit::{claims, diff, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Change, Claims, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use command::{options, step, upgrade_command};
use seen::{Item, Seen};
use std::sync::Arc;

/// The truth is dpkg's database and apt's lists on the host; every name is judged before anything is
/// installed.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Apt))
}

/// Also what `package` uses where apt is the package manager.
pub struct Apt;

/// What apt and the maintainer scripts of packages may write: nearly everything but users' data.
pub const WRITES: &[&str] = &[
    "package:*",
    "lock:dpkg",
    "file:/etc/*",
    "file:/usr/*",
    "file:/var/*",
    "file:/opt/*",
    "file:/boot/*",
    "file:/lib/*",
    "file:/bin/*",
    "file:/sbin/*",
    "file:/srv/*",
    "service:*",
    "user:*",
    "group:*",
    "module:*",
    "sysctl:*",
];
/// What decides whether there is something to do: dpkg's database, apt's lists and sources.
pub const READS: &[&str] = &["package:*", "file:/etc/apt/*", "file:/var/lib/apt/*", "file:/var/lib/dpkg/*"];

impl Staged for Apt {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let mut all = claims(READS, WRITES);
        if let Some(path) = args.opt_str("deb").filter(|d| d.starts_with('/')) {
            all.reads.push(format!("file:{path}"));
        }
        all
    }

    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if let Some(file) = args.opt_str("deb") {
            return Ok(vec![Job::new(script!("apt.deb", "deb.sh")).args([file])]);
        }
        let items = items(args)?;
        let mut want = Vec::new();
        if cache_asked(args) {
            want.push("cache");
        }
        let state = args.str("state");
        match state {
            "build-dep" => want.push("build_dep"),
            _ if items.is_empty() => {}
            "latest" => want.extend(["installed", "candidates", "available"]),
            "absent" => want.push("installed"),
            _ => want.extend(["installed", "available"]),
        }
        if state != "absent" && items.iter().any(|i| i.at_least) && !want.contains(&"candidates") {
            want.push("candidates");
        }
        // What is carried out hears it from apt-get.
        if controller.check_mode() && want.contains(&"available") {
            want.push("known");
        }
        if state == "fixed" {
            want.push("fixed");
        }
        if upgrade_command(args).is_some() {
            want.push("upgrade");
        }
        if args.bool("autoremove") && items.is_empty() && upgrade_command(args).is_none() {
            want.push("autoremove");
        }
        let job = Job::new(script!("apt.probe", "probe.sh"))
            .var("want", want.join(" "))
            .var("mode", upgrade_command(args).unwrap_or_default().join(" "))
            .var("release", args.str("default_release"))
            .flag("purge", args.bool("purge"));
        Ok(vec![job.args(items.iter().map(|i| i.name.as_str()))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        if let Some(file) = args.opt_str("deb") {
            return deb::decide(args, file, output);
        }
        let seen = Seen::read(output)?;
        let items = items(args)?;
        if want_known(args) {
            items.iter().try_for_each(|item| seen.must_be_known(item))?;
        }
        let stale = cache_asked(args) && seen.cache_stale(args.int("cache_valid_time"));
        let plan = plan(args, &items, &seen)?;
        // Lists are fetched for a purpose: to install something, to learn of newer versions, or alone.
        let learns = args.str("state") == "latest" && !items.is_empty() || upgrade_command(args).is_some();
        let alone = items.is_empty() && upgrade_command(args).is_none() && !args.bool("autoremove");
        let refresh = stale && (plan.action.is_some() || learns || alone);
        decision(args, &items, &seen, plan, refresh, learns)
    }

    fn leaves(&self, args: &Args, decision: &Decision) -> Vec<(String, Option<Map>)> {
        let there = args.str("state") != "absent";
        let named = items(args)
            .unwrap_or_default()
            .into_iter()
            .filter(|i| decision.change.is_some() && !i.is_pattern());
        named.map(|item| (format!("package:{}", item.name), there.then(Map::new))).collect()
    }

    /// A package that an earlier task installs is there, in the version that this one wants.
    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let Some(output) = seen.first_mut() else { return false };
        let sources = forecast.has_below("/etc/apt/");
        if sources {
            record(output, "", "sources", b"1");
        }
        let planned = items(args)
            .unwrap_or_default()
            .into_iter()
            .filter(|i| forecast.has(&format!("package:{}", i.name)));
        let lines: Vec<String> = planned
            .map(|item| {
                format!(
                    "{}\tany\tinstalled\t{}",
                    item.name,
                    item.version.as_deref().unwrap_or("planned").replace('*', "0")
                )
            })
            .collect();
        if lines.is_empty() {
            return sources;
        }
        let list = output.field("", "list").unwrap_or_default();
        record(output, "", "list", format!("{}\n{}", lines.join("\n"), list).as_bytes());
        true
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        said::finish(args, decision, done)
    }

    /// apt-get's own exit status tells; and lists that are always too old would never verify.
    fn verify(&self) -> bool {
        false
    }
}

/// What is to be done but for fetching the lists: apt-get's words, and why.
#[derive(Default)]
struct Plan {
    action: Option<Action>,
    reasons: Vec<String>,
    before: String,
    after: String,
    command: Vec<String>,
}

/// Whether what the lists have now is what there will be to install from.
fn want_known(args: &Args) -> bool {
    !cache_asked(args) && !args.bool("only_upgrade") && args.opt_str("default_release").is_none()
}

fn cache_asked(args: &Args) -> bool {
    args.opt_bool("update_cache").unwrap_or(args.int("cache_valid_time") > 0)
}

fn items(args: &Args) -> Result<Vec<Item>, Failure> {
    let names = args.list("name").into_iter().flat_map(|n| n.split(',')).map(str::trim);
    names
        .filter(|n| !n.is_empty() && (*n != "*" || upgrade_command(args).is_none()))
        .map(Item::parse)
        .collect()
}

fn plan(args: &Args, items: &[Item], seen: &Seen) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    let simulated = |key: &str, command: &[&str], plan: &mut Plan| -> Result<(), Failure> {
        let lines = seen.simulated(key)?;
        if !lines.is_empty() {
            plan.action = Some(Action::Update);
            plan.reasons.push(seen::summary(&lines));
            plan.after = lines.join("\n") + "\n";
            plan.command = command.iter().map(|w| (*w).to_string()).collect();
        }
        Ok(())
    };
    if let Some(command) = upgrade_command(args) {
        simulated("upgrade", &command, &mut plan)?;
        return Ok(plan);
    }
    let names: Vec<&str> = items.iter().map(|i| i.text.as_str()).collect();
    match args.str("state") {
        "fixed" if items.is_empty() => simulated("fixed", &["-f", "install"], &mut plan)?,
        "build-dep" => simulated("build_dep", &[&["build-dep", "--"], &names[..]].concat(), &mut plan)?,
        "absent" => remove(args, items, seen, &mut plan),
        _ => install(args, items, seen, &mut plan)?,
    }
    if items.is_empty() && args.bool("autoremove") {
        simulated("autoremove", &["autoremove"], &mut plan)?;
    }
    if items.is_empty() && plan.action.is_none() && (args.bool("clean") || args.bool("autoclean")) {
        plan.action = Some(Action::Run);
        plan.reasons.push("the cache of package files is cleaned".into());
    }
    Ok(plan)
}

fn remove(args: &Args, items: &[Item], seen: &Seen, plan: &mut Plan) {
    let mut words = Vec::new();
    for item in items {
        for package in seen.matching(item) {
            let left = package.status == "config-files" && args.bool("purge");
            if package.installed() || left {
                words.push(item.with_name(&package.name));
                plan.before.push_str(&format!("{} {}\n", package.name, package.version));
                let why = if left { "has configuration files left" } else { "is installed" };
                plan.reasons.push(format!("{} {why}", package.name));
            }
        }
    }
    if !words.is_empty() {
        plan.action = Some(Action::Delete);
        plan.command = vec![if args.bool("purge") { "purge" } else { "remove" }.into(), "--".into()];
        plan.command.extend(words);
    }
}

fn install(args: &Args, items: &[Item], seen: &Seen, plan: &mut Plan) -> Result<(), Failure> {
    let latest = args.str("state") == "latest";
    let (mut words, mut new) = (Vec::new(), false);
    for item in items {
        for name in seen.expand(item)? {
            let installed = seen.installed(&name);
            let wanted = item.version.as_deref();
            let newer = if latest && wanted.is_none() { seen.newer(&name, installed) } else { None };
            let reason = match installed {
                None if args.bool("only_upgrade") => continue,
                None if wanted.is_none() && seen.provided(&name) => continue,
                None => {
                    new = true;
                    format!("{name} is not installed")
                }
                Some(p) if !item.fits(&p.version) => {
                    let least = if item.at_least { "at least " } else { "" };
                    format!("{name} is {}, not {least}{}", p.version, wanted.unwrap_or_default())
                }
                Some(p) => match &newer {
                    Some(version) => format!("{name} is {}, and {version} is there", p.version),
                    None => continue,
                },
            };
            if !cache_asked(args) {
                seen.must_be_late_enough(item)?;
            }
            plan.reasons.push(reason);
            if let Some(p) = installed {
                plan.before.push_str(&format!("{name} {}\n", p.version));
            }
            let version = newer.as_deref().or(wanted.filter(|_| !item.at_least)).unwrap_or("");
            plan.after.push_str(format!("{name} {version}").trim_end());
            plan.after.push('\n');
            words.push(item.with_name(&name));
        }
    }
    if !words.is_empty() {
        plan.action = Some(if new && plan.before.is_empty() { Action::Create } else { Action::Update });
        plan.command.push("install".into());
        if args.str("state") == "fixed" {
            plan.command.push("-f".into());
        }
        plan.command.push("--".into());
        plan.command.extend(words);
    }
    Ok(())
}

fn decision(
    args: &Args,
    items: &[Item],
    seen: &Seen,
    mut plan: Plan,
    refresh: bool,
    learns: bool,
) -> Result<Decision, Failure> {
    let mut effects = Vec::new();
    if refresh {
        let retries = args.int("update_cache_retries").max(0).to_string();
        effects.push(step(args, &["update", "-q"]).var("retries", retries));
        plan.reasons.insert(0, "the package lists are too old".into());
    }
    if refresh && learns {
        // What is newest is known only after the lists were fetched, so the whole command runs then.
        plan.command = match upgrade_command(args) {
            Some(command) => command.into_iter().map(String::from).collect(),
            None => ["install", "--"]
                .into_iter()
                .map(String::from)
                .chain(items.iter().map(|i| i.with_name(&i.name)))
                .collect(),
        };
    }
    if !plan.command.is_empty() {
        effects.push(step(args, &[options(args), plan.command.clone()].concat()));
    }
    for (on, command) in [(args.bool("autoclean"), "autoclean"), (args.bool("clean"), "clean")] {
        if on && (plan.action.is_some() || refresh) {
            effects.push(step(args, &["-y", "-q", command]));
        }
    }
    let now = result([
        ("cache_updated", refresh.into()),
        ("cache_update_time", if refresh { seen.now } else { seen.cache_told }.into()),
    ]);
    let Some(action) = plan.action.or(refresh.then_some(Action::Run)) else {
        return Ok(Decision::unchanged(told(args, now, seen)));
    };
    let diffs = match (plan.before.is_empty(), plan.after.is_empty()) {
        (true, true) => Vec::new(),
        _ => vec![diff("packages", plan.before, plan.after)],
    };
    let change = Change { action, reason: plan.reasons.join("; "), diffs };
    Ok(Decision { change: Some(change), effects, result: now, warnings: Vec::new() })
}

/// An upgrade or a clearing up that finds nothing to do says so in apt-get's words all the same.
fn told(args: &Args, mut result: Map, seen: &Seen) -> Map {
    let upgrade = upgrade_command(args).is_some();
    if let Some(said) = seen.said(if upgrade { "upgrade" } else { "autoremove" }) {
        if upgrade {
            result.insert("msg".into(), said.as_str().into());
        }
        result.insert("stdout".into(), said.into());
        result.insert("stderr".into(), "".into());
    }
    result
}
