//! systemd, and `service` on whatever service manager the host has.

use crate::base::{Map, Value};
use crate::modules::forecast::{Forecast, record};
use crate::modules::kit::{claims, only};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Change, Claims, Decision, Diff};
use crate::remote::{Job, Output, Script};
use crate::spec::ModuleSpec;
use std::sync::{Arc, LazyLock};

const SYSTEMCTL: &str = include_str!("systemctl.sh");
static PROBE: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("systemd.probe", [SYSTEMCTL, include_str!("probe.sh")].concat()));
static APPLY: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("systemd.apply", [SYSTEMCTL, include_str!("apply.sh")].concat()));

/// The truth is `systemctl show` and `is-enabled`; where no systemd runs (a chroot), only what is enabled can
/// be set.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Service { any: false }))
}

/// `service`: any service manager.
pub fn any_manager() -> Behaviour {
    Behaviour::Staged(Arc::new(Service { any: true }))
}

struct Service {
    any: bool,
}

impl Staged for Service {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        // A unit is made of files and read when it starts; what it starts may itself read any configuration.
        let reads = ["file:/etc/*", "file:/usr/*", "file:/lib/*", "file:/run/*", "file:/opt/*", "package:*"];
        let starts = matches!(args.str("state"), "started" | "restarted" | "reloaded");
        if starts || args.bool("daemon_reexec") {
            // A daemon that starts may need, and make, anything.
            return Claims {
                reads: vec!["*".into()],
                writes: vec![
                    format!("service:{}", bare(args.str("name"))),
                    "file:/run/*".into(),
                    "file:/var/*".into(),
                    "file:/etc/systemd/*".into(),
                ],
            };
        }
        let unit =
            if args.has("name") { format!("service:{}", bare(args.str("name"))) } else { "service:*".into() };
        claims(&reads, &[unit.as_str(), "file:/etc/systemd/*"])
    }

    /// The unit's own files; that a configuration is another one now does not show in how its service is.
    fn looks_at(&self, args: &Args) -> Option<Claims> {
        let plain = args.has("name")
            && !args.bool("daemon_reload")
            && scope(args) == "system"
            && !args.has("pattern");
        let name = plain.then(|| bare(args.str("name")))?;
        let folders = [
            "/etc/systemd/system",
            "/usr/lib/systemd/system",
            "/lib/systemd/system",
            "/usr/local/lib/systemd/system",
            "/etc/init.d",
            "/etc/conf.d",
        ];
        let mut reads: Vec<String> = folders.iter().map(|folder| format!("file:{folder}/{name}*")).collect();
        // One service may start or stop another.
        reads.extend([
            "service:*".to_string(),
            "file:/run/*".into(),
            "file:/etc/runlevels/*".into(),
            "package:*".into(),
        ]);
        Some(Claims { reads, writes: Vec::new() })
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let name = args.str("name");
        if name.starts_with('-') || name.contains('/') {
            return Err(Failure::new(format!("`{name}` is not the name of a service")));
        }
        if let Some(sign) = name.chars().find(|c| ['*', '?', '['].contains(c)) {
            // What a pattern stands for is another set of units before and after.
            let why = "This module does not currently support using glob patterns, found";
            return Err(Failure::new(format!("{why} '{sign}' in service name: {name}")));
        }
        let job = Job::new(&PROBE)
            .var("name", name)
            .var("scope", scope(args))
            .var("pattern", args.str("pattern"))
            .flag("enabled", args.has("enabled") || args.has("masked"))
            .flag("any", self.any);
        Ok(vec![job])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let unit = Unit::read(output, args.str("name"))?;
        let mut todo = Todo::default();
        if args.has("name") {
            unit.decide(args, &mut todo)?;
        }
        let need_reload = unit.need_reload || !todo.acts.is_empty();
        if args.bool("daemon_reload") && need_reload {
            todo.acts.insert(0, "daemon-reload");
            if todo.reasons.is_empty() {
                todo.reasons.push("unit files changed on disk".into());
            }
        }
        if args.bool("daemon_reexec") {
            todo.acts.insert(0, "daemon-reexec");
            todo.reasons.push("systemd is executed anew".into());
        }
        Ok(todo.decision(args, &unit))
    }

    fn leaves(&self, args: &Args, decision: &Decision) -> Vec<(String, Option<Map>)> {
        let name = args.str("name");
        if name.is_empty() || decision.change.is_none() {
            return Vec::new();
        }
        let mut left = Map::new();
        match args.str("state") {
            "" => {}
            "stopped" => drop(left.insert("ActiveState".into(), "inactive".into())),
            _ => drop(left.insert("ActiveState".into(), "active".into())),
        }
        if let Some(enabled) = args.opt_bool("enabled") {
            left.insert("UnitFileState".into(), if enabled { "enabled" } else { "disabled" }.into());
        }
        if let Some(masked) = args.opt_bool("masked") {
            left.insert("LoadState".into(), if masked { "masked" } else { "loaded" }.into());
        }
        vec![(format!("service:{}", bare(name)), Some(left))]
    }

    /// A unit may come with a planned file or package; what an earlier task does to it is done.
    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let name = args.str("name");
        let Some(output) = seen.first_mut().filter(|_| !name.is_empty()) else { return false };
        let Ok(unit) = Unit::read(output, name) else { return false };
        let mut show = output.field("", "show").unwrap_or_default();
        let before = show.clone();
        if !unit.exists && !unit.masked && brought(name, forecast) {
            show.push_str("\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled");
            record(output, "", "exists", b"1");
        }
        if let Some(Some(thing)) = forecast.thing(&format!("service:{}", bare(name))) {
            for (key, value) in thing {
                show.push_str(&format!("\n{key}={}", crate::spec::to_text(value)));
                let key = match key.as_str() {
                    Some("ActiveState") if value.as_str() == Some("active") => "running",
                    Some("UnitFileState") if value.as_str() == Some("enabled") => "enabled",
                    _ => continue,
                };
                record(output, "", key, b"1");
            }
        }
        record(output, "", "show", show.as_bytes());
        show != before
    }

    /// `restarted` has no state that a second look could confirm; systemctl's exit status tells.
    fn verify(&self) -> bool {
        false
    }
}

