//! Filters over numbers: rounding, powers, sizes, random choice.

use super::FilterFn::{self, Deep};
use super::lists::items;
use crate::base::Value;
use crate::eval::call::Args;
use crate::eval::error::{Fail, Res, wrong};
use crate::eval::ops::Number;
use crate::eval::python_random::Random;
use crate::eval::run::Run;

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("abs", Deep(abs)),
    ("round", Deep(round)),
    ("log", Deep(log)),
    ("pow", Deep(pow)),
    ("root", Deep(root)),
    ("random", Deep(random)),
    ("shuffle", Deep(shuffle)),
    ("human_readable", Deep(human_readable)),
    ("filesizeformat", Deep(filesizeformat)),
    ("human_to_bytes", Deep(human_to_bytes)),
];

fn number(value: &Value) -> Res<f64> {
    match (Number::of(value), value) {
        (Some(n), _) => Ok(n.as_f64()),
        (None, Value::Str(s)) if s.trim().parse::<f64>().is_ok() => Ok(s.trim().parse().unwrap_or(0.0)),
        _ => Err(wrong(format!("needs a number, not {}", value.type_name()))),
    }
}

/// A float without a fraction as a whole number.
pub(super) fn whole(x: f64) -> Res<Value> {
    // The largest that fits is not a float; the one above it is.
    if x.abs() < 9_223_372_036_854_775_808.0 { Ok(Value::Int(x as i64)) } else { Err(too_large()) }
}

pub(super) fn too_large() -> Fail {
    wrong("the number is too large (64 bits)")
}

fn abs(_: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    match Number::of(&value) {
        Some(Number::Int(i)) => i.checked_abs().map(Value::Int).ok_or_else(too_large),
        Some(Number::Float(x)) => Ok(Value::Float(x.abs())),
        None => Err(wrong(format!("needs a number, not {}", value.type_name()))),
    }
}

fn round(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    // A whole one is what it is, whatever digits a float would lose.
    if let (Value::Int(_), None) = (&value, args.text(run, 1, "method")?)
        && args.int(0, "precision")?.is_none_or(|digits| digits >= 0)
    {
        return Ok(value);
    }
    let x = number(&value)?;
    let precision = i32::try_from(args.int(0, "precision")?.unwrap_or(0)).unwrap_or(0);
    let scale = 10f64.powi(precision);
    let rounded = match args.text(run, 1, "method")?.as_deref() {
        Some("ceil") => (x * scale).ceil() / scale,
        Some("floor") => (x * scale).floor() / scale,
        // Through text, as the decimal nearest to the binary value decides.
        _ if precision >= 0 => format!("{x:.*}", precision.unsigned_abs() as usize).parse().unwrap_or(x),
        _ => (x * scale).round_ties_even() / scale,
    };
    Ok(if matches!(value, Value::Int(_)) && args.text(run, 1, "method")?.is_none() {
        whole(rounded)?
    } else {
        Value::Float(rounded)
    })
}

fn log(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let x = number(&value)?;
    if x <= 0.0 {
        return Err(wrong("the logarithm needs a positive number"));
    }
    Ok(Value::Float(match args.get(0, "base").map(number).transpose()? {
        Some(10.0) => x.log10(),
        Some(2.0) => x.log2(),
        Some(base) => x.ln() / base.ln(),
        None => x.ln(),
    }))
}

fn pow(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    Ok(Value::Float(number(&value)?.powf(number(args.need(0, "y")?)?)))
}

fn root(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let base = args.get(0, "base").map(number).transpose()?.unwrap_or(2.0);
    let x = number(&value)?;
    Ok(Value::Float(if base == 2.0 { x.sqrt() } else { x.powf(1.0 / base) }))
}

fn seeded(run: &mut Run<'_>, seed: Option<&Value>) -> Res<Random> {
    match seed {
        None | Some(Value::Null) => Ok(Random::of_int(rand::random())),
        Some(Value::Int(i)) => Ok(Random::of_int(i.unsigned_abs())),
        Some(other) => Ok(Random::of_text(&run.text(other)?)),
    }
}

fn random(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let mut source = seeded(run, args.get(2, "seed"))?;
    match &value {
        Value::Int(end) => {
            let start = args.int(0, "start")?.unwrap_or(0);
            let step = args.int(1, "step")?.unwrap_or(1);
            let count = if step > 0 { (end - start + step - 1).checked_div(step).unwrap_or(0) } else { 0 };
            let count = u64::try_from(count).ok().filter(|c| *c > 0);
            let count = count.ok_or_else(|| wrong("the range to choose from is empty"))?;
            let pick = i64::try_from(source.below(count)).unwrap_or(0);
            Ok(Value::Int(start + step * pick))
        }
        other => {
            let list = items(other)?;
            if list.is_empty() {
                return Err(wrong("there is nothing to choose from"));
            }
            let at = source.below(list.len() as u64);
            Ok(list[usize::try_from(at).unwrap_or(0)].clone())
        }
    }
}

fn shuffle(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let mut source = seeded(run, args.get(0, "seed"))?;
    let mut list = items(&value)?;
    for i in (1..list.len()).rev() {
        let j = usize::try_from(source.below(i as u64 + 1)).unwrap_or(0);
        list.swap(i, j);
    }
    Ok(Value::from(list))
}

const UNITS: [(char, f64); 8] = [
    ('Y', (1u128 << 80) as f64),
    ('Z', (1u128 << 70) as f64),
    ('E', (1u64 << 60) as f64),
    ('P', (1u64 << 50) as f64),
    ('T', (1u64 << 40) as f64),
    ('G', (1u64 << 30) as f64),
    ('M', (1u64 << 20) as f64),
    ('K', 1024.0),
];

fn human_readable(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let size = number(&value)?;
    let base = if args.flag(0, "isbits", false) { "bits" } else { "Bytes" };
    let unit = args.text(run, 1, "unit")?.map(|u| u.to_ascii_uppercase());
    let chosen = UNITS.iter().find(|(suffix, limit)| match &unit {
        Some(u) => u.starts_with(*suffix),
        None => size >= *limit,
    });
    Ok(Value::from(match chosen {
        Some((suffix, limit)) => {
            format!("{:.2} {suffix}{}", size / limit, if base == "bits" { "b" } else { "B" })
        }
        None => format!("{size:.2} {base}"),
    }))
}

fn filesizeformat(_: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let size = number(&value)?;
    let binary = args.flag(0, "binary", false);
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if size == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if size < base {
        return Ok(Value::from(format!("{size} Bytes")));
    }
    let mut power = 1;
    while size >= base.powi(power + 1) && power < 8 {
        power += 1;
    }
    let letter = ["k", "M", "G", "T", "P", "E", "Z", "Y"][usize::try_from(power - 1).unwrap_or(0)];
    let letter = if binary { letter.to_uppercase() + "i" } else { letter.to_owned() };
    Ok(Value::from(format!("{:.1} {letter}B", size / base.powi(power))))
}

fn human_to_bytes(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let bad = || wrong(format!("human_to_bytes() can't interpret the following string: {text}"));
    let size: f64 = trimmed[..end].parse().map_err(|_| bad())?;
    let unit = trimmed[end..].trim();
    let unit = if unit.is_empty() {
        args.text(run, 0, "default_unit")?.unwrap_or_default()
    } else {
        unit.to_owned()
    };
    let factor = match unit.chars().next().map(|c| c.to_ascii_uppercase()) {
        None | Some('B') => 1.0,
        Some(c) => UNITS.iter().find(|(u, _)| *u == c).map(|(_, f)| *f).ok_or_else(bad)?,
    };
    whole((size * factor).round())
}
