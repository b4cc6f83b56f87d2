//! Handlers that nobody declares.

use super::unit::Unit;
use crate::base::{Diag, Value};
use crate::graph::{Act, Handler};
use std::sync::Arc;

/// Reports constant names in `notify` that no handler of the play answers to. Where handlers may come from a name
/// that only the run knows, or from a file that could not be read, nothing can be said.
pub(crate) fn check(unit: &mut Unit, handlers: &[Arc<Handler>]) {
    if unit.handlers_incomplete {
        return;
    }
    let mut known: Vec<&str> = Vec::new();
    let declared = handlers.iter().chain(&unit.included_handlers);
    for handler in declared {
        known.extend(handler.aliases.iter().map(|a| &**a));
        known.extend(handler.listen.iter().filter_map(Value::as_str));
    }
    for noted in &unit.tasks {
        let open = match &noted.node.act {
            Act::IncludeRole(role) => matches!(role.name, Value::Template(_)),
            Act::IncludeTasks { file, .. } => noted.handler && matches!(file, Value::Template(_)),
            _ => false,
        };
        let names = noted.node.name.iter().chain(&noted.listen).filter(|_| noted.handler);
        for name in names {
            match name {
                Value::Template(_) => return,
                other => known.extend(other.as_str()),
            }
        }
        if open {
            return;
        }
    }
    let mut diags = Vec::new();
    let mut told: Vec<(&str, crate::base::Span)> = Vec::new();
    for noted in &unit.tasks {
        for name in noted.node.keywords.notify.iter().filter_map(Value::as_str) {
            if !known.contains(&name) {
                // What a block says, its tasks have inherited.
                let of_block = unit.block_notifies.iter().find(|(of_block, _)| &**of_block == name);
                let span = match of_block {
                    Some((_, span)) => *span,
                    None => noted.written.key("notify").unwrap_or(noted.node.span),
                };
                if of_block.is_some() && told.contains(&(name, span)) {
                    continue;
                }
                told.push((name, span));
                let diag = Diag::error("unknown-handler", span, format!("no handler is called `{name}`"));
                diags.push(diag.did_you_mean(name, known.iter().copied()));
            }
        }
    }
    diags.into_iter().for_each(|d| unit.diags.push(d));
}
