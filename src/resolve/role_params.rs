//! What a use of a role gives to it, and what it has from the roles around it.

use super::roles::RoleRef;
use super::unit::Frame;
use crate::base::Map;
use crate::syntax::ast::{Keywords, RoleUse};
use std::path::PathBuf;
use std::sync::Arc;

/// A role's parameters over those of the roles that brought it.
pub(super) fn inherited_params(call: &RoleRef, frame: &Frame) -> Arc<Map> {
    match frame.role.as_ref().filter(|outer| !outer.params.is_empty()) {
        Some(outer) if call.params.is_empty() => Arc::clone(&outer.params),
        Some(outer) => {
            let all = outer.params.iter().chain(call.params.iter());
            Arc::new(all.map(|(k, v)| (k.clone(), v.clone())).collect())
        }
        None => Arc::clone(&call.params),
    }
}

/// The roles that include this one, the nearest first; a dependency has those of the role that it belongs to.
pub(super) fn parents(call: &RoleRef, frame: &Frame) -> Vec<(Arc<str>, PathBuf)> {
    let Some(outer) = &frame.role else { return Vec::new() };
    let own = call.key.is_none().then(|| (Arc::clone(&outer.name), outer.path.clone()));
    own.into_iter().chain(outer.parents.iter().cloned()).collect()
}

/// Role parameters and `vars` of a use apart from the keywords that its tasks inherit.
pub(super) fn split_params(written: &RoleUse) -> (Keywords, Arc<Map>) {
    let mut params = Map::new();
    if let Some(vars) = written.keywords.get("vars").and_then(|v| v.value.as_map()) {
        params.extend(vars.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    params.extend(written.params.iter().map(|(k, v)| (Arc::clone(&k.value).into(), v.value.clone())));
    let own = written.keywords.0.iter().filter(|(k, _)| &*k.value != "vars").cloned().collect();
    (Keywords(own), Arc::new(params))
}
