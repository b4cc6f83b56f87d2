//! Which nodes a task's units are, also where they are not carried out: for `gc`, to which all others are orphans.

use super::super::state::{Run, locked};
use super::super::unit::arguments;
use super::unit::{CloudTask, CloudUnit};
use crate::base::Value;
use crate::modules::{Args, Behaviour};

/// Stands for what is not known, to see whether a node's name is made of it.
pub const MARK: &str = "\u{1}";

impl CloudTask {
    pub fn note_node(&self, run: &Run, unit: &CloudUnit) {
        if run.options.orphans.is_none() {
            return;
        }
        let node = self.node_of(run, unit);
        let mut nodes = locked(&run.cloud.nodes);
        match node {
            Some((stack, node)) if !node.contains(MARK) => {
                let own = format!("{node}{}", unit.apart.suffix);
                nodes.add(&stack, &own);
                if super::wants::placed(&self.cx.node).is_some() {
                    nodes.expects(&stack, &own, &self.unit_name(unit.index));
                }
                unit.apart.also.iter().for_each(|also| nodes.add(&stack, &format!("{node}{also}")));
            }
            _ => nodes.uncertain(&self.module.spec.name),
        }
    }

    fn node_of(&self, run: &Run, unit: &CloudUnit) -> Option<(String, String)> {
        let args = arguments(run, &self.cx.keywords, &self.module, &self.raw, &unit.scope).ok()?;
        let Behaviour::Cloud(module) = &self.module.behaviour else { return None };
        let stack = super::access::stack(run, &unit.scope).ok()?;
        Some((stack, node(&self.module.spec.name, &module.key(&marked_all(&args)))))
    }
}

/// Arguments with [`MARK`] for what is not known.
pub fn marked_all(args: &Args) -> Args {
    args.iter().map(|(name, value)| (name.clone(), marked(value.clone()))).collect()
}

fn marked(value: Value) -> Value {
    match value {
        Value::Unknown(_) => MARK.into(),
        Value::List(list) => Value::from(list.iter().cloned().map(marked).collect::<Vec<_>>()),
        Value::Map(map) => {
            Value::from(map.iter().map(|(k, v)| (k.clone(), marked(v.clone()))).collect::<crate::base::Map>())
        }
        other => other,
    }
}

/// `MODULE/KEY`; a task without a key is its module.
pub fn node(module: &str, key: &str) -> String {
    if key.is_empty() { module.to_string() } else { format!("{module}/{key}") }
}
