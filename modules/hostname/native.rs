//! hostname: the running name and the one for the next boot, and the facts that follow from them.

use crate::base::{Map, Value};
use crate::modules::kit::{changed, diff, field, only, with_diff};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

struct Hostname;

/// The truth is what the kernel and /etc/hostname have; the name is the wanted one only where both are.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Hostname))
}

impl Staged for Hostname {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![Job::new(script!("hostname.probe", "probe.sh")).var("name", args.str("name"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let (output, name) = (only(seen)?, args.str("name"));
        let is = field(output, "", "name").unwrap_or_default();
        let result = result(name, output.field("", "fqdn").as_deref());
        if is == name {
            return Ok(Decision::unchanged(result));
        }
        let shown = if is.is_empty() { "not set" } else { &is };
        let reason = format!("name is {shown}, not {name}");
        let effect = Job::new(script!("hostname.apply", "apply.sh")).var("name", name);
        let diff = diff("hostname", format!("hostname = {is}\n"), format!("hostname = {name}\n"));
        Ok(with_diff(changed(Action::Update, reason, vec![effect], result), diff))
    }

    fn finish(&self, args: &Args, _: Decision, done: &[Output]) -> Result<Map, Failure> {
        match done.iter().find(|o| !o.ok()) {
            Some(failed) => Err(Failure::from_output(failed)),
            None => Ok(result(args.str("name"), done.first().and_then(|o| o.field("", "fqdn")).as_deref())),
        }
    }
}

/// What is returned, with the full name as the host's resolver has it.
fn result(name: &str, fqdn: Option<&str>) -> Map {
    let fqdn = fqdn.filter(|full| !full.is_empty()).unwrap_or(name);
    let domain = fqdn.split_once('.').map_or("", |(_, domain)| domain);
    let short = name.split('.').next().unwrap_or_default();
    let facts: Value = [
        ("ansible_hostname", short),
        ("ansible_nodename", name),
        ("ansible_fqdn", fqdn),
        ("ansible_domain", domain),
    ]
    .map(|(key, value)| (key, Value::from(value)))
    .into_iter()
    .collect();
    Map::from_iter([("name".into(), name.into()), ("ansible_facts".into(), facts)])
}
