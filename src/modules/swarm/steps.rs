//! Steps as jobs on a manager: constant script, the engine's own client.

use super::members::Step;
use crate::remote::Job;
use crate::script;

/// Seconds for what the swarm does by itself in a moment.
const MOMENT: i64 = 60;

/// `limit`: seconds a step may wait for what it has brought about.
fn job(host: &str, act: &str, node: &str, name: &str, limit: i64) -> Job {
    Job::new(script!("swarm.step", "step.sh"))
        .var("host", host)
        .var("act", act)
        .var("node", node)
        .var("name", name)
        .var("limit", limit.max(1).to_string())
}

/// A node's role.
pub fn role(host: &str, node: &str, name: &str, manager: bool) -> Job {
    job(host, if manager { "promote" } else { "demote" }, node, name, MOMENT)
}

/// Options of `docker node update`; a drain waits, at most so many seconds, until no task runs there any more.
pub fn update(host: &str, node: &str, name: &str, options: &[String], drain: Option<i64>) -> Job {
    job(host, "update", node, name, drain.unwrap_or(MOMENT)).args(options).flag("drained", drain.is_some())
}

/// What a step does, on a manager.
pub fn step(host: &str, step: &Step, drain_timeout: i64) -> Job {
    match step {
        Step::Promote { node, name } => role(host, node, name, true),
        Step::Demote { node, name } => role(host, node, name, false),
        Step::Drain { node, name } => job(host, "drain", node, name, drain_timeout).flag("drained", true),
        Step::Remove { node, name } => job(host, "remove", node, name, MOMENT),
        Step::Update { node, name, availability, add } => {
            let mut options = Vec::new();
            for (key, value) in add {
                options.extend(["--label-add".to_string(), format!("{key}={value}")]);
            }
            if let Some(availability) = availability {
                options.extend(["--availability".to_string(), availability.clone()]);
            }
            let drain = availability.as_deref() == Some("drain");
            update(host, node, name, &options, drain.then_some(drain_timeout))
        }
    }
}
