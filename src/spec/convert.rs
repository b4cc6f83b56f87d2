//! Values made to fit an argument's type, the way Ansible makes them fit.

use super::ArgType;
use crate::base::pyrepr::text_into;
use crate::base::{Key, List, Map, Secret, Value, pyjson};

const TRUE: [&str; 7] = ["y", "yes", "on", "1", "true", "t", "1.0"];
const FALSE: [&str; 7] = ["n", "no", "off", "0", "false", "f", "0.0"];

/// `value` as `kind`. The error reads after "argument `x` ".
pub fn convert(kind: ArgType, value: &Value) -> Result<Value, String> {
    match value {
        Value::Null | Value::Unknown(_) | Value::Omit | Value::Template(_) => return Ok(value.clone()),
        Value::Secret(secret) => return convert_secret(kind, secret),
        _ => {}
    }
    match kind {
        ArgType::Raw => Ok(value.clone()),
        ArgType::Str => string(value),
        ArgType::Path => path(value),
        ArgType::Bool => boolean(value),
        ArgType::Int => integer(value).map(Value::Int),
        ArgType::Float => float(value),
        ArgType::List => Ok(list(value)?),
        ArgType::Dict => dict(value),
        ArgType::Mode => mode(value),
        ArgType::Bytes => bytes(value),
        ArgType::Json => Ok(match value {
            Value::List(_) | Value::Map(_) => as_secret_as(value, pyjson::dumps(value)),
            other => string(other)?,
        }),
    }
}

/// Text stays secret; what is not text can only be had by reading the secret.
fn convert_secret(kind: ArgType, secret: &Secret) -> Result<Value, String> {
    let plain = secret.reveal().map_err(|why| format!("cannot be read: {why}"))?;
    match kind {
        ArgType::Str | ArgType::Raw | ArgType::Path | ArgType::Json => Ok(Value::Secret(secret.clone())),
        ArgType::List => Ok(Value::from(vec![Value::Secret(secret.clone())])),
        _ => {
            convert(kind, &Value::from(plain)).map_err(|_| format!("is a secret that is not {}", kind.noun()))
        }
    }
}

impl ArgType {
    /// With its article, for messages.
    pub fn noun(self) -> &'static str {
        match self {
            ArgType::Str => "a string",
            ArgType::Bool => "a boolean",
            ArgType::Int => "a whole number",
            ArgType::Float => "a number",
            ArgType::List => "a list",
            ArgType::Dict => "a mapping",
            ArgType::Path => "a path",
            ArgType::Raw => "any value",
            ArgType::Mode => "a file mode",
            ArgType::Bytes => "a size",
            ArgType::Json => "JSON",
        }
    }
}

fn wrong(kind: ArgType, value: &Value) -> String {
    format!("must be {}, not {}", kind.noun(), shown(value))
}

/// A value in a message: short, secrets hidden.
pub fn shown(value: &Value) -> String {
    let text = value.to_json().to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}… ({})", &text[..at], value.type_name()),
        None => format!("{text} ({})", value.type_name()),
    }
}

/// As Python's `str()` writes it, secrets in clear; nothing for null.
pub fn to_text(value: &Value) -> String {
    let mut text = String::new();
    if !value.is_null() {
        text_into(value, true, &mut text);
    }
    text
}

/// The text made of `value`: a secret where it holds one.
fn as_secret_as(value: &Value, text: String) -> Value {
    if holds_secret(value) { Value::Secret(Secret::new(text)) } else { Value::from(text) }
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Secret(_) => true,
        Value::List(list) => list.iter().any(holds_secret),
        Value::Map(map) => map.values().any(holds_secret),
        _ => false,
    }
}

fn string(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::Str(_) => value.clone(),
        other => as_secret_as(other, to_text(other)),
    })
}

/// `~` and a leading `$HOME` mean the host's, so they are left to the host.
fn path(value: &Value) -> Result<Value, String> {
    match value {
        Value::List(_) | Value::Map(_) => Err(wrong(ArgType::Path, value)),
        Value::Str(text) => {
            let below = text.strip_prefix("$HOME").or_else(|| text.strip_prefix("${HOME}"));
            Ok(match below.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                Some(rest) => format!("~{rest}").into(),
                None => value.clone(),
            })
        }
        other => string(other),
    }
}

