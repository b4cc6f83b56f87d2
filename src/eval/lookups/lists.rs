//! Lookups that only turn lists: `items`, `nested`, `subelements`, `sequence`, …

use super::Call;
use crate::base::{Key, List, Map, Value};
use crate::eval::error::{Res, lookup_failed};
use crate::eval::filters;
use crate::eval::pyformat;
use crate::eval::run::{Run, unknown};
use std::sync::Arc;

/// One level of lists opened.
pub(super) fn items(call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for term in call.terms {
        match term {
            Value::List(inner) => out.extend(inner.iter().cloned()),
            other => out.push(other.clone()),
        }
    }
    Ok(out)
}

pub(super) fn flattened(call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    filters::flatten(&call.terms.to_vec(), None, true, &mut out);
    Ok(out)
}

pub(super) fn dict(call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for term in &items(call)? {
        known(term)?;
        let map = term.as_map().ok_or_else(|| {
            lookup_failed(format!("the 'dict' lookup plugin expects a dictionary, got {}", term.type_name()))
        })?;
        let pair = |(k, v): (&Key, &Value)| -> Value {
            [("key", k.to_value()), ("value", v.clone())].into_iter().collect()
        };
        out.extend(map.iter().map(pair));
    }
    Ok(out)
}

/// What is taken apart here has to be known.
fn known(value: &Value) -> Res<()> {
    match value {
        Value::Unknown(why) => Err(unknown(Arc::clone(why))),
        _ => Ok(()),
    }
}

/// The terms as lists; a single list of lists is taken as the terms.
fn columns(call: &Call<'_>) -> Vec<List> {
    let one = |v: &Value| match v {
        Value::List(l) => (**l).clone(),
        Value::Null => List::new(),
        other => vec![other.clone()],
    };
    match call.terms {
        [Value::List(only)] if only.iter().all(|v| matches!(v, Value::List(_))) && !only.is_empty() => {
            only.iter().map(one).collect()
        }
        terms => terms.iter().map(one).collect(),
    }
}

pub(super) fn nested(call: &Call<'_>) -> Res<List> {
    call.terms.iter().try_for_each(known)?;
    let columns = columns(call);
    if columns.is_empty() {
        return Err(lookup_failed("needs at least one list"));
    }
    // A row may hold rows of an inner product; they are opened.
    let rows = filters::product(&columns)?;
    let open = |row: Value| {
        let mut flat = List::new();
        filters::flatten(row.as_list().unwrap_or(&List::new()), Some(1), false, &mut flat);
        Value::from(flat)
    };
    Ok(rows.into_iter().map(open).collect())
}

pub(super) fn together(call: &Call<'_>) -> Res<List> {
    call.terms.iter().try_for_each(known)?;
    let columns = columns(call);
    if columns.is_empty() {
        return Err(lookup_failed("with_together requires at least one element in each list"));
    }
    Ok(filters::together(&columns, Value::Null))
}

pub(super) fn subelements(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let terms = match call.terms {
        [Value::List(only)] => (**only).clone(),
        terms => terms.to_vec(),
    };
    let expects = |what: &str| {
        lookup_failed(format!("subelements lookup expects a list of two or three items, {what}"))
    };
    let [elements, path, flags @ ..] = terms.as_slice() else {
        return Err(expects("not fewer"));
    };
    known(elements)?;
    if !matches!((elements, path), (Value::List(_) | Value::Map(_), Value::Str(_))) {
        return Err(expects("first a dict or a list, second a string pointing to the subkey"));
    }
    // Of the flags Ansible reads the one it knows, whatever stands beside it.
    if flags.first().is_some_and(|f| f.as_map().is_none()) {
        return Err(expects("the optional third item must be a dict with flags ('skip_missing',)"));
    }
    let path: Vec<String> = run.text(path)?.split('.').map(str::to_owned).collect();
    let skip = flags.first().and_then(|f| f.get("skip_missing")).is_some_and(|v| match v {
        Value::Str(s) => filters::word_truth(s) == Some(true),
        v => v.truth() == Some(true),
    });
    // What a loop has registered of items that it skipped has nothing in it; so has a task that was skipped.
    let skipped = |item: &Value| item.get("skipped").is_some_and(|v| *v != Value::Bool(false));
    let ran: Value = match elements {
        Value::Map(_) if skipped(elements) => return Ok(List::new()),
        Value::Map(map) => map.values().filter(|v| !skipped(v)).cloned().collect::<List>().into(),
        Value::List(list) => list.iter().filter(|v| !skipped(v)).cloned().collect::<List>().into(),
        other => other.clone(),
    };
    let mut pairs = filters::subelements(&ran, &path, skip)?;
    for pair in &mut pairs {
        if let Value::List(pair) = pair
            && let Some(item) = Arc::make_mut(pair).first_mut()
        {
            without(item, &path);
        }
    }
    Ok(pairs)
}

/// Takes the list away that was gone through: it is the other half of each pair.
fn without(item: &mut Value, path: &[String]) {
    let (Value::Map(map), [key, below @ ..]) = (item, path) else { return };
    let map = Arc::make_mut(map);
    match below {
        [] => drop(map.shift_remove(key.as_str())),
        below => map.get_mut(key.as_str()).into_iter().for_each(|inner| without(inner, below)),
    }
}

