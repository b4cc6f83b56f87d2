//! Filters over dicts: `combine`, `dict2items`, `items2dict`, `dictsort`, `extract`, `json_query`, …

use super::FilterFn::{self, Deep, Raw, Shallow};
use super::lists::{items, pairs};
use crate::base::{Key, List, Map, Value};
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::expr::Given;
use crate::eval::run::{Run, V};
use crate::eval::{methods, ops};
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("combine", Deep(combine)),
    ("dict2items", Shallow(dict2items)),
    ("items2dict", Deep(items2dict)),
    ("items", Shallow(|_, v, _| Ok(methods::views(map_of(&v)?, "items")))),
    ("dictsort", Deep(dictsort)),
    ("extract", Raw(extract)),
    ("json_query", Deep(json_query)),
    ("rekey_on_member", Deep(rekey_on_member)),
    ("dict", Deep(dict)),
    ("dict_kv", Deep(dict_kv)),
    ("remove_keys", Deep(|r, v, a| keys(r, v, a, false))),
    ("keep_keys", Deep(|r, v, a| keys(r, v, a, true))),
];

fn map_of(value: &Value) -> Res<&Map> {
    value.as_map().ok_or_else(|| wrong(format!("needs a dict, not {}", value.type_name())))
}

fn combine(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let recursive = args.named("recursive").is_some_and(|v| v.truth() == Some(true));
    let lists =
        args.named("list_merge").map(|v| run.text(v)).transpose()?.unwrap_or_else(|| "replace".into());
    if !["replace", "keep", "append", "prepend", "append_rp", "prepend_rp"].contains(&lists.as_str()) {
        return Err(wrong(format!("`list_merge` cannot be `{lists}`")));
    }
    let mut layers = List::new();
    crate::eval::filters::flatten(&vec![value], None, false, &mut layers);
    crate::eval::filters::flatten(&args.pos, None, false, &mut layers);
    let mut result = Map::new();
    for layer in &layers {
        merge(&mut result, map_of(layer)?, recursive, &lists);
    }
    Ok(Value::from(result))
}

/// Puts `over` onto `base`.
pub(crate) fn merge(base: &mut Map, over: &Map, recursive: bool, lists: &str) {
    for (key, new) in over {
        let merged = match (base.get(key), new) {
            (Some(Value::Map(old)), Value::Map(new)) if recursive => {
                let mut inner = (**old).clone();
                merge(&mut inner, new, true, lists);
                Value::from(inner)
            }
            (Some(Value::List(old)), Value::List(new)) => merge_lists(old, new, lists),
            _ => new.clone(),
        };
        base.insert(key.clone(), merged);
    }
}

fn merge_lists(old: &Arc<List>, new: &Arc<List>, how: &str) -> Value {
    let without = |list: &List, other: &List| -> List {
        list.iter().filter(|i| !other.iter().any(|o| ops::equal(o, i))).cloned().collect()
    };
    let joined = |a: &List, b: &List| Value::from(a.iter().chain(b).cloned().collect::<List>());
    match how {
        "keep" => Value::List(old.clone()),
        "append" => joined(old, new),
        "prepend" => joined(new, old),
        "append_rp" => joined(&without(old, new), new),
        "prepend_rp" => joined(new, &without(old, new)),
        _ => Value::List(new.clone()),
    }
}

fn names(run: &mut Run<'_>, args: &Args) -> Res<(String, String)> {
    let key = args.text(run, 0, "key_name")?.unwrap_or_else(|| "key".into());
    Ok((key, args.text(run, 1, "value_name")?.unwrap_or_else(|| "value".into())))
}

fn dict2items(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let (key, val) = names(run, args)?;
    Ok(pairs(map_of(&value)?, &key, &val))
}

fn items2dict(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let (key_name, value_name) = names(run, args)?;
    let mut map = Map::new();
    for item in items(&value)? {
        let need = |n: &str| item.get(n).cloned().ok_or_else(|| wrong(format!("an item has no `{n}`")));
        let key = ops::key(&need(&key_name)?).ok_or_else(|| wrong("a key must be a simple value"))?;
        map.insert(key, need(&value_name)?);
    }
    Ok(Value::from(map))
}

