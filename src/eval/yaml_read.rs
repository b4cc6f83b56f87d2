//! YAML in: texts as values, with YAML 1.1's scalars as PyYAML resolves them.

use super::error::{Res, wrong};
use crate::base::{Key, List, Map, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::collections::HashMap;

/// The value that a plain scalar is in YAML 1.1, as PyYAML resolves it.
pub(crate) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    int(text).map(Value::Int).or_else(|| float(text).map(Value::Float)).unwrap_or_else(|| Value::from(text))
}

fn int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let clean = digits.replace('_', "");
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let radix =
        |prefix: &str, radix| clean.strip_prefix(prefix).and_then(|d| i64::from_str_radix(d, radix).ok());
    let magnitude = if clean == "0" {
        Some(0)
    } else if clean.starts_with("0b") {
        radix("0b", 2)
    } else if clean.starts_with("0x") {
        radix("0x", 16)
    } else if clean.starts_with('0') {
        radix("0", 8)
    } else if clean.contains(':') {
        let parts = clean.split(':').map(|p| p.parse::<i64>().ok()).collect::<Option<Vec<_>>>()?;
        let base60 = parts.len() > 1 && parts[1..].iter().all(|p| (0..60).contains(p));
        base60.then(|| parts.iter().fold(0, |sum, p| sum * 60 + p))
    } else {
        clean.parse().ok()
    }?;
    Some(sign * magnitude)
}

fn float(text: &str) -> Option<f64> {
    match text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str() {
        ".inf" => return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        ".nan" => return Some(f64::NAN),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, ""));
    let dotted = mantissa.contains('.');
    let numeric = mantissa.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'_');
    let signed = exponent.is_empty() || exponent.starts_with(['+', '-']);
    let begins = mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !(dotted && numeric && signed && begins && mantissa.bytes().any(|b| b.is_ascii_digit())) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// The first document of a text.
pub(crate) fn read(text: &str) -> Res<Value> {
    Ok(read_all(text)?.into_iter().next().unwrap_or_default())
}

/// All documents of a text.
pub(crate) fn read_all(text: &str) -> Res<List> {
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut documents = List::new();
    while let Some(event) = reader.next()? {
        if let Event::DocumentStart(_) = event {
            let first = reader.next()?.ok_or_else(|| wrong("the YAML ends too early"))?;
            documents.push(reader.node(first, 0)?);
        }
    }
    Ok(documents)
}

struct Reader<'i> {
    events: Parser<'i, saphyr_parser::StrInput<'i>>,
    anchors: HashMap<usize, Value>,
    nodes: usize,
}

impl<'i> Reader<'i> {
    fn next(&mut self) -> Res<Option<Event<'i>>> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, _))) => Ok(Some(event)),
            Some(Err(e)) => Err(wrong(format!("this text is no YAML: {e}"))),
        }
    }

    fn node(&mut self, event: Event<'i>, depth: usize) -> Res<Value> {
        self.nodes += 1;
        if depth > 200 || self.nodes > 5_000_000 {
            return Err(wrong("this YAML is nested too deeply or too large"));
        }
        let (value, anchor) = match event {
            Event::Alias(id) => return Ok(self.anchors.get(&id).cloned().unwrap_or_default()),
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref()), anchor),
            Event::SequenceStart(anchor, _) => {
                let mut items = List::new();
                loop {
                    match self.next()?.ok_or_else(|| wrong("the YAML ends too early"))? {
                        Event::SequenceEnd => break,
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
                (Value::from(items), anchor)
            }
            Event::MappingStart(anchor, _) => {
                let mut map = Map::new();
                let mut merged = Vec::new();
                loop {
                    let key = match self.next()?.ok_or_else(|| wrong("the YAML ends too early"))? {
                        Event::MappingEnd => break,
                        event => self.node(event, depth + 1)?,
                    };
                    let event = self.next()?.ok_or_else(|| wrong("the YAML ends too early"))?;
                    let value = self.node(event, depth + 1)?;
                    match super::ops::key(&key) {
                        Some(Key::Str(s)) if &*s == "<<" => merged.push(value),
                        Some(key) => {
                            map.insert(key, value);
                        }
                        None => return Err(wrong("a YAML key must be a simple value")),
                    }
                }
                for value in merged {
                    let layers = match value {
                        Value::List(l) => (*l).clone(),
                        one => vec![one],
                    };
                    for layer in layers.iter().filter_map(Value::as_map) {
                        for (k, v) in layer {
                            map.entry(k.clone()).or_insert_with(|| v.clone());
                        }
                    }
                }
                (Value::from(map), anchor)
            }
            _ => (Value::Null, 0),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    match (tag.map(|t| t.suffix.as_str()), style) {
        (Some("str"), _) => Value::from(text),
        (Some("int" | "float" | "bool" | "null"), _) | (None, ScalarStyle::Plain) => plain(text),
        _ => Value::from(text),
    }
}
