//! Filters over lists that look at their items one by one: order, sets, selection.

use super::FilterFn::{self, Deep, Raw};
use crate::base::{List, Map, Value};
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::expr::Given;
use crate::eval::ops;
use crate::eval::run::{Run, V};
use std::cmp::Ordering;
use std::collections::HashSet;

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("first", Raw(|r, v, _| end(r, v, "first", |count| (count > 0).then_some(0)))),
    ("last", Raw(|r, v, _| end(r, v, "last", |count| count.checked_sub(1)))),
    ("unique", Deep(unique)),
    ("union", Deep(|r, v, a| sets(r, v, a, Set::Union))),
    ("difference", Deep(|r, v, a| sets(r, v, a, Set::Difference))),
    ("intersect", Deep(|r, v, a| sets(r, v, a, Set::Intersect))),
    ("symmetric_difference", Deep(|r, v, a| sets(r, v, a, Set::Symmetric))),
    ("flatten", Deep(flatten_filter)),
    ("sort", Deep(sort)),
    ("reverse", Deep(reverse)),
    ("min", Deep(|r, v, a| extreme(r, v, a, Ordering::Less))),
    ("max", Deep(|r, v, a| extreme(r, v, a, Ordering::Greater))),
    ("sum", Deep(sum)),
    ("map", Raw(map)),
    ("select", Raw(|r, v, g| select(r, v, g, true, false))),
    ("reject", Raw(|r, v, g| select(r, v, g, false, false))),
    ("selectattr", Raw(|r, v, g| select(r, v, g, true, true))),
    ("rejectattr", Raw(|r, v, g| select(r, v, g, false, true))),
    ("groupby", Deep(groupby)),
];

/// The items of a list, of a dict its keys, of a text its characters.
pub(super) fn items(value: &Value) -> Res<List> {
    Ok(match value {
        Value::List(items) => (**items).clone(),
        Value::Map(map) => map.keys().map(|k| k.to_value()).collect(),
        Value::Str(s) => s.chars().map(|c| Value::from(c.to_string())).collect(),
        other => return Err(wrong(format!("needs a list, not {}", other.type_name()))),
    })
}

/// A list's first or last member, which alone is evaluated; one that is undefined may be another's concern.
fn end(run: &mut Run<'_>, list: V, name: &str, pick: fn(usize) -> Option<usize>) -> Res<V> {
    if let V::Sparse(members) = list {
        let member = pick(members.len()).and_then(|at| members.get(at)).cloned();
        return member.ok_or_else(|| empty(name));
    }
    let list = run.force(list)?;
    let mut members = items(&list)?;
    match pick(members.len()) {
        Some(at) => run.settle(members.swap_remove(at), ""),
        None => Err(empty(name)),
    }
}

fn empty(name: &str) -> crate::eval::error::Fail {
    crate::eval::error::undefined(name, format!("no {name} item: the sequence was empty"))
}

/// `a.b.0` below a value.
pub(super) fn path(run: &mut Run<'_>, value: &Value, attribute: &Value) -> Res<V> {
    let mut v = V::Data(value.clone());
    match attribute {
        Value::Str(path) => {
            for part in path.split('.') {
                let index = part.parse::<i64>().map(Value::Int).unwrap_or_else(|_| Value::from(part));
                v = match (&v, &index) {
                    (V::Data(Value::Map(_)), _) => run.item(v, &Value::from(part))?,
                    _ => run.item(v, &index)?,
                };
            }
            Ok(v)
        }
        other => run.item(v, other),
    }
}

/// The value of a list of attributes (`"a,b"`), for `sort` and `groupby`.
fn key_of(run: &mut Run<'_>, item: &Value, attribute: Option<&Value>, fold: bool) -> Res<Value> {
    let Some(attribute) = attribute else { return Ok(folded(item, fold)) };
    if let Value::Str(many) = attribute
        && many.contains(',')
    {
        let mut keys = List::new();
        for one in many.split(',') {
            let v = path(run, item, &Value::from(one.trim()))?;
            keys.push(folded(&run.ready(v)?, fold));
        }
        return Ok(Value::from(keys));
    }
    let v = path(run, item, attribute)?;
    Ok(folded(&run.ready(v)?, fold))
}

fn folded(value: &Value, fold: bool) -> Value {
    match value {
        Value::Str(s) if fold => Value::from(s.to_lowercase()),
        other => other.clone(),
    }
}

/// Sorts with Python's order; fails where two items have none.
pub(crate) fn sort_values(list: &mut List, reverse: bool) -> Res<()> {
    sort_by(list, reverse, |v| v)
}