fn dictsort(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let folds = !args.flag(0, "case_sensitive", false);
    let by_value = args.text(run, 1, "by")?.is_some_and(|b| b == "value");
    let reverse = args.flag(2, "reverse", false);
    let folded = |v: &Value| match v {
        Value::Str(s) if folds => Value::from(s.to_lowercase()),
        other => other.clone(),
    };
    let mut list: Vec<(Value, Value)> = Vec::new();
    for (key, member) in map_of(&value)? {
        let sort_key = if by_value { folded(member) } else { folded(&key.to_value()) };
        list.push((sort_key, Value::from(vec![key.to_value(), member.clone()])));
    }
    let mut failure = None;
    list.sort_by(|(a, _), (b, _)| {
        let order = ops::order(a, b).unwrap_or_else(|e| {
            failure.get_or_insert(e);
            Ordering::Equal
        });
        if reverse { order.reverse() } else { order }
    });
    match failure {
        Some(e) => Err(e),
        None => Ok(Value::from(list.into_iter().map(|(_, pair)| pair).collect::<List>())),
    }
}

/// `key | extract(container, morekeys)`.
fn extract(run: &mut Run<'_>, input: V, given: Given) -> Res<V> {
    let key = run.force(input)?;
    let mut given = given.pos.into_iter().chain(given.named.into_iter().map(|(_, v)| v));
    let container = given.next().ok_or_else(|| wrong("needs the container"))?;
    let mut v = run.item(container, &key)?;
    if let Some(more) = given.next() {
        let more = match run.ready(more)? {
            Value::List(keys) => (*keys).clone(),
            Value::Null => List::new(),
            one => vec![one],
        };
        for key in more {
            v = run.item(v, &key)?;
        }
    }
    Ok(v)
}

fn json_query(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let query = args.need_text(run, 0, "expr")?;
    run.note(&value)?;
    let compiled = jmespath::compile(&query).map_err(|e| wrong(format!("`{query}`: {e}")))?;
    let found =
        compiled.search(super::data::clear_json(&value)).map_err(|e| wrong(format!("`{query}`: {e}")))?;
    let json = serde_json::to_value(&*found).map_err(|e| wrong(format!("`{query}`: {e}")))?;
    Ok(whole_numbers(Value::from_json(&json)))
}

/// jmespath makes all numbers floats; those without a fraction were ints.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 9e15 => Value::Int(x as i64),
        Value::List(l) => Value::from(l.iter().cloned().map(whole_numbers).collect::<List>()),
        Value::Map(m) => {
            Value::from(m.iter().map(|(k, v)| (k.clone(), whole_numbers(v.clone()))).collect::<Map>())
        }
        other => other,
    }
}

fn rekey_on_member(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let name = args.need_text(run, 0, "key")?;
    let overwrite = args.text(run, 1, "duplicates")?.is_some_and(|d| d == "overwrite");
    let members = match &value {
        Value::Map(map) => map.values().cloned().collect(),
        other => items(other)?,
    };
    let mut out = Map::new();
    for member in members {
        let key = member.get(&name).and_then(ops::key);
        let key = key.ok_or_else(|| wrong(format!("key `{name}` was not found")))?;
        if out.insert(key.clone(), member).is_some() && !overwrite {
            return Err(wrong(format!("key `{key}` is not unique")));
        }
    }
    Ok(Value::from(out))
}

fn dict(_: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let list = items(&value)?;
    Ok(Value::from(list.iter().map(methods::pair).collect::<Res<Map>>()?))
}

fn dict_kv(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    Ok([(args.need_text(run, 0, "key")?, value)].into_iter().collect())
}

fn keys(run: &mut Run<'_>, value: Value, args: &Args, keep: bool) -> Res<Value> {
    let wanted = match args.need(0, "target")? {
        Value::List(l) => l.iter().map(|v| run.text(v)).collect::<Res<Vec<_>>>()?,
        one => vec![run.text(one)?],
    };
    let mut out = List::new();
    for item in items(&value)? {
        let kept = map_of(&item)?.iter().filter(|(k, _)| wanted.contains(&Key::to_string(k)) == keep);
        out.push(Value::from(kept.map(|(k, v)| (k.clone(), v.clone())).collect::<Map>()));
    }
    Ok(Value::from(out))
}
