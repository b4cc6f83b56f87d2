//! Loops: items of `loop` and `with_*`, their variables and labels.

use super::host::TaskContext;
use super::outcome::UnitOutcome;
use super::scope::TaskScope;
use super::state::Run;
use super::unit::{Stage, conditions, evaluated_flag, evaluated_text, false_condition, unknown_inside};
use crate::base::{HIDDEN, List, Map, Value};
use crate::eval::Truth;
use crate::graph::Loop;
use crate::modules::Failure;
use std::sync::Arc;

pub fn variable(run: &Run, cx: &TaskContext) -> Arc<str> {
    let set = evaluated_text(run, &cx.keywords.loop_control.loop_var, &cx.scope).ok().flatten();
    set.map_or_else(|| Arc::from("item"), Arc::from)
}

/// The items; `None` without a loop; a stage when they cannot be had.
pub fn items(run: &Arc<Run>, cx: &TaskContext) -> Result<Option<List>, Stage> {
    let Some(spec) = &cx.keywords.loop_ else { return Ok(None) };
    let evaluated = match spec {
        Loop::Items(value) => run.engine.evaluate(value, &*cx.scope).map_err(|e| e.to_string()),
        Loop::With { lookup, terms } => with(run, cx, lookup, terms),
    };
    let value = match evaluated {
        Ok(value) => value,
        // A condition that is false without the item spares the loop, as in Ansible.
        Err(message) => {
            return Err(match conditions(run, &cx.keywords.when, &cx.scope) {
                Ok(Truth::False) => Stage::Skip(false_condition(run, &cx.keywords.when, &cx.scope)),
                _ => Stage::Fail(Failure::new(format!("the loop cannot be read: {message}"))),
            });
        }
    };
    if let Value::Unknown(why) = &value {
        return Err(Stage::Unknown(Arc::clone(why)));
    }
    match value {
        Value::List(list) => match list.iter().find_map(unknown_inside) {
            Some(why) if list.iter().all(|v| matches!(v, Value::Unknown(_))) => Err(Stage::Unknown(why)),
            _ => Ok(Some(Arc::unwrap_or_clone(list))),
        },
        other => Err(Stage::Fail(Failure::new(format!(
            "Invalid data passed to 'loop', it requires a list, got this instead: {} ({})",
            other.to_json(),
            other.type_name(),
        )))),
    }
}

fn with(run: &Run, cx: &TaskContext, lookup: &str, terms: &Value) -> Result<Value, String> {
    let terms = run.engine.evaluate(terms, &*cx.scope).map_err(|e| e.to_string())?;
    if matches!(terms, Value::Unknown(_)) {
        return Ok(terms);
    }
    let terms = match terms {
        Value::List(list) => Arc::unwrap_or_clone(list),
        one => vec![one],
    };
    let found = crate::eval::lookups::run(lookup, &terms, &Map::new(), &run.engine, &*cx.scope);
    found.map(Value::from).map_err(|e| e.to_string())
}

/// One scope an item, with its loop variables.
pub fn scopes(run: &Run, cx: &TaskContext, items: &[Value], loop_var: &Arc<str>) -> Vec<Arc<TaskScope>> {
    let control = &cx.keywords.loop_control;
    let index_var = evaluated_text(run, &control.index_var, &cx.scope).ok().flatten();
    let extended = evaluated_flag(run, &control.extended, &cx.scope, false).unwrap_or(false);
    let all = evaluated_flag(run, &control.extended_allitems, &cx.scope, true).unwrap_or(true);
    let scope = |(index, item): (usize, &Value)| {
        let mut names = Map::new();
        names.insert(Arc::clone(loop_var).into(), item.clone());
        names.insert("ansible_loop_var".into(), loop_var.as_ref().into());
        if let Some(name) = &index_var {
            names.insert(name.as_str().into(), index.into());
            names.insert("ansible_index_var".into(), name.as_str().into());
        }
        if extended {
            names.insert("ansible_loop".into(), extended_names(items, index, all));
        }
        Arc::new(cx.scope.with(names))
    };
    items.iter().enumerate().map(scope).collect()
}

/// What results say of the loop besides the item: `index_var` and `ansible_loop`, where the task asks for them.
pub fn told(run: &Run, cx: &TaskContext, scope: &TaskScope) -> Map {
    let control = &cx.keywords.loop_control;
    let mut names: Vec<Arc<str>> = Vec::new();
    if let Some(index) = evaluated_text(run, &control.index_var, &cx.scope).ok().flatten() {
        names.extend([index.into(), "ansible_index_var".into()]);
    }
    if evaluated_flag(run, &control.extended, &cx.scope, false).unwrap_or(false) {
        names.push("ansible_loop".into());
    }
    let value = |name: Arc<str>| Some((Arc::clone(&name).into(), scope.layers.get(&name)?.clone()));
    names.into_iter().filter_map(value).collect()
}

/// Whether the loop ends behind an item: `break_when`. Where that cannot be told, the item has failed.
pub fn ends(run: &Run, cx: &TaskContext, scope: &TaskScope, outcome: &mut UnitOutcome) -> Truth {
    let wanted = &cx.keywords.loop_control.break_when;
    if wanted.is_empty() {
        return Truth::False;
    }
    let seen = Arc::new(scope.with_result(cx.keywords.register.as_ref(), outcome.registered()));
    conditions(run, wanted, &seen).unwrap_or_else(|message| {
        *outcome = UnitOutcome::failed(Failure::new(format!("break_when: {message}")));
        Truth::True
    })
}

fn extended_names(items: &[Value], index: usize, all: bool) -> Value {
    let count = items.len();
    let mut names: Vec<(&str, Value)> = vec![
        ("index", (index + 1).into()),
        ("index0", index.into()),
        ("first", (index == 0).into()),
        ("last", (index + 1 == count).into()),
        ("length", count.into()),
        ("revindex", (count - index).into()),
        ("revindex0", (count - index - 1).into()),
    ];
    if all {
        names.push(("allitems", items.to_vec().into()));
    }
    if let Some(before) = index.checked_sub(1) {
        names.push(("previtem", items[before].clone()));
    }
    if let Some(next) = items.get(index + 1) {
        names.push(("nextitem", next.clone()));
    }
    names.into_iter().collect()
}

/// How an item is shown.
pub fn label(run: &Run, cx: &TaskContext, scope: &Arc<TaskScope>, item: &Value, no_log: bool) -> Value {
    if no_log {
        return HIDDEN.into();
    }
    match &cx.keywords.loop_control.label {
        None => item.clone(),
        Some(label) => run.engine.evaluate(label, &**scope).unwrap_or_else(|_| item.clone()),
    }
}
