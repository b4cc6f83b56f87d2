//! ufw: rules, defaults and state of the firewall.

use crate::base::{List, Map};
use crate::modules::kit::{changed, only};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

/// The truth is ufw's own files, and for a rule what `ufw --dry-run` would do.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Ufw))
}

struct Ufw;

/// A call of ufw that is needed, and why.
struct Call {
    words: Vec<String>,
    why: String,
}

impl Staged for Ufw {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.has("interface") && !args.has("direction") {
            return Err(Failure::new("`interface` needs `direction`"));
        }
        if args.has("default") && matches!(args.str("direction"), "in" | "out") {
            return Err(Failure::new("the direction of a default is incoming, outgoing or routed"));
        }
        Ok(vec![Job::new(script!("ufw.probe", "probe.sh")).args(rule(args, false))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let field = |key: &str| output.field("", key).unwrap_or_default();
        if field("tool") == "absent" {
            return Err(Failure::new("the host has no ufw: install the package ufw first"));
        }
        if let Some(error) = output.field("", "error") {
            return Err(Failure::new(error));
        }
        let calls: Vec<Call> = [
            state(args, &field),
            default(args, &field),
            rule_call(args, &field("dry")),
            logging(args, &field("LOGLEVEL")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let shown: List = calls.iter().map(|call| format!("ufw {}", call.words.join(" ")).into()).collect();
        let result = Map::from_iter([("commands".into(), shown.into())]);
        if calls.is_empty() {
            return Ok(Decision::unchanged(result));
        }
        let reason = calls.iter().map(|call| call.why.clone()).collect::<Vec<_>>().join("; ");
        let job = |call: Call| Job::new(script!("ufw.apply", "apply.sh")).args(call.words);
        let action = if args.bool("delete") { Action::Delete } else { Action::Update };
        Ok(changed(action, reason, calls.into_iter().map(job).collect(), result))
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let mut result = decision.result;
        let said: Vec<String> =
            done.iter().map(|o| String::from_utf8_lossy(&o.stdout).trim().to_string()).collect();
        result.insert("msg".into(), said.join("\n").into());
        if args.str("state") == "reloaded" && done.len() == 1 {
            // As Ansible: what is the same after it was read again has not changed.
            result.insert("changed".into(), false.into());
        }
        Ok(result)
    }

    /// Reading again is never finished.
    fn verify(&self) -> bool {
        false
    }
}

fn call(words: &[&str], why: impl Into<String>) -> Option<Call> {
    Some(Call { words: words.iter().map(|w| (*w).to_string()).collect(), why: why.into() })
}

fn state(args: &Args, field: &dyn Fn(&str) -> String) -> Option<Call> {
    let on = field("ENABLED") == "yes";
    match args.str("state") {
        "enabled" if !on => call(&["-f", "enable"], "ufw is disabled"),
        "disabled" if on => call(&["-f", "disable"], "ufw is enabled"),
        "reloaded" if on => call(&["-f", "reload"], "ufw reads its rules again"),
        "reset" if on || !field("rules").is_empty() => call(&["-f", "reset"], "ufw has rules or is enabled"),
        _ => None,
    }
}

fn default(args: &Args, field: &dyn Fn(&str) -> String) -> Option<Call> {
    let policy = args.opt_str("default")?;
    let (direction, key) = match args.str("direction") {
        "outgoing" => ("outgoing", "DEFAULT_OUTPUT_POLICY"),
        "routed" => ("routed", "DEFAULT_FORWARD_POLICY"),
        _ => ("incoming", "DEFAULT_INPUT_POLICY"),
    };
    let wanted = match policy {
        "allow" => "ACCEPT",
        "deny" => "DROP",
        _ => "REJECT",
    };
    let is = field(key);
    let why = format!("the default for {direction} packets is {is}, not {wanted}");
    if is == wanted { None } else { call(&["default", policy, direction], why) }
}

fn logging(args: &Args, is: &str) -> Option<Call> {
    let wanted = args.opt_str("logging")?;
    // `on` is whatever level there is, `low` when there is none.
    let fits = if wanted == "on" { is != "off" } else { is == wanted };
    if fits { None } else { call(&["logging", wanted], format!("logging is {is}, not {wanted}")) }
}

/// What ufw would say to adding the rule tells whether it is there; what it would say to deleting one does not.
fn rule_call(args: &Args, dry: &str) -> Option<Call> {
    let delete = args.bool("delete");
    let words = rule(args, delete);
    if words.is_empty() {
        return None;
    }
    let same = |line: &str| line.starts_with("Skipping ");
    if delete {
        // `Rule updated`: it is there with another comment or log.
        let there = dry.lines().any(|line| same(line) || line.starts_with("Rule updated"));
        return there.then(|| Call { words, why: "the rule is there".into() });
    }
    let there = !dry.is_empty() && dry.lines().all(same);
    (!there).then(|| Call { words, why: "the rule is not there".into() })
}

/// The rule as ufw takes it, to be added or deleted; empty where the task has none.
fn rule(args: &Args, delete: bool) -> Vec<String> {
    let Some(rule) = args.opt_str("rule") else { return Vec::new() };
    let mut words: Vec<String> = Vec::new();
    let mut add = |list: &[&str]| words.extend(list.iter().map(|w| (*w).to_string()));
    if args.bool("route") {
        add(&["route"]);
    }
    if delete {
        add(&["delete"]);
    }
    let insert = args.opt_int("insert").filter(|_| !args.bool("delete")).map(|n| n.to_string());
    if let Some(number) = &insert {
        add(&["insert", number]);
    }
    add(&[rule]);
    match args.str("direction") {
        "in" | "incoming" => add(&["in"]),
        "out" | "outgoing" => add(&["out"]),
        _ => {}
    }
    for (name, before) in
        [("interface", &["on"][..]), ("interface_in", &["in", "on"]), ("interface_out", &["out", "on"])]
    {
        if let Some(interface) = args.opt_str(name) {
            add(before);
            add(&[interface]);
        }
    }
    if args.bool("log") {
        add(&["log"]);
    }
    for (name, before) in [
        ("from_ip", "from"),
        ("from_port", "port"),
        ("to_ip", "to"),
        ("to_port", "port"),
        ("proto", "proto"),
        ("name", "app"),
        ("comment", "comment"),
    ] {
        if let Some(value) = args.opt_str(name) {
            add(&[before, value]);
        }
    }
    words
}
