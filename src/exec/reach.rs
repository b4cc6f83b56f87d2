//! Names that a task comes to by way of the host's own variables: the compiler does not look into group_vars and
//! host_vars, where a value may read what a task registers.

use super::host::Host;
use super::state::{Run, locked};
use crate::base::Value;
use crate::graph::CONNECTION_VARS;
use std::collections::HashSet;
use std::sync::Arc;

impl Host {
    /// Whether one of the names, or one that its value reads, is `wanted`.
    pub fn comes_to(&self, uses: &[Arc<str>], wanted: &dyn Fn(&str) -> bool) -> bool {
        let mut seen: HashSet<Arc<str>> = HashSet::new();
        let mut queue: Vec<Arc<str>> = uses.to_vec();
        // How the host is reached is read for every task, named or not.
        for value in CONNECTION_VARS.iter().filter_map(|name| self.base.get(name)) {
            names_in(&self.run, value, &mut queue);
        }
        while let Some(name) = queue.pop() {
            if wanted(&name) {
                return true;
            }
            if let Some(value) = self.base.get(&name)
                && has_template(value)
                && seen.insert(name)
            {
                names_in(&self.run, value, &mut queue);
            }
        }
        false
    }
}

fn has_template(value: &Value) -> bool {
    match value {
        Value::Template(_) => true,
        Value::List(items) => items.iter().any(has_template),
        Value::Map(map) => map.values().any(has_template),
        _ => false,
    }
}

fn names_in(run: &Run, value: &Value, out: &mut Vec<Arc<str>>) {
    match value {
        Value::Template(template) => {
            let mut known = locked(&run.names_of);
            let names = known.entry(Arc::clone(&template.text)).or_insert_with(|| {
                let used = crate::eval::names_used(&template.text, false).unwrap_or_default();
                used.names.into_iter().map(|(name, _)| name.into()).collect()
            });
            out.extend(names.iter().cloned());
        }
        Value::List(items) => items.iter().for_each(|v| names_in(run, v, out)),
        Value::Map(map) => map.values().for_each(|v| names_in(run, v, out)),
        _ => {}
    }
}