/// Whether a planned file or package is, or brings, the unit.
fn brought(name: &str, forecast: &Forecast) -> bool {
    let unit = if name.contains('.') { name.to_string() } else { format!("{name}.service") };
    // `getty@tty1.service` is made of `getty@.service`.
    let template =
        unit.split_once('@').and_then(|(stem, rest)| Some(format!("{stem}@.{}", rest.rsplit_once('.')?.1)));
    let folders = [
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
        "/etc/systemd/user",
    ];
    let units = || std::iter::once(unit.as_str()).chain(template.as_deref());
    let stem = unit.split(['@', '.']).next().unwrap_or("");
    folders.iter().any(|folder| units().any(|unit| forecast.has(&format!("file:{folder}/{unit}"))))
        || forecast.has(&format!("file:/etc/init.d/{name}"))
        || forecast.package_like(stem)
}

fn scope(args: &Args) -> &str {
    args.opt_str("scope").unwrap_or("system")
}

fn bare(name: &str) -> &str {
    name.strip_suffix(".service").unwrap_or(name)
}

/// What a service manager tells of a unit, in one shape.
struct Unit {
    manager: String,
    exists: bool,
    running: bool,
    /// `None`: not asked for, or the unit has no such notion.
    enabled: Option<bool>,
    masked: bool,
    /// systemd does not run here: only links can be made.
    offline: bool,
    need_reload: bool,
    status: Map,
}

impl Unit {
    fn read(output: &Output, name: &str) -> Result<Unit, Failure> {
        let get = |key: &str| output.field("", key);
        let manager = get("manager").unwrap_or_default();
        if manager == "none" || manager.is_empty() {
            return Err(Failure::new(
                "the host has no service manager that is known (systemd, openrc, init scripts)",
            ));
        }
        let mut unit = Unit {
            exists: get("exists").is_some(),
            running: get("running").is_some(),
            enabled: Some(get("enabled").is_some()),
            masked: false,
            offline: get("offline").is_some(),
            need_reload: get("need_reload").is_some_and(|n| n.trim() != "0"),
            status: Map::new(),
            manager,
        };
        if unit.manager == "systemd" {
            unit.systemd(
                get("show").unwrap_or_default().as_str(),
                get("is_enabled").unwrap_or_default().trim(),
            );
        }
        let _ = name;
        Ok(unit)
    }

    fn systemd(&mut self, show: &str, is_enabled: &str) {
        let pairs = show.lines().filter_map(|l| l.split_once('='));
        self.status = pairs.map(|(k, v)| (k.into(), Value::from(v))).collect();
        let get = |key: &str| self.status.get(key).and_then(Value::as_str).unwrap_or("");
        let load = get("LoadState");
        let file_state = match get("UnitFileState") {
            "" => is_enabled.lines().last().unwrap_or(""),
            state => state,
        };
        let known = matches!(
            file_state,
            "enabled" | "disabled" | "static" | "generated" | "indirect" | "alias" | "masked"
        );
        let (running, need) =
            (matches!(get("ActiveState"), "active" | "activating" | "reloading"), get("NeedDaemonReload"));
        let exists = !matches!(load, "not-found" | "" | "error") || load.is_empty() && known;
        // Its own `is-enabled` exits 0 also for these two, which do not start at boot by themselves.
        let enabled = match file_state {
            "enabled" | "enabled-runtime" | "static" | "generated" | "linked-runtime" => true,
            "indirect" | "alias" => false,
            _ => false,
        };
        let masked = load == "masked" || file_state.starts_with("masked");
        (self.running, self.need_reload) = (running, self.need_reload || need == "yes");
        (self.exists, self.enabled, self.masked) = (exists, Some(enabled), masked);
    }

