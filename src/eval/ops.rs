//! Python's operators on values: arithmetic, comparison, membership, slices.

use super::error::{Res, wrong};
use super::ir::{Cmp, Op};
use crate::base::pyrepr::text_into;
use crate::base::{Key, List, Value};
use std::cmp::Ordering;

/// A number of either kind; booleans count as 0 and 1, as in Python.
#[derive(Copy, Clone)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Int(i) => Some(Number::Int(*i)),
            Value::Bool(b) => Some(Number::Int((*b).into())),
            Value::Float(x) => Some(Number::Float(*x)),
            _ => None,
        }
    }

    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(i) => i as f64,
            Number::Float(x) => x,
        }
    }
}

fn symbol(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::FloorDiv => "//",
        Op::Rem => "%",
        Op::Pow => "**",
    }
}

/// `left op right` for everything but text formatting with `%`.
pub(crate) fn arithmetic(op: Op, left: &Value, right: &Value) -> Res<Value> {
    if let (Some(l), Some(r)) = (Number::of(left), Number::of(right)) {
        return numbers(op, l, r);
    }
    let subtract = op == Op::Sub;
    if let (true, Value::Str(a), Value::Str(b)) = (subtract || op == Op::Add, left, right)
        && let Some(made) = super::moments::arithmetic(subtract, a, b)
    {
        return Ok(made);
    }
    match (op, left, right) {
        (Op::Add, Value::Str(a), Value::Str(b)) => Ok(Value::from(format!("{a}{b}"))),
        (Op::Add, Value::List(a), Value::List(b)) => {
            Ok(Value::from(a.iter().chain(b.iter()).cloned().collect::<List>()))
        }
        (Op::Mul, Value::Str(s), Value::Int(n)) | (Op::Mul, Value::Int(n), Value::Str(s)) => {
            let times = usize::try_from(*n).unwrap_or(0);
            if s.len().saturating_mul(times) > 100_000_000 {
                return Err(wrong("the repeated text would be longer than 100 MB"));
            }
            Ok(Value::from(s.repeat(times)))
        }
        (Op::Mul, Value::List(l), Value::Int(n)) | (Op::Mul, Value::Int(n), Value::List(l)) => {
            let times = usize::try_from(*n).unwrap_or(0);
            if l.len().saturating_mul(times) > 10_000_000 {
                return Err(wrong("the repeated list would have more than 10,000,000 items"));
            }
            Ok(Value::from((0..times).flat_map(|_| l.iter().cloned()).collect::<List>()))
        }
        _ => Err(mismatch(symbol(op), left, right)),
    }
}

fn mismatch(op: &str, left: &Value, right: &Value) -> super::error::Fail {
    wrong(format!("`{op}` cannot be used between {} and {}", left.type_name(), right.type_name()))
}

fn numbers(op: Op, left: Number, right: Number) -> Res<Value> {
    let zero = || wrong("division by zero");
    if let (Number::Int(a), Number::Int(b)) = (left, right) {
        let whole = match op {
            Op::Add => a.checked_add(b),
            Op::Sub => a.checked_sub(b),
            Op::Mul => a.checked_mul(b),
            Op::Div if b == 0 => return Err(zero()),
            Op::Div => return Ok(Value::Float(a as f64 / b as f64)),
            Op::FloorDiv | Op::Rem if b == 0 => return Err(zero()),
            Op::FloorDiv => {
                a.checked_div(b).map(|q| if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
            }
            Op::Rem => a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }),
            Op::Pow if b < 0 => return Ok(Value::Float((a as f64).powf(b as f64))),
            Op::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        };
        return whole.map(Value::Int).ok_or_else(|| wrong("the number is too large (64 bits)"));
    }
    let (a, b) = (left.as_f64(), right.as_f64());
    Ok(Value::Float(match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div | Op::FloorDiv | Op::Rem if b == 0.0 => return Err(zero()),
        Op::Div => a / b,
        Op::FloorDiv => (a / b).floor(),
        Op::Rem => a - b * (a / b).floor(),
        Op::Pow => a.powf(b),
    }))
}

pub(crate) fn negate(value: &Value) -> Res<Value> {
    match Number::of(value) {
        Some(Number::Int(i)) => {
            i.checked_neg().map(Value::Int).ok_or_else(|| wrong("the number is too large (64 bits)"))
        }
        Some(Number::Float(x)) => Ok(Value::Float(-x)),
        None => Err(wrong(format!("`-` cannot be used before {}", value.type_name()))),
    }
}

