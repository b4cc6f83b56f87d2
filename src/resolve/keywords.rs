//! Keywords: how a task inherits them from its blocks, its role and its play.

use crate::base::{Map, Value};
use crate::graph::{Loop, LoopControl, TaskKeywords};
use crate::syntax::ast::{Keywords, Spanned};
use std::sync::Arc;

/// A list keyword: a scalar is a list of one, null an empty one.
pub(crate) fn many(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::List(items) => items.to_vec(),
        other => vec![other.clone()],
    }
}

/// Tags: as [`many`], and a string may hold several, separated by commas.
pub(crate) fn tags(value: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    for item in many(value) {
        match item.as_str() {
            Some(text) => {
                out.extend(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from));
            }
            None => out.push(item),
        }
    }
    out
}

/// What `inner` sets, over what `outer` hands down: lists accumulate, single values override.
pub(crate) fn inherit(outer: &TaskKeywords, own: &Keywords) -> TaskKeywords {
    let mut k = TaskKeywords {
        when: outer.when.clone(),
        tags: outer.tags.clone(),
        vars: outer.vars.clone(),
        environment: outer.environment.clone(),
        module_defaults: outer.module_defaults.clone(),
        notify: outer.notify.clone(),
        needs: outer.needs.clone(),
        become_: outer.become_.clone(),
        become_user: outer.become_user.clone(),
        become_method: outer.become_method.clone(),
        become_flags: outer.become_flags.clone(),
        become_exe: outer.become_exe.clone(),
        remote_user: outer.remote_user.clone(),
        connection: outer.connection.clone(),
        port: outer.port.clone(),
        ignore_errors: outer.ignore_errors.clone(),
        ignore_unreachable: outer.ignore_unreachable.clone(),
        any_errors_fatal: outer.any_errors_fatal.clone(),
        check_mode: outer.check_mode.clone(),
        diff: outer.diff.clone(),
        no_log: outer.no_log.clone(),
        run_once: outer.run_once.clone(),
        delegate_to: outer.delegate_to.clone(),
        delegate_facts: outer.delegate_facts.clone(),
        throttle: outer.throttle.clone(),
        timeout: outer.timeout.clone(),
        ..TaskKeywords::default()
    };
    for (key, value) in &own.0 {
        set(&mut k, &key.value, value);
    }
    k
}

fn set(k: &mut TaskKeywords, key: &str, spanned: &Spanned<Value>) {
    let value = &spanned.value;
    let some = || Some(value.clone());
    match key {
        "when" => k.when.extend(many(value)),
        "tags" => {
            for tag in tags(value) {
                if !k.tags.contains(&tag) {
                    k.tags.push(tag);
                }
            }
        }
        "vars" => {
            let maps = match value {
                Value::List(items) => items.iter().filter_map(as_map).collect(),
                other => as_map(other).into_iter().collect::<Vec<_>>(),
            };
            k.vars.extend(maps.into_iter().filter(|m| !m.is_empty()));
        }
        "environment" => k.environment.extend(many(value)),
        "module_defaults" => k.module_defaults.extend(many(value)),
        "notify" => k.notify.extend(many(value)),
        "needs" => k.needs.extend(many(value).iter().filter_map(Value::as_str).map(Arc::from)),
        "become" => k.become_ = some(),
        "become_user" => k.become_user = some(),
        "become_method" => k.become_method = some(),
        "become_flags" => k.become_flags = some(),
        "become_exe" => k.become_exe = some(),
        "remote_user" => k.remote_user = some(),
        "connection" => k.connection = some(),
        "port" => k.port = some(),
        "ignore_errors" => k.ignore_errors = some(),
        "ignore_unreachable" => k.ignore_unreachable = some(),
        "any_errors_fatal" => k.any_errors_fatal = some(),
        "check_mode" => k.check_mode = some(),
        "diff" => k.diff = some(),
        "no_log" => k.no_log = some(),
        "run_once" => k.run_once = some(),
        "delegate_to" => k.delegate_to = some(),
        "delegate_facts" => k.delegate_facts = some(),
        "throttle" => k.throttle = some(),
        "timeout" => k.timeout = some(),
        _ => set_of_task(k, key, value),
    }
}

fn set_of_task(k: &mut TaskKeywords, key: &str, value: &Value) {
    let some = || Some(value.clone());
    match key {
        "loop" => k.loop_ = Some(Loop::Items(value.clone())),
        "loop_control" => k.loop_control = loop_control(value),
        "register" => k.register = value.as_str().map(Arc::from),
        "changed_when" => k.changed_when = many(value),
        "failed_when" => k.failed_when = many(value),
        "until" => k.until = many(value),
        "retries" => k.retries = some(),
        "delay" => k.delay = some(),
        "async" => k.async_ = some(),
        "poll" => k.poll = some(),
        "first_available_file" => {
            k.loop_ = Some(Loop::With { lookup: "first_found".into(), terms: value.clone() });
        }
        _ => {
            if let Some(lookup) = key.strip_prefix("with_") {
                k.loop_ = Some(Loop::With { lookup: lookup.into(), terms: value.clone() });
            }
        }
    }
}

fn loop_control(value: &Value) -> LoopControl {
    let get = |name: &str| value.get(name).cloned();
    LoopControl {
        loop_var: get("loop_var"),
        index_var: get("index_var"),
        label: get("label"),
        pause: get("pause"),
        extended: get("extended"),
        extended_allitems: get("extended_allitems"),
        break_when: value.get("break_when").map(many).unwrap_or_default(),
    }
}

fn as_map(value: &Value) -> Option<Arc<Map>> {
    match value {
        Value::Map(m) => Some(Arc::clone(m)),
        _ => None,
    }
}
