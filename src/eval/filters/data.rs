//! JSON and YAML in and out, with Python's layout.

use super::FilterFn::{self, Deep};
use crate::base::{Key, Value};
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::Run;
use crate::eval::{pyrepr, yaml};
use std::fmt::Write;

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("to_json", Deep(|r, v, a| json(r, v, a, None))),
    ("tojson", Deep(|r, v, a| json(r, v, a, None))),
    ("to_nice_json", Deep(|r, v, a| json(r, v, a, Some(4)))),
    ("from_json", Deep(from_json)),
    ("to_yaml", Deep(|r, v, a| to_yaml(r, v, a, false))),
    ("to_nice_yaml", Deep(|r, v, a| to_yaml(r, v, a, true))),
    ("from_yaml", Deep(from_yaml)),
    ("from_yaml_all", Deep(from_yaml_all)),
    ("pprint", Deep(|_, v, _| Ok(Value::from(pyrepr::PyRepr(&v).to_string())))),
];

/// JSON with secrets in clear, for what reads them inside the evaluation.
pub(super) fn clear_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as J;
    match value {
        Value::Secret(s) => J::String(s.reveal().unwrap_or_default().to_owned()),
        Value::List(l) => J::Array(l.iter().map(clear_json).collect()),
        Value::Map(m) => J::Object(m.iter().map(|(k, v)| (k.to_string(), clear_json(v))).collect()),
        other => other.to_json(),
    }
}

struct Layout {
    indent: Option<usize>,
    sort: bool,
    ascii: bool,
    item: String,
    key: String,
}

fn json(run: &mut Run<'_>, value: Value, args: &Args, indent: Option<usize>) -> Res<Value> {
    run.note(&value)?;
    // Only the nice one sorts unless it is told otherwise.
    let nice = indent.is_some();
    let indent = args.int(0, "indent")?.and_then(|i| usize::try_from(i).ok()).or(indent);
    let mut layout = Layout {
        indent,
        sort: args.named("sort_keys").map_or(nice, |v| v.truth() == Some(true)),
        ascii: args.named("ensure_ascii").is_none_or(|v| v.truth() != Some(false)),
        item: if indent.is_some() { ",".into() } else { ", ".into() },
        key: ": ".into(),
    };
    if let Some(Value::List(pair)) = args.named("separators")
        && let [Value::Str(item), Value::Str(key)] = pair.as_slice()
    {
        (layout.item, layout.key) = (item.to_string(), key.to_string());
    }
    let mut out = String::new();
    write_json(&value, &layout, 0, &mut out);
    Ok(Value::from(out))
}

fn write_json(value: &Value, layout: &Layout, depth: usize, out: &mut String) {
    let newline = |out: &mut String, depth: usize| {
        if let Some(width) = layout.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', width * depth));
        }
    };
    match value {
        Value::Null | Value::Omit => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::Float(x) => out.push_str(&match pyrepr::float(*x).as_str() {
            "nan" => "NaN".to_owned(),
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            text => text.to_owned(),
        }),
        Value::Str(s) => write_json_text(s, layout.ascii, out),
        Value::Template(t) => write_json_text(&t.text, layout.ascii, out),
        Value::Secret(s) => write_json_text(s.reveal().unwrap_or_default(), layout.ascii, out),
        Value::Unknown(why) => write_json_text(&format!("(known after: {why})"), layout.ascii, out),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::Map(map) if map.is_empty() => out.push_str("{}"),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { &layout.item } else { "" });
                newline(out, depth + 1);
                write_json(item, layout, depth + 1, out);
            }
            newline(out, depth);
            out.push(']');
        }
        Value::Map(map) => {
            let mut members: Vec<(&Key, &Value)> = map.iter().collect();
            if layout.sort {
                members.sort_by_key(|a| a.0.to_string());
            }
            out.push('{');
            for (i, (key, item)) in members.into_iter().enumerate() {
                out.push_str(if i > 0 { &layout.item } else { "" });
                newline(out, depth + 1);
                write_json_text(&json_key(key), layout.ascii, out);
                out.push_str(&layout.key);
                write_json(item, layout, depth + 1, out);
            }
            newline(out, depth);
            out.push('}');
        }
    }
}

fn json_key(key: &Key) -> String {
    match key {
        Key::Null => "null".into(),
        Key::Bool(b) => b.to_string(),
        other => other.to_string(),
    }
}

fn write_json_text(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || (ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn from_json(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    match &value {
        Value::Str(text) => {
            let json: serde_json::Value =
                serde_json::from_str(text).map_err(|e| wrong(format!("this text is no JSON: {e}")))?;
            Ok(Value::from_json(&json))
        }
        Value::List(_) | Value::Map(_) => Err(wrong(format!("needs a str, not {}", value.type_name()))),
        other => {
            let text = run.text(other)?;
            serde_json::from_str::<serde_json::Value>(&text)
                .map(|j| Value::from_json(&j))
                .map_err(|e| wrong(format!("this text is no JSON: {e}")))
        }
    }
}

fn to_yaml(run: &mut Run<'_>, value: Value, args: &Args, nice: bool) -> Res<Value> {
    run.note(&value)?;
    let int = |at, name| args.int(at, name).map(|i| i.and_then(|i| usize::try_from(i).ok()));
    let layout = yaml::Layout {
        // `to_nice_yaml` takes its indent first; both write blocks where there are nested ones.
        indent: if nice { int(0, "indent")?.unwrap_or(4) } else { int(9, "indent")?.unwrap_or(2) },
        flow: match args.named("default_flow_style") {
            Some(Value::Null) => yaml::Flow::Leaves,
            Some(v) if v.truth() == Some(true) => yaml::Flow::Always,
            Some(_) => yaml::Flow::Never,
            None if nice => yaml::Flow::Never,
            None => yaml::Flow::Leaves,
        },
        sort: args.named("sort_keys").is_none_or(|v| v.truth() != Some(false)),
        width: int(9, "width")?.unwrap_or(80),
        start: args.named("explicit_start").is_some_and(|v| v.truth() == Some(true)),
        end: args.named("explicit_end").is_some_and(|v| v.truth() == Some(true)),
        unicode: args.named("allow_unicode").is_none_or(|v| v.truth() != Some(false)),
        style: args.named("default_style").and_then(|v| v.as_str()).and_then(|s| s.chars().next()),
    };
    Ok(Value::from(yaml::write(&value, &layout)))
}

fn from_yaml(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    if matches!(value, Value::List(_) | Value::Map(_)) {
        return Ok(value);
    }
    let text = run.text(&value)?;
    yaml::read(&text)
}

fn from_yaml_all(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    Ok(Value::from(yaml::read_all(&text)?))
}
