//! Values as Python's `json.dumps` writes them.

use super::{HIDDEN, Key, Value, pyrepr};
use std::fmt::Write;

/// How it is laid out; by default on one line, `{"a": 1, "b": [2, 3]}`, in ASCII.
pub struct Layout {
    /// Blanks for each level; `None`: all on one line.
    pub indent: Option<usize>,
    /// Members of mappings by their names.
    pub sort: bool,
    /// What is not ASCII is escaped.
    pub ascii: bool,
    /// Between two items.
    pub item: String,
    /// Between a member's name and its value.
    pub key: String,
    /// Secrets stand in it as they are, and not as [`HIDDEN`].
    pub clear: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Layout { indent: None, sort: false, ascii: true, item: ", ".into(), key: ": ".into(), clear: false }
    }
}

impl Layout {
    /// An item on each line.
    pub fn indented(width: usize) -> Layout {
        Layout { indent: Some(width), item: ",".into(), ..Layout::default() }
    }

    /// The text of a value.
    pub fn write(&self, value: &Value) -> String {
        let mut out = String::new();
        write(value, self, 0, &mut out);
        out
    }
}

/// `json.dumps(value)`; secrets stand in it in clear.
pub fn dumps(value: &Value) -> String {
    Layout { clear: true, ..Layout::default() }.write(value)
}

fn write(value: &Value, layout: &Layout, depth: usize, out: &mut String) {
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
        Value::Str(s) => write_text(s, layout.ascii, out),
        Value::Template(t) => write_text(&t.text, layout.ascii, out),
        Value::Secret(s) if layout.clear => write_text(s.reveal().unwrap_or_default(), layout.ascii, out),
        Value::Secret(_) => write_text(HIDDEN, layout.ascii, out),
        Value::Unknown(why) => write_text(&format!("(known after: {why})"), layout.ascii, out),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::Map(map) if map.is_empty() => out.push_str("{}"),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { &layout.item } else { "" });
                newline(out, depth + 1);
                write(item, layout, depth + 1, out);
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
                write_text(&key_text(key), layout.ascii, out);
                out.push_str(&layout.key);
                write(item, layout, depth + 1, out);
            }
            newline(out, depth);
            out.push('}');
        }
    }
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Null => "null".into(),
        Key::Bool(b) => b.to_string(),
        other => other.to_string(),
    }
}

fn write_text(text: &str, ascii: bool, out: &mut String) {
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
