//! JSON and YAML in and out, with Python's layout.

use super::FilterFn::{self, Deep};
use crate::base::pyjson::Layout;
use crate::base::{PyRepr, Value};
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::Run;
use crate::eval::yaml;

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("to_json", Deep(|r, v, a| json(r, v, a, None))),
    ("tojson", Deep(to_sorted_json)),
    ("to_nice_json", Deep(|r, v, a| json(r, v, a, Some(4)))),
    ("from_json", Deep(from_json)),
    ("to_yaml", Deep(|r, v, a| to_yaml(r, v, a, false))),
    ("to_nice_yaml", Deep(|r, v, a| to_yaml(r, v, a, true))),
    ("from_yaml", Deep(from_yaml)),
    ("from_yaml_all", Deep(from_yaml_all)),
    ("pprint", Deep(|_, v, _| Ok(Value::from(PyRepr(&v).to_string())))),
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

fn json(run: &mut Run<'_>, value: Value, args: &Args, indent: Option<usize>) -> Res<Value> {
    run.note(&value)?;
    // Only the nice one sorts unless it is told otherwise.
    let nice = indent.is_some();
    let indent = args.int(0, "indent")?.and_then(|i| usize::try_from(i).ok()).or(indent);
    let mut layout = Layout {
        indent,
        sort: args.named("sort_keys").map_or(nice, |v| v.truth() == Some(true)),
        ascii: args.named("ensure_ascii").is_none_or(|v| v.truth() != Some(false)),
        clear: true,
        ..indent.map_or_else(Layout::default, Layout::indented)
    };
    if let Some(Value::List(pair)) = args.named("separators")
        && let [Value::Str(item), Value::Str(key)] = pair.as_slice()
    {
        (layout.item, layout.key) = (item.to_string(), key.to_string());
    }
    Ok(Value::from(layout.write(&value)))
}

/// Jinja's own: it sorts keys, and is safe inside of HTML.
fn to_sorted_json(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    run.note(&value)?;
    let indent = args.int(0, "indent")?.and_then(|i| usize::try_from(i).ok());
    let layout = indent.map_or_else(Layout::default, Layout::indented);
    let text = Layout { indent, sort: true, ascii: true, clear: true, ..layout }.write(&value);
    let safe = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    Ok(Value::from(safe.replace('\'', "\\u0027")))
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
