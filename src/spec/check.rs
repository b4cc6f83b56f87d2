//! Arguments at compile time: names and constant values are checked, templates are of any type.

use super::coerce::{all_names, check_groups, one, resolve};
use super::{ArgSpec, ArgType, ModuleSpec};
use crate::base::diag::nearest;
use crate::base::{Diag, Diags, Span, Value};
use std::collections::HashMap;

/// Checks arguments as written. `at` is the place of the task or of the module's key, for what is missing.
pub fn check_args(spec: &ModuleSpec, at: Span, args: &[(&str, Span, &Value)]) -> Diags {
    let mut diags = Diags::default();
    let mut given: HashMap<&str, &Value> = HashMap::new();
    // What misspelt names stand for is not missing.
    let mut meant: Vec<&str> = Vec::new();
    for (key, span, value) in args {
        let Some((name, arg)) = resolve(&spec.args, key) else {
            if !spec.open {
                let known: Vec<&str> = all_names(&spec.args).collect();
                let right = nearest(key, known.iter().copied());
                meant.extend(right.and_then(|right| resolve(&spec.args, right)).map(|(name, _)| name));
                let names: Vec<&str> = spec.args.keys().map(String::as_str).collect();
                diags.push(unknown_argument(key, *span, &spec.name, &known, &names));
            }
            continue;
        };
        if let Some(instead) = &arg.deprecated {
            let message = format!("argument `{key}` of `{}` is deprecated", spec.name);
            diags.push(Diag::warning("deprecated-argument", *span, message).hint(instead.clone()));
        }
        if arg.former.iter().any(|f| f == key) {
            let message = format!("argument `{key}` of `{}` is deprecated", spec.name);
            let hint = format!("its name is `{name}` now");
            diags.push(Diag::warning("deprecated-argument", *span, message).hint(hint));
        }
        // Templates under two names may be omitted in turn.
        if given.insert(name, value).is_some_and(|v| !is_open(v)) && !is_open(value) {
            let message = format!("`{name}` is given twice, under two of its names");
            diags.push(Diag::warning("double-argument", *span, message));
        }
        if let Err(why) = check_value(arg, value) {
            diags.push(Diag::error("argument-value", *span, format!("argument `{key}` {why}")));
        }
    }
    missing(spec, at, &given, &meant, &mut diags);
    diags
}

/// An argument that there is not: with the nearest of those that are known, aliases too, else with all names.
pub fn unknown_argument(key: &str, span: Span, of: &str, known: &[&str], names: &[&str]) -> Diag {
    let diag = Diag::error("unknown-argument", span, format!("`{key}` is not an argument of `{of}`"));
    match nearest(key, known.iter().copied()) {
        Some(right) => diag.hint(format!("did you mean `{right}`?")),
        None => diag.hint(format!("`{of}` takes: {}", names.join(", "))),
    }
}

fn is_open(value: &Value) -> bool {
    matches!(value, Value::Template(_) | Value::Omit)
}

fn missing(spec: &ModuleSpec, at: Span, given: &HashMap<&str, &Value>, meant: &[&str], diags: &mut Diags) {
    for (name, arg) in &spec.args {
        if arg.required
            && !meant.contains(&name.as_str())
            && given.get(name.as_str()).is_none_or(|v| v.is_null())
        {
            let message = format!("`{}` needs the argument `{name}`", spec.name);
            diags.push(Diag::error("missing-argument", at, message).hint(format!("`{name}`: {}", arg.doc)));
        }
    }
    // A template may turn out to be `omit`, so a group is judged by constants only where that can be wrong.
    let constant = |name: &str| given.get(name).copied().filter(|v| !v.is_null());
    let templated = given.values().any(|v| matches!(v, Value::Template(_) | Value::Omit));
    if !templated
        && meant.is_empty()
        && let Err(why) = check_groups(spec, &constant)
    {
        diags.push(Diag::error("argument-group", at, why));
    }
}

fn check_value(arg: &ArgSpec, value: &Value) -> Result<(), String> {
    match value {
        Value::Template(_) | Value::Omit | Value::Null | Value::Unknown(_) | Value::Secret(_) => Ok(()),
        Value::Map(map) if arg.kind == ArgType::Dict && !arg.options.is_empty() => {
            for (key, value) in map.iter() {
                check_member(arg, &key.to_string(), value)?;
            }
            Ok(())
        }
        Value::List(items) if arg.kind == ArgType::List && !arg.options.is_empty() => {
            let maps = items.iter().filter_map(Value::as_map);
            for (key, value) in maps.flatten() {
                check_member(arg, &key.to_string(), value)?;
            }
            Ok(())
        }
        constant => one(arg, constant).map(|_| ()),
    }
}

fn check_member(arg: &ArgSpec, key: &str, value: &Value) -> Result<(), String> {
    let Some((_, member)) = resolve(&arg.options, key) else {
        let hint = crate::base::diag::nearest(key, all_names(&arg.options));
        let hint = hint.map_or_else(String::new, |h| format!("; did you mean `{h}`?"));
        return Err(format!("has no member `{key}`{hint}"));
    };
    check_value(member, value).map_err(|why| format!("member `{key}` {why}"))
}
