//! service_facts: lists of the service manager as one dict.

use crate::base::{Map, Value};
use crate::modules::kit::{only, result};
use crate::modules::{Args, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

/// What systemctl, rc-status or `service --status-all` lists, whichever the host has.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(ServiceFacts))
}

struct ServiceFacts;

impl Staged for ServiceFacts {
    fn probe(&self, _: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![Job::new(script!("service_facts.probe", "probe.sh"))])
    }

    fn decide(&self, _: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let get = |item: &str, key: &str| output.field(item, key).unwrap_or_default();
        let mut services = Map::new();
        systemd(&get("systemd", "units"), &get("systemd", "files"), &mut services);
        for line in get("sysv", "status").lines() {
            // ` [ + ]  cron`
            if let Some((mark, name)) = line.trim().strip_prefix('[').and_then(|l| l.split_once(']')) {
                let state = if mark.trim() == "+" { "running" } else { "stopped" };
                add(&mut services, name.trim(), state, "unknown", "sysv");
            }
        }
        for line in get("openrc", "status").lines() {
            if let Some((name, state)) = line.trim().split_once('[') {
                let state = if state.contains("started") { "running" } else { "stopped" };
                add(&mut services, name.trim(), state, "unknown", "openrc");
            }
        }
        let facts = result([("services", services.into())]);
        Ok(Decision::unchanged(result([("ansible_facts", facts.into())])))
    }
}

fn add(services: &mut Map, name: &str, state: &str, status: &str, source: &str) {
    let entry: Value =
        [("name", name), ("source", source), ("state", state), ("status", status)].into_iter().collect();
    services.insert(name.into(), entry);
}

/// Units that are loaded tell their state, unit files their status; a unit without a file is `static`-less.
fn systemd(units: &str, files: &str, services: &mut Map) {
    let words = |line: &str| -> Vec<String> {
        line.trim_start_matches(['●', '*', ' ', '○', '×']).split_whitespace().map(str::to_string).collect()
    };
    let status = |name: &str| {
        let line = files.lines().map(words).find(|w| w.first().is_some_and(|n| n == name));
        line.and_then(|w| w.get(1).cloned())
    };
    for w in units.lines().map(words) {
        let [name, load, active, sub, ..] = &w[..] else { continue };
        let state = match (active.as_str(), sub.as_str()) {
            ("failed", _) => "failed",
            (_, "running") => "running",
            _ => "stopped",
        };
        let found =
            if load == "not-found" { "not-found".into() } else { status(name).unwrap_or("unknown".into()) };
        add(services, name, state, &found, "systemd");
    }
    for w in files.lines().map(words) {
        let [name, found, ..] = &w[..] else { continue };
        if !services.contains_key(name.as_str()) {
            let state = if name.contains('@') { "unknown" } else { "inactive" };
            add(services, name, state, found, "systemd");
        }
    }
}
