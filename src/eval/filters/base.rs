//! Filters about being there and being of a type: `default`, `mandatory`, `bool`, `int`, `ternary`, …

use super::FilterFn::{self, Deep, Raw, Shallow};
use crate::base::{List, Value};
use crate::eval::call::Args;
use crate::eval::error::{ErrorKind, EvalError, Res, wrong};
use crate::eval::expr::Given;
use crate::eval::ops::Number;
use crate::eval::run::{Run, V};

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("default", Raw(default)),
    ("d", Raw(default)),
    ("mandatory", Raw(mandatory)),
    ("type_debug", Raw(type_debug)),
    ("ternary", Raw(ternary)),
    ("bool", Deep(to_bool)),
    ("int", Deep(int)),
    ("float", Deep(float)),
    ("string", Deep(string)),
    ("list", Raw(list)),
    ("safe", Deep(|_, v, _| Ok(v))),
    ("attr", Raw(attr)),
    ("length", Shallow(length)),
    ("count", Shallow(length)),
];

fn argument(given: &Given, at: usize, name: &str) -> Option<V> {
    let by_name = || given.named.iter().find(|(n, _)| **n == *name).map(|(_, v)| v);
    given.pos.get(at).or_else(by_name).cloned()
}

fn default(run: &mut Run<'_>, input: V, given: Given) -> Res<V> {
    let fallback = argument(&given, 0, "default_value").unwrap_or_else(|| V::Data(Value::from("")));
    if matches!(input, V::Undefined(_)) {
        return Ok(fallback);
    }
    let also_false = match argument(&given, 1, "boolean") {
        Some(v) => run.truth(v)?,
        None => false,
    };
    if let V::Data(Value::Unknown(why)) = input {
        return Err(crate::eval::run::unknown(why));
    }
    if also_false && !run.truth(input.clone())? { Ok(fallback) } else { Ok(input) }
}

fn mandatory(run: &mut Run<'_>, input: V, given: Given) -> Res<V> {
    let V::Undefined(e) = input else { return Ok(input) };
    let message = match argument(&given, 0, "msg") {
        Some(v) => {
            let value = run.ready(v)?;
            run.text(&value)?
        }
        None => format!("Mandatory variable is not defined: {}", e.message),
    };
    Err(EvalError::new(ErrorKind::Mandatory, message))
}

fn type_debug(_: &mut Run<'_>, input: V, _: Given) -> Res<V> {
    Ok(V::Data(Value::from(match &input {
        V::Data(value) => value.type_name(),
        V::Undefined(_) => "AnsibleUndefined",
        V::Namespace(_) => "Namespace",
        V::AllHosts | V::AllVars | V::Host(_) => "dict",
        V::Macro(_) => "Macro",
        _ => "function",
    })))
}

fn ternary(run: &mut Run<'_>, input: V, given: Given) -> Res<V> {
    let pick = |at, name| argument(&given, at, name);
    if matches!(input, V::Data(Value::Null))
        && let Some(v) = pick(2, "none_val")
        && !matches!(v, V::Data(Value::Null))
    {
        return Ok(v);
    }
    let chosen = if run.truth(input)? { pick(0, "true_val") } else { pick(1, "false_val") };
    chosen.ok_or_else(|| wrong("`ternary` needs a value for true and one for false"))
}

/// The words that Ansible takes for a boolean, in any case.
pub(crate) fn word_truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "t" | "y" => Some(true),
        "false" | "no" | "off" | "0" | "f" | "n" => Some(false),
        _ => None,
    }
}

fn to_bool(_: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    Ok(match &value {
        Value::Bool(_) => value,
        Value::Int(i) => Value::Bool(*i == 1),
        Value::Float(x) => Value::Bool(*x == 1.0),
        Value::Str(s) => {
            let word = s.trim().to_ascii_lowercase();
            Value::Bool(matches!(word.as_str(), "yes" | "on" | "1" | "true" | "y" | "t"))
        }
        _ => Value::Bool(false),
    })
}

fn int(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let fallback = || args.get(0, "default").cloned().unwrap_or(Value::Int(0));
    let base = args.int(1, "base")?.and_then(|b| u32::try_from(b).ok()).unwrap_or(10);
    Ok(match &value {
        Value::Int(_) => value,
        Value::Bool(b) => Value::Int((*b).into()),
        Value::Float(x) if x.is_finite() => super::maths::whole(x.trunc())?,
        Value::Str(s) => text_int(s, base)?.unwrap_or_else(fallback),
        _ => fallback(),
    })
}

/// `None`: it is no number. One that does not fit is an error, never another number.
fn text_int(text: &str, base: u32) -> Res<Option<Value>> {
    let text = text.trim().replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(d) => (true, d),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let lower = digits.to_ascii_lowercase();
    let stripped = match (base, lower.get(..2)) {
        (16, Some("0x")) | (8, Some("0o")) | (2, Some("0b")) => &lower[2..],
        _ => &lower,
    };
    if !(2..=36).contains(&base) || stripped.starts_with(['+', '-']) {
        return Ok(None);
    }
    let signed = |x: f64| if negative { -x } else { x };
    let too_large = super::maths::too_large;
    match i128::from_str_radix(stripped, base) {
        Ok(i) => {
            let fits = i64::try_from(if negative { -i } else { i });
            fits.map(|i| Some(Value::Int(i))).map_err(|_| too_large())
        }
        Err(e) if *e.kind() == std::num::IntErrorKind::PosOverflow => Err(too_large()),
        Err(_) if base == 10 && stripped.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            let x = stripped.parse::<f64>().ok().filter(|x| x.is_finite());
            x.map(|x| super::maths::whole(signed(x).trunc())).transpose()
        }
        Err(_) => Ok(None),
    }
}

fn float(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let fallback = || args.get(0, "default").cloned().unwrap_or(Value::Float(0.0));
    Ok(match (&value, Number::of(&value)) {
        (_, Some(n)) => Value::Float(n.as_f64()),
        (Value::Str(s), _) => s.trim().parse().map_or_else(|_| fallback(), Value::Float),
        _ => fallback(),
    })
}

fn string(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    run.text(&value).map(Value::from)
}

fn list(run: &mut Run<'_>, input: V, _: Given) -> Res<V> {
    if let V::Sparse(_) = input {
        return Ok(input);
    }
    let value = run.force(input)?;
    Ok(V::Data(match &value {
        Value::List(_) => value,
        Value::Map(map) => Value::from(map.keys().map(|k| k.to_value()).collect::<List>()),
        Value::Str(s) => Value::from(s.chars().map(|c| Value::from(c.to_string())).collect::<List>()),
        other => return Err(wrong(format!("a {} cannot become a list", other.type_name()))),
    }))
}

fn length(_: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    Ok(Value::from(match &value {
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        Value::Str(s) => s.chars().count(),
        other => return Err(wrong(format!("a {} has no length", other.type_name()))),
    }))
}

fn attr(run: &mut Run<'_>, input: V, given: Given) -> Res<V> {
    let args = Args::of(run, given)?;
    let name = args.need_text(run, 0, "name")?;
    run.attr(input, &name.into())
}