fn boolean(value: &Value) -> Result<Value, String> {
    let text = to_text(value).trim().to_lowercase();
    match value {
        Value::Bool(_) => Ok(value.clone()),
        _ if TRUE.contains(&text.as_str()) => Ok(Value::Bool(true)),
        _ if FALSE.contains(&text.as_str()) => Ok(Value::Bool(false)),
        _ => Err(wrong(ArgType::Bool, value)),
    }
}

fn integer(value: &Value) -> Result<i64, String> {
    let whole = |f: f64| (f.fract() == 0.0 && f.abs() < 9e15).then_some(f as i64);
    match value {
        Value::Int(i) => Some(*i),
        Value::Bool(b) => Some(i64::from(*b)),
        Value::Float(f) => whole(*f),
        Value::Str(s) => s.trim().parse().ok().or_else(|| s.trim().parse().ok().and_then(whole)),
        _ => None,
    }
    .ok_or_else(|| wrong(ArgType::Int, value))
}

fn float(value: &Value) -> Result<Value, String> {
    match value {
        Value::Float(f) => Some(*f),
        Value::Int(i) => Some(*i as f64),
        Value::Str(s) => s.trim().parse().ok(),
        _ => None,
    }
    .map(Value::Float)
    .ok_or_else(|| wrong(ArgType::Float, value))
}

/// A string is split at commas; a number is a list of one.
fn list(value: &Value) -> Result<Value, String> {
    match value {
        Value::List(_) => Ok(value.clone()),
        Value::Str(s) => Ok(Value::from(s.split(',').map(Value::from).collect::<List>())),
        Value::Int(_) | Value::Float(_) => Ok(Value::from(vec![Value::from(to_text(value))])),
        _ => Err(wrong(ArgType::List, value)),
    }
}

/// A string is JSON, or `k=v` words parted by commas or blanks.
fn dict(value: &Value) -> Result<Value, String> {
    match value {
        Value::Map(_) => Ok(value.clone()),
        Value::Str(s) if s.trim_start().starts_with('{') => match serde_json::from_str(s) {
            Ok(json) => Ok(Value::from_json(&json)),
            Err(e) => Err(format!("must be a mapping: {e}")),
        },
        Value::Str(s) if s.contains('=') => {
            let pairs = key_values(s);
            pairs.map(Value::from).ok_or_else(|| wrong(ArgType::Dict, value))
        }
        _ => Err(wrong(ArgType::Dict, value)),
    }
}

fn key_values(text: &str) -> Option<Map> {
    let mut fields: Vec<String> = Vec::new();
    let (mut field, mut quote, mut escaped) = (String::new(), None, false);
    for c in text.trim().chars() {
        match (c, quote) {
            _ if escaped => {
                field.push(c);
                escaped = false;
            }
            ('\\', _) => escaped = true,
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (',' | ' ', None) if !field.is_empty() => fields.push(std::mem::take(&mut field)),
            (',' | ' ', None) => {}
            (c, _) => field.push(c),
        }
    }
    if !field.is_empty() {
        fields.push(field);
    }
    let pair = |f: String| f.split_once('=').map(|(k, v)| (Key::from(k), Value::from(v)));
    fields.into_iter().map(pair).collect()
}

/// Canonical: `0644` (at least four octal digits) or symbolic text.
fn mode(value: &Value) -> Result<Value, String> {
    let octal = |bits: i64| Value::from(format!("{bits:04o}"));
    match value {
        Value::Int(bits) if (0..=0o7777).contains(bits) => Ok(octal(*bits)),
        Value::Str(s) if s.trim().bytes().all(|b| b.is_ascii_digit()) && !s.trim().is_empty() => {
            match i64::from_str_radix(s.trim(), 8) {
                Ok(bits) if bits <= 0o7777 => Ok(octal(bits)),
                _ => Err(wrong(ArgType::Mode, value)),
            }
        }
        Value::Str(s) => match s.trim().strip_prefix("0o").and_then(|o| i64::from_str_radix(o, 8).ok()) {
            Some(bits) if bits <= 0o7777 => Ok(octal(bits)),
            Some(_) => Err(wrong(ArgType::Mode, value)),
            None if s.trim() == "preserve" || symbolic(s) => Ok(value.clone()),
            None => Err(wrong(ArgType::Mode, value)),
        },
        _ => Err(wrong(ArgType::Mode, value)),
    }
}

fn symbolic(text: &str) -> bool {
    !text.trim().is_empty()
        && text.split(',').all(|clause| {
            let clause = clause.trim();
            let at = clause.find(['+', '-', '=']).unwrap_or(clause.len());
            let (who, what) = clause.split_at(at);
            at < clause.len()
                && who.chars().all(|c| "ugoa".contains(c))
                && what.chars().all(|c| "+-=rwxXstugo".contains(c))
        })
}