fn sort_by<T>(list: &mut [T], reverse: bool, key: impl Fn(&T) -> &Value) -> Res<()> {
    let mut failure = None;
    list.sort_by(|a, b| {
        let order = ops::order(key(a), key(b)).unwrap_or_else(|e| {
            failure.get_or_insert(e);
            Ordering::Equal
        });
        if reverse { order.reverse() } else { order }
    });
    failure.map_or(Ok(()), Err)
}

fn sort(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let reverse = args.flag(0, "reverse", false);
    let fold = !args.flag(1, "case_sensitive", false);
    let attribute = args.get(2, "attribute").filter(|a| !a.is_null());
    let mut keyed = Vec::new();
    for item in items(&value)? {
        keyed.push((key_of(run, &item, attribute, fold)?, item));
    }
    sort_by(&mut keyed, reverse, |(key, _)| key)?;
    Ok(Value::from(keyed.into_iter().map(|(_, item)| item).collect::<List>()))
}

fn extreme(run: &mut Run<'_>, value: Value, args: &Args, wanted: Ordering) -> Res<Value> {
    let fold = !args.flag(0, "case_sensitive", false);
    let attribute = args.get(1, "attribute").filter(|a| !a.is_null());
    let mut best: Option<(Value, Value)> = None;
    for item in items(&value)? {
        let key = key_of(run, &item, attribute, fold)?;
        let better = match &best {
            Some((known, _)) => ops::order(&key, known)? == wanted,
            None => true,
        };
        if better {
            best = Some((key, item));
        }
    }
    best.map(|(_, item)| item).ok_or_else(|| empty("item"))
}

fn sum(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let attribute = args.get(0, "attribute").filter(|a| !a.is_null());
    let mut total = args.get(1, "start").cloned().unwrap_or(Value::Int(0));
    for item in items(&value)? {
        let item = key_of(run, &item, attribute, false)?;
        // Lists are summed by concatenation when `start` is one.
        total = ops::arithmetic(crate::eval::ir::Op::Add, &total, &item)?;
    }
    Ok(total)
}

fn reverse(_: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    if let Value::Str(s) = &value {
        return Ok(Value::from(s.chars().rev().collect::<String>()));
    }
    let mut list = items(&value)?;
    list.reverse();
    Ok(Value::from(list))
}

/// A text that is the same for equal values, to find doubles without comparing all pairs.
fn fingerprint(value: &Value) -> String {
    match ops::Number::of(value) {
        Some(n) => format!("n{}", n.as_f64()),
        None => match value {
            Value::Map(map) => {
                let mut members: Vec<String> = map
                    .iter()
                    .map(|(k, v)| format!("{}:{}", fingerprint(&k.to_value()), fingerprint(v)))
                    .collect();
                members.sort_unstable();
                format!("m{}", members.join("\0"))
            }
            Value::List(items) => {
                format!("l{}", items.iter().map(fingerprint).collect::<Vec<_>>().join("\0"))
            }
            Value::Secret(s) => format!("s{}", s.reveal().unwrap_or_default()),
            Value::Str(s) => format!("s{s}"),
            other => format!("{other:?}"),
        },
    }
}

fn unique(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let attribute = args.get(1, "attribute").filter(|a| !a.is_null());
    let fold = !args.flag(0, "case_sensitive", false);
    let mut seen = HashSet::new();
    let mut out = List::new();
    for item in items(&value)? {
        let key = key_of(run, &item, attribute, fold)?;
        if seen.insert(fingerprint(&key)) {
            out.push(item);
        }
    }
    Ok(Value::from(out))
}

#[derive(Copy, Clone)]
enum Set {
    Union,
    Difference,
    Intersect,
    Symmetric,
}

fn sets(_: &mut Run<'_>, value: Value, args: &Args, how: Set) -> Res<Value> {
    let (left, right) = (items(&value)?, items(args.need(0, "other")?)?);
    let prints = |list: &List| list.iter().map(fingerprint).collect::<HashSet<_>>();
    let (in_left, in_right) = (prints(&left), prints(&right));
    let mut seen = HashSet::new();
    let mut out = List::new();
    let mut take = |list: List, keep: &dyn Fn(&String) -> bool| {
        for item in list {
            let print = fingerprint(&item);
            if keep(&print) && seen.insert(print) {
                out.push(item);
            }
        }
    };
    match how {
        Set::Union => {
            take(left, &|_| true);
            take(right, &|_| true);
        }
        Set::Difference => take(left, &|p| !in_right.contains(p)),
        Set::Intersect => take(left, &|p| in_right.contains(p)),
        Set::Symmetric => {
            take(left, &|p| !in_right.contains(p));
            take(right, &|p| !in_left.contains(p));
        }
    }
    Ok(Value::from(out))
}

