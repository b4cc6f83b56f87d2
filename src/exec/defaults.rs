//! `module_defaults`: arguments that plays, blocks and tasks preset for a module or an action group.

use super::scope::TaskScope;
use super::state::Run;
use crate::base::{Map, Value};
use crate::graph::{ACTION_GROUPS, TaskKeywords};
use crate::modules::{Module, registry};
use std::sync::Arc;

/// The presets of one module, inner levels over outer ones; evaluated.
pub fn for_module(
    run: &Run,
    keywords: &TaskKeywords,
    module: &Module,
    scope: &Arc<TaskScope>,
) -> Result<Map, String> {
    let mut merged = Map::new();
    for level in &keywords.module_defaults {
        let level = run.engine.evaluate(level, &**scope).map_err(|e| format!("module_defaults: {e}"))?;
        let Value::Map(level) = level else { continue };
        for (name, args) in level.iter() {
            let (Some(name), Value::Map(args)) = (name.as_str(), args) else { continue };
            if names(module, name) {
                merged.extend(args.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
        }
    }
    Ok(merged)
}

/// Whether a key of `module_defaults` is this module, or a group of modules it belongs to.
fn names(module: &Module, key: &str) -> bool {
    if let Some(group) = key.strip_prefix("group/") {
        let group = group.rsplit('.').next().unwrap_or(group);
        let prefixes = ACTION_GROUPS.iter().find(|(name, _)| *name == group).map_or(&[][..], |(_, of)| of);
        let aliases = &module.spec.aliases;
        return prefixes.iter().any(|prefix| aliases.iter().any(|alias| alias.starts_with(prefix)));
    }
    registry().get(key).is_some_and(|m| m.spec.name == module.spec.name)
}
