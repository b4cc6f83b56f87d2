//! Which tasks make a region: cloud tasks that follow each other, with what lies between them.

use crate::base::Map;
use crate::graph::{Act, Step, TaskNode};
use crate::modules::{Behaviour, Module};
use std::collections::HashSet;
use std::sync::Arc;

/// Modules of the executor's own that may stand in a region.
const LIGHT: [&str; 5] = ["set_fact", "debug", "assert", "fail", "add_host"];

/// Whether the task is one of a cloud's that may stand in a region.
pub fn is_cloud(node: &TaskNode) -> bool {
    let Act::Module { module, .. } = &node.act else { return false };
    matches!(module.behaviour, Behaviour::Cloud(_)) && alone(node)
}

/// Nothing that has to do with other hosts of the play.
fn alone(node: &TaskNode) -> bool {
    let k = &node.keywords;
    k.run_once.is_none() && k.any_errors_fatal.is_none() && k.throttle.is_none()
}

/// Takes the tasks of a step into the region; `false` when it does not belong to one.
pub fn collect(step: &Step, nodes: &mut Vec<Arc<TaskNode>>) -> bool {
    match step {
        Step::Task(node) => {
            let Act::Module { module, .. } = &node.act else { return false };
            let light = LIGHT.contains(&module.spec.name.as_str())
                && matches!(module.behaviour, Behaviour::Control)
                && alone(node)
                && node.keywords.delegate_to.is_none();
            let belongs = is_cloud(node) || light;
            if belongs {
                nodes.push(Arc::clone(node));
            }
            belongs
        }
        Step::Block(block) => {
            let guarded = !block.rescue.steps.is_empty() || !block.always.steps.is_empty();
            let mut inside = Vec::new();
            let whole = !guarded && block.body.steps.iter().all(|step| collect(step, &mut inside));
            if whole {
                nodes.append(&mut inside);
            }
            whole
        }
        Step::Flush { .. } => false,
    }
}

/// Names that a task sets.
pub fn defines(node: &TaskNode, module: &Module, args: &Map) -> HashSet<Arc<str>> {
    let mut names: HashSet<Arc<str>> = node.keywords.register.iter().cloned().collect();
    match module.spec.name.as_str() {
        "set_fact" => names.extend(args.keys().filter_map(|k| k.as_str()).map(Arc::from)),
        "add_host" => names.extend(["groups", "group_names", "hostvars"].map(Arc::from)),
        _ => {}
    }
    names
}
