//! Values as Python 3 writes them: `str()` and `repr()`.

use super::{Key, Value, value::HIDDEN};
use std::fmt::Write;

/// Python's `repr()` of a value; secrets are hidden.
pub struct PyRepr<'a>(pub &'a Value);

impl std::fmt::Display for PyRepr<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        repr_into(self.0, false, &mut text);
        f.write_str(&text)
    }
}

/// Python's `repr()`; with `clear`, the text of secrets too.
pub(crate) fn repr_into(value: &Value, clear: bool, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::Float(x) => out.push_str(&float(*x)),
        Value::Str(s) => quote_into(s, out),
        Value::Template(t) => quote_into(&t.text, out),
        Value::Secret(s) => quote_into(if clear { s.reveal().unwrap_or(HIDDEN) } else { HIDDEN }, out),
        Value::Unknown(why) => {
            let _ = write!(out, "(known after: {why})");
        }
        Value::Omit => out.push_str("omit"),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                repr_into(item, clear, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                match key {
                    Key::Str(s) => quote_into(s, out),
                    other => {
                        let _ = write!(out, "{other}");
                    }
                }
                out.push_str(": ");
                repr_into(item, clear, out);
            }
            out.push('}');
        }
    }
}

/// Python's `str()` of a value that is not a secret at its top.
pub(crate) fn text_into(value: &Value, clear: bool, out: &mut String) {
    match value {
        Value::Str(s) => out.push_str(s),
        Value::Template(t) => out.push_str(&t.text),
        Value::Secret(s) => out.push_str(if clear { s.reveal().unwrap_or(HIDDEN) } else { HIDDEN }),
        other => repr_into(other, clear, out),
    }
}

/// Python's `repr()` of a float: the shortest text that reads back, `1.0`, `1e+16`, `nan`.
pub(crate) fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let magnitude = x.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{x:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{x:?}")
}

/// Python's quoting: single quotes unless the text holds only single ones.
fn quote_into(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || (0x7f..0xa1).contains(&(c as u32)) || c == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_python_writes_them() {
        let table =
            [(1.0, "1.0"), (0.1, "0.1"), (1e16, "1e+16"), (1.5e-7, "1.5e-07"), (123456.75, "123456.75")];
        for (x, expected) in table {
            assert_eq!(float(x), expected);
        }
    }

    #[test]
    fn containers_and_quotes_read_as_python_writes_them() {
        let value = Value::from_json(&serde_json::json!({"a": [1, true, null, "it's"], "b": "x\n"}));
        assert_eq!(PyRepr(&value).to_string(), r#"{'a': [1, True, None, "it's"], 'b': 'x\n'}"#);
    }
}
