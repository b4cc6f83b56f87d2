//! The functions that every expression can call.

use super::call::Args;
use super::error::{ErrorKind, EvalError, Res, undefined, wrong};
use super::expr::Given;
use super::run::{Frame, Run, V};
use super::{lookups, methods};
use crate::base::{List, Map, Value};
use std::sync::{Arc, Mutex};

/// Names of the functions; a variable of the same name hides one.
pub(crate) const NAMES: &[&str] = &[
    "range",
    "dict",
    "lookup",
    "query",
    "q",
    "namespace",
    "now",
    "undef",
    "cycler",
    "joiner",
    "lipsum",
    "omit",
    "hostvars",
    "vars",
    "self",
];

pub(crate) fn find(name: &str) -> Option<V> {
    Some(match name {
        "omit" => V::Data(Value::Omit),
        "hostvars" => V::AllHosts,
        "vars" => V::AllVars,
        "self" => V::Blocks,
        _ => V::Global(NAMES.iter().find(|n| **n == name)?),
    })
}

pub(crate) fn call(run: &mut Run<'_>, name: &'static str, given: Given) -> Res<V> {
    match name {
        "namespace" => return namespace(run, given),
        "undef" => {
            let args = Args::of(run, given)?;
            let hint = args
                .text(run, 0, "hint")?
                .unwrap_or_else(|| "mandatory variable has not been overridden".into());
            return Ok(V::Undefined(Arc::new(*undefined("undef()", hint))));
        }
        _ => {}
    }
    let args = Args::of(run, given)?;
    Ok(V::Data(match name {
        "range" => range(&args)?,
        "dict" => dict(&args)?,
        "lookup" | "query" | "q" => return lookup(run, name, args),
        "now" => super::filters::time::now(run, &args)?,
        "cycler" if !args.pos.is_empty() => return Ok(V::Cycler(Arc::new((args.pos, Mutex::new(0))))),
        "joiner" => {
            let text = args.get(0, "sep").cloned().unwrap_or_else(|| Value::from(", "));
            return Ok(V::Joiner(Arc::new((text, Mutex::new(false)))));
        }
        _ => return Err(wrong(format!("`{name}` cannot be called like this"))),
    }))
}

fn namespace(run: &mut Run<'_>, given: Given) -> Res<V> {
    let mut frame = Frame::default();
    for v in given.pos {
        if let Value::Map(map) = run.force(v)? {
            for (key, value) in map.iter() {
                frame.set(key.to_string().into(), V::Data(value.clone()));
            }
        }
    }
    for (name, v) in given.named {
        frame.set(name, v);
    }
    Ok(V::Namespace(Arc::new(Mutex::new(frame))))
}

fn range(args: &Args) -> Res<Value> {
    let bounds = (0..args.pos.len()).map(|i| args.int(i, "bound")).collect::<Res<Vec<_>>>()?;
    let (start, stop, step) = match bounds.as_slice() {
        [Some(stop)] => (0, *stop, 1),
        [Some(start), Some(stop)] => (*start, *stop, 1),
        [Some(start), Some(stop), Some(step)] if *step != 0 => (*start, *stop, *step),
        _ => return Err(wrong("`range` needs stop, or start and stop, and a step that is not 0")),
    };
    if stop.saturating_sub(start) / step > 1_000_000 {
        return Err(wrong("`range` is limited to 1,000,000 items"));
    }
    let mut out = List::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        out.push(Value::Int(at));
        at += step;
    }
    Ok(Value::from(out))
}

fn dict(args: &Args) -> Res<Value> {
    let mut map = Map::new();
    match args.pos.first() {
        Some(Value::Map(base)) => map = (**base).clone(),
        Some(Value::List(pairs)) => {
            for pair in pairs.iter() {
                let (k, v) = methods::pair(pair)?;
                map.insert(k, v);
            }
        }
        Some(other) => return Err(wrong(format!("`dict` needs pairs, not {}", other.type_name()))),
        None => {}
    }
    map.extend(args.named.iter().map(|(k, v)| (k.clone().into(), v.clone())));
    Ok(Value::from(map))
}

fn lookup(run: &mut Run<'_>, how: &str, mut args: Args) -> Res<V> {
    if args.pos.is_empty() {
        return Err(wrong(format!("`{how}` needs the name of a lookup")));
    }
    let name = args.pos.remove(0);
    let name = run.text(&name)?;
    if run.distrusted {
        let message = format!(
            "the lookup `{name}` stands in text that was computed, and such text calls none; write the condition without `{{{{ }}}}`"
        );
        return Err(EvalError::new(ErrorKind::Lookup, message));
    }
    let mut take = |wanted: &str| {
        let at = args.named.iter().position(|(n, _)| &**n == wanted)?;
        Some(args.named.remove(at).1)
    };
    let wantlist = take("wantlist").is_some_and(|v| v.truth() == Some(true)) || how != "lookup";
    let errors = take("errors").and_then(|v| v.as_str().map(str::to_owned));
    let options: Map = args.named.drain(..).map(|(k, v)| (k.into(), v)).collect();
    let found = lookups::within(run, &name, &args.pos, &options);
    let items = match (found, errors.as_deref()) {
        (Ok(items), _) => items,
        (Err(e), Some("ignore" | "warn")) if !matches!(e.kind, ErrorKind::Unknown(_)) => {
            return Ok(V::Data(if wantlist { Value::from(List::new()) } else { Value::Null }));
        }
        (Err(e), _) => return Err(e),
    };
    if wantlist {
        return Ok(V::Data(Value::from(items)));
    }
    Ok(V::Data(match <[Value; 1]>::try_from(items) {
        Ok([one]) => one,
        Err(items) if items.iter().all(|i| matches!(i, Value::Str(_))) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Value::from(texts.join(","))
        }
        Err(items) => Value::from(items),
    }))
}

/// What a lookup that does not exist answers.
pub(crate) fn no_lookup(name: &str) -> Box<EvalError> {
    let near = crate::base::diag::nearest(name, lookups::NAMES.iter().copied());
    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    EvalError::new(ErrorKind::Lookup, format!("there is no lookup `{name}`{hint}"))
}
