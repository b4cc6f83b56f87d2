//! service_facts: lists of the service manager as one dict.

use crate::base::{Map, Value};
use crate::modules::kit::{only, result};
use crate::modules::{Args, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::collections::BTreeMap;
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
        for line in get("sysv", "status").lines() {
            // ` [ + ]  cron`
            if let Some((mark, name)) = line.trim().strip_prefix('[').and_then(|l| l.split_once(']')) {
                let state = if mark.trim() == "+" { "running" } else { "stopped" };
                add(&mut services, name.trim(), state, None, "sysv");
            }
        }
        for line in get("openrc", "status").lines() {
            if let Some((name, state)) = line.trim().split_once('[') {
                let state = if state.contains("started") { "running" } else { "stopped" };
                add(&mut services, name.trim(), state, Some("unknown"), "openrc");
            }
        }
        systemd(
            &get("systemd", "units"),
            &get("systemd", "files"),
            &states(&get("systemd", "others")),
            &mut services,
        );
        let facts = result([("services", services.into())]);
        Ok(Decision::unchanged(result([("ansible_facts", facts.into())])))
    }
}

fn add(services: &mut Map, name: &str, state: &str, status: Option<&str>, source: &str) {
    let status = status.map(|status| ("status", status));
    let entry: Value =
        [("name", name), ("source", source), ("state", state)].into_iter().chain(status).collect();
    services.insert(name.into(), entry);
}

/// The state of each name that `systemctl show` tells of, one block a unit.
fn states(shown: &str) -> BTreeMap<String, String> {
    let mut states = BTreeMap::new();
    for block in shown.split("\n\n") {
        let get = |key: &str| block.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
        for name in get("Names=").split_whitespace() {
            states.insert(name.to_string(), get("ActiveState=").to_string());
        }
    }
    states
}

/// What keeps a unit from running is its status, whatever its file is.
const BAD: [&str; 3] = ["not-found", "masked", "failed"];

/// Units that are loaded tell their state, unit files their status; one without a file has its activity for one.
fn systemd(units: &str, files: &str, others: &BTreeMap<String, String>, services: &mut Map) {
    let words = |line: &str| -> Vec<String> {
        line.trim_start_matches(['●', '*', ' ', '○', '×']).split_whitespace().map(str::to_string).collect()
    };
    let files: Vec<Vec<String>> = files.lines().map(words).filter(|w| w.len() > 1).collect();
    let of_file = |name: &str| files.iter().find(|w| w[0] == name).map(|w| w[1].as_str());
    for w in units.lines().map(words) {
        let [name, load, active, sub, ..] = &w[..] else { continue };
        let state = if sub == "running" { "running" } else { "stopped" };
        let bad = BAD.into_iter().find(|bad| [load, active, sub].contains(&&bad.to_string()));
        let status = bad.or_else(|| of_file(name)).unwrap_or(active);
        add(services, name, state, Some(status), "systemd");
    }
    for w in &files {
        if !services.contains_key(w[0].as_str()) {
            let state = others.get(&w[0]).map_or("unknown", String::as_str);
            add(services, &w[0], state, Some(&w[1]), "systemd");
        }
    }
}