    fn decide(&self, args: &Args, todo: &mut Todo) -> Result<(), Failure> {
        let name = args.str("name");
        // What is not installed yet may be masked, and so kept from starting when it is.
        let masking = args.opt_bool("masked").is_some() && !args.has("enabled") && !args.has("state");
        if !self.exists && !self.masked && !masking {
            return Err(Failure::new(format!("Could not find the requested service {name}: host")));
        }
        match args.opt_bool("masked") {
            Some(true) if !self.masked => todo.push("mask", "is not masked", "masked", false, true),
            Some(false) if self.masked => todo.push("unmask", "is masked", "masked", true, false),
            _ => {}
        }
        match (args.opt_bool("enabled"), self.enabled) {
            (Some(true), Some(false)) => todo.push("enable", "is not enabled", "enabled", false, true),
            (Some(false), Some(true)) if self.can_disable() => {
                todo.push("disable", "is enabled", "enabled", true, false);
            }
            _ => {}
        }
        let state = args.str("state");
        if self.offline && !state.is_empty() {
            todo.warnings.push(format!("systemd does not run here: the state of {name} was left alone"));
            return Ok(());
        }
        let stopping = self.status.get("ActiveState").and_then(Value::as_str) == Some("deactivating");
        match state {
            "started" if !self.running => todo.push("start", "does not run", "running", false, true),
            "stopped" if self.running || stopping => todo.push("stop", "runs", "running", true, false),
            "restarted" => todo.push("restart", "is restarted", "running", self.running, true),
            "reloaded" if self.running => todo.push("reload", "is reloaded", "running", true, true),
            "reloaded" => todo.push("start", "does not run", "running", false, true),
            _ => {}
        }
        Ok(())
    }

    /// Static and generated units have no links to take away.
    fn can_disable(&self) -> bool {
        !matches!(self.status.get("UnitFileState").and_then(Value::as_str), Some("static" | "generated"))
    }
}

#[derive(Default)]
struct Todo {
    acts: Vec<&'static str>,
    reasons: Vec<String>,
    warnings: Vec<String>,
    before: String,
    after: String,
}

impl Todo {
    fn push(&mut self, act: &'static str, reason: &str, property: &str, is: bool, becomes: bool) {
        self.acts.push(act);
        self.reasons.push(reason.to_string());
        if is != becomes {
            self.before.push_str(&format!("{property}: {is}\n"));
            self.after.push_str(&format!("{property}: {becomes}\n"));
        }
    }

    fn decision(self, args: &Args, unit: &Unit) -> Decision {
        let mut result = Map::new();
        if args.has("name") {
            result.insert("name".into(), args.str("name").into());
            if let Some(state) = args.opt_str("state") {
                let state = if matches!(state, "restarted" | "reloaded") { "started" } else { state };
                result.insert("state".into(), state.into());
            }
            if let Some(enabled) = args.opt_bool("enabled").or(unit.enabled.filter(|_| args.has("enabled"))) {
                result.insert("enabled".into(), enabled.into());
            }
            result.insert("status".into(), unit.status.clone().into());
        }
        if self.acts.is_empty() {
            return Decision { warnings: self.warnings, ..Decision::unchanged(result) };
        }
        let name = args.str("name");
        // Reading unit files again is no change to the host, as Ansible counts.
        if self.acts.iter().all(|a| a.starts_with("daemon-")) {
            result.insert("changed".into(), false.into());
        }
        let job = Job::new(&APPLY)
            .var("manager", &unit.manager)
            .var("name", name)
            .var("scope", scope(args))
            .flag("force", args.bool("force"))
            .flag("no_block", args.bool("no_block"))
            .var("runlevel", args.opt_str("runlevel").unwrap_or("default"))
            .var("arguments", args.str("arguments"))
            .var("sleep", args.opt_int("sleep").unwrap_or(1).to_string())
            .args(&self.acts);
        let reason = format!("{name} {}", self.reasons.join(", ")).trim().to_string();
        let always =
            self.acts.iter().all(|a| matches!(*a, "restart" | "reload" | "daemon-reload" | "daemon-reexec"));
        let diffs = if self.before == self.after {
            Vec::new()
        } else {
            vec![Diff {
                before: self.before,
                after: self.after,
                before_header: name.into(),
                after_header: name.into(),
            }]
        };
        let action = if always { Action::Run } else { Action::Update };
        let change = Some(Change { action, reason, diffs });
        Decision { change, effects: vec![job], result, warnings: self.warnings }
    }
}