/// Lists in lists made one, down to a depth; empty members dropped unless they are kept.
pub(crate) fn flatten(list: &List, levels: Option<i64>, skip_nulls: bool, out: &mut List) {
    for item in list {
        match item {
            Value::Null if skip_nulls => {}
            Value::Str(s) if skip_nulls && matches!(&**s, "None" | "null") => {}
            Value::List(inner) if levels.is_none_or(|l| l > 0) => {
                flatten(inner, levels.map(|l| l - 1), skip_nulls, out);
            }
            other => out.push(other.clone()),
        }
    }
}

fn flatten_filter(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let mut out = List::new();
    flatten(&items(&value)?, args.int(0, "levels")?, args.flag(1, "skip_nulls", true), &mut out);
    Ok(Value::from(out))
}

fn map(run: &mut Run<'_>, input: V, mut given: Given) -> Res<V> {
    let list = run.items(input)?;
    let mut out = Vec::with_capacity(list.len());
    // Behind a filter's name `attribute=` is that filter's own.
    let attribute = given.named.iter().position(|(n, _)| &**n == "attribute");
    if let Some(at) = attribute.filter(|_| given.pos.is_empty()) {
        let attribute = given.named.remove(at).1;
        let attribute = run.ready(attribute)?;
        let fallback = given.named.iter().find(|(n, _)| &**n == "default").map(|(_, v)| v.clone());
        for item in list {
            let item = run.data(item)?;
            out.push(match (path(run, &item, &attribute)?, &fallback) {
                (V::Undefined(_), Some(fallback)) => fallback.clone(),
                (v, _) => v,
            });
        }
        return run.gathered(out);
    }
    if given.pos.is_empty() {
        return Err(wrong("`map` needs a filter's name or `attribute=`"));
    }
    let name = given.pos.remove(0);
    let name = run.ready(name)?;
    let name = run.text(&name)?;
    let filter = super::find(&name).ok_or_else(|| super::missing(&name))?;
    for item in list {
        let args = Given { pos: given.pos.clone(), named: given.named.clone() };
        out.push(Run::soft(filter.call(run, item, args))?);
    }
    run.gathered(out)
}

fn select(run: &mut Run<'_>, input: V, mut given: Given, keep: bool, by_attribute: bool) -> Res<V> {
    let list = run.items(input)?;
    let attribute = match by_attribute {
        true if given.pos.is_empty() => return Err(wrong("needs the name of an attribute")),
        true => {
            let v = given.pos.remove(0);
            Some(run.ready(v)?)
        }
        false => None,
    };
    let test = match given.pos.is_empty() {
        true => None,
        false => {
            let name = given.pos.remove(0);
            let name = run.ready(name)?;
            let name = run.text(&name)?;
            Some(crate::eval::tests::find(&name).ok_or_else(|| crate::eval::tests::missing(&name))?)
        }
    };
    let mut out = Vec::new();
    for item in list {
        let subject = match &attribute {
            Some(attribute) => {
                let item = run.data(item.clone())?;
                path(run, &item, attribute)?
            }
            None => item.clone(),
        };
        let args = Given { pos: given.pos.clone(), named: given.named.clone() };
        let passes = match test {
            Some(test) => test(run, subject, args)?,
            None => run.truth(subject)?,
        };
        if passes == keep {
            out.push(item);
        }
    }
    run.gathered(out)
}

fn groupby(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let attribute = args.need(0, "attribute")?;
    let fallback = args.get(1, "default");
    let mut groups: Vec<(Value, List)> = Vec::new();
    for item in items(&value)? {
        let key = match (path(run, &item, attribute)?, fallback) {
            (V::Undefined(_), Some(fallback)) => fallback.clone(),
            (v, _) => run.ready(v)?,
        };
        match groups.iter_mut().find(|(k, _)| ops::equal(k, &key)) {
            Some((_, members)) => members.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    sort_by(&mut groups, false, |(key, _)| key)?;
    let pairs = groups.into_iter().map(|(key, members)| Value::from(vec![key, Value::from(members)]));
    Ok(Value::from(pairs.collect::<List>()))
}

/// A dict as a list of dicts with the given names for key and value.
pub(super) fn pairs(map: &Map, key_name: &str, value_name: &str) -> Value {
    let pair = |(k, v): (&crate::base::Key, &Value)| -> Value {
        [(key_name, k.to_value()), (value_name, v.clone())].into_iter().collect()
    };
    Value::from(map.iter().map(pair).collect::<List>())
}
