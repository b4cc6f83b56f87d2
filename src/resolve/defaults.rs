//! `module_defaults`: names as modules are called here, so that the executor looks them up without aliases.

use super::known;
use crate::base::{Map, Value};
use crate::modules::registry::registry;

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