/// Python's `==`: numbers by value whatever their kind, containers by their members.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(x, y)| equal(x, y))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(k, x)| b.get(k).is_some_and(|y| equal(x, y)))
        }
        (Value::Secret(a), Value::Str(b)) => a.reveal() == Ok(&**b),
        (Value::Str(a), Value::Secret(b)) => b.reveal() == Ok(&**a),
        _ => match (Number::of(left), Number::of(right)) {
            (Some(Number::Int(a)), Some(Number::Int(b))) => a == b,
            (Some(a), Some(b)) => a.as_f64() == b.as_f64(),
            _ => left == right,
        },
    }
}

/// Python's ordering; an error between types that have none.
pub(crate) fn order(left: &Value, right: &Value) -> Res<Ordering> {
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => Ok(a.cmp(b)),
        (Value::List(a), Value::List(b)) => {
            for (x, y) in a.iter().zip(b.iter()) {
                if !equal(x, y) {
                    return order(x, y);
                }
            }
            Ok(a.len().cmp(&b.len()))
        }
        _ => match (Number::of(left), Number::of(right)) {
            (Some(Number::Int(a)), Some(Number::Int(b))) => Ok(a.cmp(&b)),
            (Some(a), Some(b)) => Ok(a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)),
            _ => Err(mismatch("<", left, right)),
        },
    }
}

pub(crate) fn compare(op: Cmp, left: &Value, right: &Value) -> Res<bool> {
    Ok(match op {
        Cmp::Eq => equal(left, right),
        Cmp::Ne => !equal(left, right),
        Cmp::Lt => order(left, right)?.is_lt(),
        Cmp::Le => order(left, right)?.is_le(),
        Cmp::Gt => order(left, right)?.is_gt(),
        Cmp::Ge => order(left, right)?.is_ge(),
        Cmp::In => contains(right, left)?,
        Cmp::NotIn => !contains(right, left)?,
    })
}

/// `needle in hay`.
pub(crate) fn contains(hay: &Value, needle: &Value) -> Res<bool> {
    match hay {
        Value::List(items) => Ok(items.iter().any(|i| equal(i, needle))),
        Value::Map(map) => Ok(key(needle).is_some_and(|k| map.contains_key(&k))),
        Value::Str(text) => match needle {
            Value::Str(part) => Ok(text.contains(&**part)),
            other => Err(wrong(format!("`in` a str needs a str on its left, not {}", other.type_name()))),
        },
        other => {
            Err(wrong(format!("`in` needs a list, dict or str on its right, not {}", other.type_name())))
        }
    }
}

/// A value as a map's key, where it can be one.
pub(crate) fn key(value: &Value) -> Option<Key> {
    Some(match value {
        Value::Null => Key::Null,
        Value::Bool(b) => Key::Bool(*b),
        Value::Int(i) => Key::Int(*i),
        Value::Float(x) if x.fract() == 0.0 => Key::Int(*x as i64),
        Value::Str(s) => Key::Str(s.clone()),
        Value::Secret(s) => Key::from(s.reveal().ok()?),
        Value::Float(_) | Value::List(_) => {
            let mut text = String::new();
            text_into(value, true, &mut text);
            Key::from(text)
        }
        _ => return None,
    })
}

/// `value[start:stop:step]`.
pub(crate) fn slice(value: &Value, bounds: [Option<i64>; 3]) -> Res<Value> {
    match value {
        Value::List(items) => {
            Ok(Value::from(picks(items.len(), bounds)?.map(|i| items[i].clone()).collect::<List>()))
        }
        Value::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            Ok(Value::from(picks(chars.len(), bounds)?.map(|i| chars[i]).collect::<String>()))
        }
        other => Err(wrong(format!("{} cannot be sliced", other.type_name()))),
    }
}

fn picks(length: usize, [start, stop, step]: [Option<i64>; 3]) -> Res<impl Iterator<Item = usize>> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(wrong("a slice's step cannot be 0"));
    }
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(b) if b < 0 => (b + length).clamp(low, high),
        Some(b) => b.clamp(low, high),
    };
    let start = clamp(start, if step > 0 { low } else { high });
    let stop = clamp(stop, if step > 0 { high } else { low });
    let mut at = start;
    Ok(std::iter::from_fn(move || {
        let inside = if step > 0 { at < stop } else { at > stop };
        let now = usize::try_from(at).ok().filter(|_| inside)?;
        at = at.saturating_add(step);
        Some(now)
    }))
}
