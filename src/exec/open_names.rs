//! Names that a task may or may not define: on a plan its condition waits for an effect that was not made.

use super::host::{Host, TaskContext};
use super::scope::TaskScope;
use super::state::HostMemory;
use super::unit::arguments;
use crate::base::{Key, Map, Value};
use crate::eval::is_identifier;
use crate::modules::Module;
use std::sync::Arc;

impl Host {
    /// The names are known, what they will hold is not.
    pub fn leave_names_open(
        &mut self,
        cx: &TaskContext,
        module: &Module,
        raw: &Map,
        scope: &Arc<TaskScope>,
        why: &Arc<str>,
    ) {
        let facts = module.spec.name == "set_fact";
        let names: Vec<Key> = match module.spec.name.as_str() {
            "set_fact" => raw.keys().filter(|key| key.as_str().is_some_and(is_identifier)).cloned().collect(),
            "include_vars" => {
                let Ok(args) = arguments(&self.run, &cx.keywords, module, raw, scope) else { return };
                let Ok(loaded) = super::vars_files::include(&self.run, &args, scope) else { return };
                loaded.vars.keys().cloned().collect()
            }
            _ => return,
        };
        self.remember(|memory| {
            let place = if facts { &mut memory.set } else { &mut memory.included };
            for name in names {
                HostMemory::insert(place, name, Value::Unknown(Arc::clone(why)));
            }
        });
    }
}
