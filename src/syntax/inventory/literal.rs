//! Python literals, as INI inventories write values: `5`, `True`, `['a', "b"]`, `{'k': 1}`.

use crate::base::{Key, List, Map, Value};

/// Brackets within brackets, at most.
const MAX_DEPTH: usize = 64;

/// The value, if all of the text is a literal (a `#` comment may follow); text stays unevaluated here.
pub(super) fn literal(text: &str) -> Option<Value> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let first = reader.value()?;
    reader.blanks();
    if !reader.eat(',') {
        reader.comment();
        return reader.done().then_some(first);
    }
    // `1, 2` is a tuple without its brackets.
    let mut items = vec![first];
    loop {
        reader.blanks();
        if reader.done() {
            return Some(Value::from(items));
        }
        items.push(reader.value()?);
        reader.blanks();
        if !reader.eat(',') {
            reader.comment();
            return reader.done().then(|| Value::from(items));
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn comment(&mut self) {
        self.blanks();
        if self.peek() == Some('#') {
            self.at = self.text.len();
        }
    }

    fn done(&self) -> bool {
        self.rest().is_empty()
    }

    fn value(&mut self) -> Option<Value> {
        self.blanks();
        match self.peek()? {
            '[' => self.sequence(']').map(Value::from),
            '(' => self.tuple(),
            '{' => self.braces(),
            '\'' | '"' => self.strings(),
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            c if c.is_ascii_alphabetic() => self.word(),
            _ => None,
        }
    }

    fn word(&mut self) -> Option<Value> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let value = match &rest[..end] {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            // `r'…'`, `u'…'`: the prefix of a string.
            "r" | "u" | "R" | "U" if rest[end..].starts_with(['\'', '"']) => {
                self.at += end;
                return self.strings();
            }
            _ => return None,
        };
        self.at += end;
        Some(value)
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.rest();
        let sign = rest.len() - rest.trim_start_matches(['-', '+', ' ']).len();
        let negative = rest[..sign].matches('-').count() % 2 == 1;
        let body = &rest[sign..];
        let mut end =
            body.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(body.len());
        let hex = body.starts_with("0x") || body.starts_with("0X");
        if !hex && body[..end].ends_with(['e', 'E']) && body[end..].starts_with(['+', '-']) {
            let more = &body[end + 1..];
            end += 1 + more.find(|c: char| !c.is_ascii_digit()).unwrap_or(more.len());
        }
        let digits = &body[..end];
        if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
            return None;
        }
        self.at += sign + end;
        let clean = digits.replace('_', "");
        let value = integer(&clean, negative).or_else(|| float(&clean, negative))?;
        Some(value)
    }

    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        // Strings side by side are one.
        while let Some(quote @ ('\'' | '"')) = self.peek() {
            self.at += 1;
            self.string(quote, &mut text)?;
            self.blanks();
        }
        Some(text.into())
    }

    fn string(&mut self, quote: char, text: &mut String) -> Option<()> {
        let mut chars = self.rest().char_indices();
        while let Some((n, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at += n + 1;
                    return Some(());
                }
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    '0' => text.push('\0'),
                    'x' => {
                        let code: String = [chars.next()?.1, chars.next()?.1].iter().collect();
                        text.push(char::from(u8::from_str_radix(&code, 16).ok()?));
                    }
                    'u' => {
                        let code: String = (0..4).map_while(|_| chars.next()).map(|(_, c)| c).collect();
                        text.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
                    }
                    c @ ('\\' | '\'' | '"') => text.push(c),
                    other => text.extend(['\\', other]),
                },
                c => text.push(c),
            }
        }
        None
    }

    fn sequence(&mut self, close: char) -> Option<List> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.at += 1;
        let mut items = List::new();
        loop {
            self.blanks();
            if self.eat(close) {
                self.depth -= 1;
                return Some(items);
            }
            items.push(self.value()?);
            self.blanks();
            if !self.eat(',') && self.peek() != Some(close) {
                return None;
            }
        }
    }

    /// `(1)` is 1, `(1,)` a tuple.
    fn tuple(&mut self) -> Option<Value> {
        let start = self.at;
        let mut items = self.sequence(')')?;
        let inner = self.text[start..self.at - 1].trim_end();
        Some(match items.len() {
            1 if !inner.ends_with(',') => items.remove(0),
            _ => Value::from(items),
        })
    }

    /// A dict or a set; a set is a list here. The first `:` tells.
    fn braces(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.at += 1;
        let (mut map, mut set) = (Map::new(), List::new());
        loop {
            self.blanks();
            if self.eat('}') {
                self.depth -= 1;
                return Some(if set.is_empty() { Value::from(map) } else { Value::from(set) });
            }
            let first = self.value()?;
            self.blanks();
            match (self.eat(':'), map.is_empty(), set.is_empty()) {
                (true, _, true) => {
                    map.insert(key(first)?, self.value()?);
                }
                (false, true, _) => set.push(first),
                _ => return None,
            }
            self.blanks();
            if !self.eat(',') && self.peek() != Some('}') {
                return None;
            }
        }
    }
}

fn key(value: Value) -> Option<Key> {
    match value {
        Value::Null => Some(Key::Null),
        Value::Bool(b) => Some(Key::Bool(b)),
        Value::Int(i) => Some(Key::Int(i)),
        Value::Str(s) => Some(Key::Str(s)),
        _ => None,
    }
}

fn integer(digits: &str, negative: bool) -> Option<Value> {
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        // Python refuses `0644`: it stays text.
        [b'0', rest @ ..] if rest.iter().any(|b| *b != b'0') => return None,
        _ => (10, lower.as_str()),
    };
    let number = i64::from_str_radix(body, radix).ok().filter(|_| !body.starts_with(['+', '-']))?;
    Some(Value::Int(if negative { -number } else { number }))
}

fn float(digits: &str, negative: bool) -> Option<Value> {
    let shape = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let marked = digits.contains(['.', 'e', 'E']) && digits.contains(|c: char| c.is_ascii_digit());
    let number: f64 = (shape && marked).then(|| digits.parse().ok())??;
    Some(Value::Float(if negative { -number } else { number }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_typed_as_python_types_them() {
        let cases = [
            ("5", "5"),
            ("-3", "-3"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            ("5 # comment", "5"),
            ("True", "true"),
            ("None", "null"),
            ("'a' 'b'", "\"ab\""),
            ("\"a\\nb\" # c", "\"a\\nb\""),
            ("[1, 'a', [True]]", "[1,\"a\",[true]]"),
            ("{'k': 1, 2: (3, 4)}", "{\"k\":1,\"2\":[3,4]}"),
            ("(5)", "5"),
            ("(5,)", "[5]"),
            ("1,2", "[1,2]"),
            ("{'a', 'b'}", "[\"a\",\"b\"]"),
            ("{}", "{}"),
            ("r'x'", "\"x\""),
        ];
        for (text, want) in cases {
            assert_eq!(literal(text).map(|v| v.to_json().to_string()).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn all_else_is_no_literal() {
        let texts = [
            "0644",
            "yes",
            "foo # c",
            "1 + 2",
            "FALSE",
            "2024-01-01",
            "1.2.3.4",
            "{\"a\": true}",
            "[1, x]",
            "'a",
            "{{ x }}",
            "",
            "...",
            "5x",
            "007",
            "a b",
            "[1",
            "1__0",
            "-",
            "/x",
            "{k:1}",
        ];
        for text in texts {
            assert_eq!(literal(text), None, "{text}");
        }
        assert_eq!(literal(&"[".repeat(100_000)), None);
        assert_eq!(literal(&"{".repeat(30)), None);
    }
}