/// Bytes as a number: `10M`, `1.5 GiB`, `512`; units are powers of 1024, a `b` at the end means bits.
fn bytes(value: &Value) -> Result<Value, String> {
    let text = to_text(value);
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (text[..digits].parse::<f64>(), text[digits..].trim());
    let Ok(number) = number else { return Err(wrong(ArgType::Bytes, value)) };
    let power = match unit.chars().next().map(|c| c.to_ascii_uppercase()) {
        None | Some('B') => 0,
        Some(c) => match "KMGTPEZY".find(c) {
            Some(at) => at as i32 + 1,
            None => return Err(wrong(ArgType::Bytes, value)),
        },
    };
    let bits = unit.len() > 1 && unit.ends_with('b');
    let total = number * 1024f64.powi(power) / if bits { 8.0 } else { 1.0 };
    Ok(Value::Int(total.round() as i64))
}

/// A value as Ansible's booleans are read; `None` where it is none.
pub fn to_bool(value: &Value) -> Option<bool> {
    match boolean(value) {
        Ok(Value::Bool(b)) => Some(b),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_a_secret_becomes_a_secret() {
        let map = Value::from_iter([("a", Value::Secret(Secret::new("x y")))]);
        for (kind, text) in [(ArgType::Str, "{'a': 'x y'}"), (ArgType::Json, r#"{"a": "x y"}"#)] {
            match convert(kind, &map) {
                Ok(Value::Secret(secret)) => assert_eq!(secret.reveal(), Ok(text)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn scalars_become_what_the_type_asks() {
        use ArgType::*;
        let cases: &[(ArgType, Value, Option<Value>)] = &[
            (Bool, "yes".into(), Some(true.into())),
            (Bool, "Off".into(), Some(false.into())),
            (Bool, 1.into(), Some(true.into())),
            (Bool, "maybe".into(), None),
            (Int, "22".into(), Some(22.into())),
            (Int, "x".into(), None),
            (Int, Value::Float(3.0), Some(3.into())),
            (Int, Value::Float(3.5), None),
            (Float, "1.5".into(), Some(Value::Float(1.5))),
            (Str, true.into(), Some("True".into())),
            (Str, 5.into(), Some("5".into())),
            (Str, Value::from_iter([("a", 1)]), Some("{'a': 1}".into())),
            (Json, Value::from_iter([("a", "é")]), Some(r#"{"a": "\u00e9"}"#.into())),
            (Json, true.into(), Some("True".into())),
            (Mode, 420.into(), Some("0644".into())),
            (Mode, "644".into(), Some("0644".into())),
            (Mode, "01777".into(), Some("1777".into())),
            (Mode, "u=rw,g-w,o=".into(), Some("u=rw,g-w,o=".into())),
            (Mode, "rw-r--r--".into(), None),
            (Mode, "99".into(), None),
            (Bytes, "10M".into(), Some(10_485_760.into())),
            (Bytes, "1.5 KiB".into(), Some(1536.into())),
            (List, "a,b".into(), Some(Value::from(vec!["a".into(), "b".into()]))),
            (List, 5.into(), Some(Value::from(vec!["5".into()]))),
            (Dict, "a=1, b='x y'".into(), Some(Value::from_iter([("a", "1"), ("b", "x y")]))),
            (Dict, "{\"a\": 1}".into(), Some(Value::from_iter([("a", 1)]))),
            (Dict, "plain".into(), None),
            (Path, "~/x".into(), Some("~/x".into())),
            (Path, "$HOME/x".into(), Some("~/x".into())),
            (Path, "${HOME}".into(), Some("~".into())),
            (Path, "$HOMES/x".into(), Some("$HOMES/x".into())),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(convert(*kind, value).ok().as_ref(), expected.as_ref(), "{kind:?} of {value:?}");
        }
    }

    #[test]
    fn a_secret_stays_secret_and_a_locked_one_is_an_error() {
        let secret = Value::Secret(Secret::new("hunter2"));
        assert_eq!(convert(ArgType::Str, &secret), Ok(secret.clone()));
        let error = convert(ArgType::Int, &secret).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let locked = Value::Secret(Secret::locked("no vault password"));
        assert!(convert(ArgType::Str, &locked).unwrap_err().contains("no vault password"));
    }
}
