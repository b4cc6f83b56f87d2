//! `module_defaults`: names as modules are called here, so that the executor looks them up without aliases.

use super::known;
use crate::base::{Diag, Diags, Map, Value};
use crate::graph::ACTION_GROUPS;
use crate::modules::registry::registry;
use crate::syntax::ast::Keywords;

/// Replaces the names of modules by their short ones. Groups (`group/aws`) stay as they are written.
pub(crate) fn normalise(defaults: &mut [Value]) {
    for value in defaults {
        let Some(map) = value.as_map() else { continue };
        let short = |key: &str| match registry().get(key) {
            Some(module) => module.spec.name.clone(),
            None => known::short(key).to_string(),
        };
        let map: Map = map.iter().map(|(k, v)| (short(&k.to_string()).into(), v.clone())).collect();
        *value = Value::from(map);
    }
}

/// A group that nobody knows presets nothing; one with a collection's name may be known elsewhere.
pub(crate) fn check_groups(own: &Keywords, diags: &mut Diags) {
    let Some(written) = own.get("module_defaults") else { return };
    let maps = super::keywords::many(&written.value);
    let names =
        maps.iter().filter_map(Value::as_map).flat_map(|map| map.keys()).filter_map(|key| key.as_str());
    let known: Vec<&str> = ACTION_GROUPS.iter().map(|(name, _)| *name).collect();
    for group in names.filter_map(|name| name.strip_prefix("group/")).filter(|group| !group.contains('.')) {
        if !known.contains(&group) {
            let message = format!("`group/{group}` is no group of modules; there is {}", known.join(", "));
            diags.push(
                Diag::error("bad-value", written.span, message).did_you_mean(group, known.iter().copied()),
            );
        }
    }
}