pub(super) fn indexed(call: &Call<'_>) -> Res<List> {
    let pairs = items(call)?.into_iter().enumerate();
    Ok(pairs.map(|(i, v)| Value::from(vec![Value::from(i), v])).collect())
}

pub(super) fn random_choice(call: &Call<'_>) -> Res<List> {
    let list = items(call)?;
    if list.is_empty() {
        return Ok(list);
    }
    let at = rand::random::<u64>() % list.len() as u64;
    Ok(vec![list[usize::try_from(at).unwrap_or(0)].clone()])
}

/// `start=1 end=9 stride=2 format=host%02d`, or `[start-]end[/stride][:format]`.
pub(super) fn sequence(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut terms = call.texts(run)?;
    if terms.is_empty() {
        terms.push(String::new());
    }
    let mut out = List::new();
    for term in terms {
        let mut options = Map::new();
        for name in ["start", "end", "count", "stride", "format"] {
            if let Some(v) = call.option(name) {
                options.insert(name.into(), v.clone());
            }
        }
        if term.contains('=') {
            for word in crate::base::words::split(&term).map_err(|e| lookup_failed(e.to_string()))? {
                let (key, value) =
                    word.split_once('=').ok_or_else(|| lookup_failed(format!("`{word}` is no key=value")))?;
                if !matches!(key, "start" | "end" | "count" | "stride" | "format") {
                    return Err(lookup_failed(format!("unrecognized arguments to with_sequence: ['{key}']")));
                }
                options.insert(key.into(), value.into());
            }
        } else if !term.is_empty() {
            short_form(&term, &mut options)?;
        }
        one_sequence(run, &options, &mut out)?;
    }
    Ok(out)
}

fn short_form(term: &str, options: &mut Map) -> Res<()> {
    let (range, format) = term.split_once(':').map_or((term, None), |(r, f)| (r, Some(f)));
    let (range, stride) = range.split_once('/').map_or((range, None), |(r, s)| (r, Some(s)));
    let (start, end) = range.split_once('-').map_or((None, range), |(s, e)| (Some(s), e));
    for (key, value) in [("start", start), ("end", Some(end)), ("stride", stride), ("format", format)] {
        if let Some(value) = value {
            options.insert(key.into(), value.into());
        }
    }
    Ok(())
}

fn one_sequence(run: &mut Run<'_>, options: &Map, out: &mut List) -> Res<()> {
    let mut int = |name: &str| -> Res<Option<i64>> {
        let Some(v) = options.get(name) else { return Ok(None) };
        let text = run.text(v)?;
        let digits = text.trim();
        let parsed = match digits.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        parsed
            .map(Some)
            .map_err(|_| lookup_failed(format!("{name} has an invalid value: `{text}` is no int")))
    };
    let start = int("start")?.unwrap_or(1);
    let (end, count, stride) = (int("end")?, int("count")?, int("stride")?);
    let end = match (end, count) {
        (Some(end), None) => end,
        (None, Some(0)) => return Ok(()),
        (None, Some(count)) => start + (count - 1) * stride.unwrap_or(1),
        _ => {
            return Err(lookup_failed(match end {
                None => "must specify count or end in with_sequence",
                Some(_) => "can't specify both count and end in with_sequence",
            }));
        }
    };
    let stride = stride.unwrap_or(if end < start && count.is_none() { -1 } else { 1 });
    if stride == 0 || (end - start) / stride < 0 {
        return if start == end || stride == 0 {
            Ok(())
        } else {
            Err(lookup_failed("to count backwards make stride negative"))
        };
    }
    if (end - start) / stride > 1_000_000 {
        return Err(lookup_failed("is limited to 1,000,000 items"));
    }
    let format = match options.get("format") {
        Some(f) => run.text(f)?,
        None => "%d".into(),
    };
    let mut at = start;
    while if stride > 0 { at <= end } else { at >= end } {
        out.push(Value::from(pyformat::percent(run, &format, &Value::Int(at), false)?));
        at += stride;
    }
    Ok(())
}

/// `index_of(data, test, value, key=…)`.
pub(super) fn index_of(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    use crate::eval::expr::Given;
    use crate::eval::run::V;
    let pick = |at: usize, name: &str| call.terms.get(at).or_else(|| call.option(name)).cloned();
    let data = pick(0, "data").ok_or_else(|| lookup_failed("needs `data`"))?;
    let test = pick(1, "test").ok_or_else(|| lookup_failed("needs `test`"))?;
    let name = run.text(&test)?;
    let test = crate::eval::tests::find(&name).ok_or_else(|| crate::eval::tests::missing(&name))?;
    let value = pick(2, "value");
    let key = call.option_text(run, "key")?;
    let mut found = List::new();
    for (i, item) in data.as_list().ok_or_else(|| lookup_failed("`data` must be a list"))?.iter().enumerate()
    {
        let subject = match &key {
            Some(key) => run.item(V::Data(item.clone()), &Value::from(key.as_str()))?,
            None => V::Data(item.clone()),
        };
        let given = Given { pos: value.iter().cloned().map(V::Data).collect(), named: Vec::new() };
        if test(run, subject, given)? {
            found.push(Value::from(i));
        }
    }
    let wants_list = call.flag("wantlist", false);
    Ok(match (found.len(), wants_list) {
        (1, false) => found,
        _ => vec![Value::from(found)],
    })
}
