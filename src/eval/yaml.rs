//! YAML out as PyYAML lays it out.

pub(crate) use super::yaml_read::{plain, read, read_all};
use crate::base::pyrepr;
use crate::base::{Key, List, Map, Value};
use std::fmt::Write;

/// When collections are written in braces.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Never,
    Always,
    /// Those that hold no other collection, as PyYAML's `default_flow_style=None`.
    Leaves,
}

#[derive(Copy, Clone, Debug)]
pub(crate) struct Layout {
    pub indent: usize,
    pub flow: Flow,
    pub sort: bool,
    pub width: usize,
    pub start: bool,
    pub end: bool,
    pub unicode: bool,
    pub style: Option<char>,
}

/// One document, with the newline at its end.
pub(crate) fn write(value: &Value, layout: &Layout) -> String {
    let mut out = String::new();
    if layout.start {
        out.push_str("---");
    }
    let mut writer = Writer { layout, out: &mut out };
    match value {
        Value::List(l) if writer.block(value) && !l.is_empty() => {
            writer.gap();
            writer.list(l, 0);
        }
        Value::Map(m) if writer.block(value) && !m.is_empty() => {
            writer.gap();
            writer.map(m, 0, false);
        }
        other => {
            if layout.start {
                writer.out.push(' ');
            }
            writer.inline(other, 0);
            let plain_scalar = !matches!(other, Value::List(_) | Value::Map(_));
            let quoted = writer.out.ends_with(['\'', '"']) || writer.out.ends_with('\n');
            if plain_scalar && !quoted {
                writer.out.push_str("\n...");
            }
            if !writer.out.ends_with('\n') {
                writer.out.push('\n');
            }
        }
    }
    if layout.end {
        out.push_str("...\n");
    }
    out
}

struct Writer<'a> {
    layout: &'a Layout,
    out: &'a mut String,
}

impl Writer<'_> {
    fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// True when a collection is written in block style.
    fn block(&self, value: &Value) -> bool {
        let nested = |v: &Value| matches!(v, Value::List(_) | Value::Map(_));
        match (self.layout.flow, value) {
            (Flow::Always, _) => false,
            (Flow::Never, _) => true,
            (Flow::Leaves, Value::List(l)) => l.iter().any(nested),
            (Flow::Leaves, Value::Map(m)) => m.values().any(nested),
            _ => false,
        }
    }

    fn pad(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n(' ', depth));
    }

    fn list(&mut self, items: &List, depth: usize) {
        for item in items {
            self.pad(depth);
            self.out.push('-');
            let lead = self.layout.indent.max(2) - 1;
            match item {
                Value::List(l) if !l.is_empty() && self.block(item) => {
                    self.out.extend(std::iter::repeat_n(' ', lead));
                    let mut inner = String::new();
                    let mut writer = Writer { layout: self.layout, out: &mut inner };
                    writer.list(l, depth + lead + 1);
                    self.out.push_str(inner.trim_start_matches(' '));
                }
                Value::Map(m) if !m.is_empty() && self.block(item) => {
                    self.out.extend(std::iter::repeat_n(' ', lead));
                    self.map(m, depth + lead + 1, true);
                }
                other => {
                    self.out.push(' ');
                    self.inline(other, depth + self.layout.indent);
                    self.end_line();
                }
            }
        }
    }

    fn end_line(&mut self) {
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn sorted<'m>(&self, map: &'m Map) -> Vec<(&'m Key, &'m Value)> {
        let mut members: Vec<_> = map.iter().collect();
        if self.layout.sort {
            members.sort_by(|a, b| a.0.cmp(b.0));
        }
        members
    }

    fn map(&mut self, map: &Map, depth: usize, mut first_inline: bool) {
        for (key, value) in self.sorted(map) {
            if !std::mem::take(&mut first_inline) {
                self.pad(depth);
            }
            self.scalar(&key.to_value(), depth, true);
            self.out.push(':');
            match value {
                Value::List(l) if !l.is_empty() && self.block(value) => {
                    self.out.push('\n');
                    // PyYAML does not indent a list below its key.
                    self.list(l, depth);
                }
                Value::Map(m) if !m.is_empty() && self.block(value) => {
                    self.out.push('\n');
                    self.map(m, depth + self.layout.indent, false);
                }
                other => {
                    self.out.push(' ');
                    self.inline(other, depth + self.layout.indent);
                    self.end_line();
                }
            }
        }
    }

    /// A scalar, or a collection in braces.
    fn inline(&mut self, value: &Value, depth: usize) {
        match value {
            Value::List(items) => {
                self.out.push('[');
                for (i, item) in items.iter().enumerate() {
                    self.comma(i, depth);
                    self.inline(item, depth);
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                for (i, (key, item)) in self.sorted(map).into_iter().enumerate() {
                    self.comma(i, depth);
                    self.scalar(&key.to_value(), depth, true);
                    self.out.push_str(": ");
                    self.inline(item, depth);
                }
                self.out.push('}');
            }
            other => self.scalar(other, depth, false),
        }
    }

    fn column(&self) -> usize {
        self.out.rsplit('\n').next().map_or(0, |l| l.chars().count())
    }

    fn comma(&mut self, index: usize, depth: usize) {
        if index == 0 {
            return;
        }
        self.out.push(',');
        if self.column() > self.layout.width {
            self.out.push('\n');
            self.pad(depth.max(self.layout.indent));
        } else {
            self.out.push(' ');
        }
    }

    fn scalar(&mut self, value: &Value, depth: usize, key: bool) {
        match value {
            Value::Null | Value::Omit => self.out.push_str("null"),
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Int(i) => {
                let _ = write!(self.out, "{i}");
            }
            Value::Float(x) => self.out.push_str(&match pyrepr::float(*x).as_str() {
                "nan" => ".nan".to_owned(),
                "inf" => ".inf".to_owned(),
                "-inf" => "-.inf".to_owned(),
                // PyYAML writes a fraction, so that the exponent is read as a float again.
                text if text.contains('e') && !text.contains('.') => text.replacen('e', ".0e", 1),
                text => text.to_owned(),
            }),
            Value::Str(s) => self.text(s, depth, key),
            Value::Template(t) => self.text(&t.text, depth, key),
            Value::Secret(s) => self.text(s.reveal().unwrap_or_default(), depth, key),
            Value::Unknown(why) => self.text(&format!("(known after: {why})"), depth, key),
            Value::List(_) | Value::Map(_) => {}
        }
    }

    fn text(&mut self, text: &str, depth: usize, key: bool) {
        let special = text.chars().any(|c| {
            ((c as u32) < 0x20 && c != '\n') || c as u32 == 0x7f || (!self.layout.unicode && !c.is_ascii())
        });
        let style = match self.layout.style {
            Some('|') if text.contains('\n') && !special && !key => '|',
            Some('"') => '"',
            Some('\'') if !special => '\'',
            _ if special => '"',
            _ if text.contains('\n') => '\'',
            _ if plain_is_safe(text) => ' ',
            _ => '\'',
        };
        // Before a newline blanks would be lost in single quotes.
        let style = if style == '\'' && (text.contains(" \n") || text.contains("\n ")) { '"' } else { style };
        match style {
            '|' => self.literal(text, depth),
            '"' => self.double(text, depth, key),
            '\'' => self.wrapped(&text.replace('\'', "''"), Some('\''), depth, key),
            _ => self.wrapped(text, None, depth, key),
        }
    }

    fn literal(&mut self, text: &str, depth: usize) {
        self.out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
        for line in text.trim_end_matches('\n').split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.pad(depth.max(self.layout.indent));
                self.out.push_str(line);
            }
        }
    }

    /// Plain or single quoted text, folded at single blanks past the width.
    fn wrapped(&mut self, text: &str, quote: Option<char>, depth: usize, key: bool) {
        self.out.extend(quote);
        let mut column = self.column();
        let chars: Vec<char> = text.chars().collect();
        let mut i = 0;
        while i < chars.len() {
            let c = chars[i];
            let alone = c == ' '
                && i > 0
                && i + 1 < chars.len()
                && ![' ', '\n'].contains(&chars[i - 1])
                && ![' ', '\n'].contains(&chars[i + 1]);
            if c == '\n' {
                let breaks = chars[i..].iter().take_while(|c| **c == '\n').count();
                self.out.extend(std::iter::repeat_n('\n', breaks + 1));
                if i + breaks < chars.len() || quote.is_some() {
                    self.pad(depth);
                }
                column = depth;
                i += breaks;
                continue;
            }
            if alone && !key && column > self.layout.width {
                self.out.push('\n');
                self.pad(depth);
                column = depth;
            } else {
                self.out.push(c);
                column += 1;
            }
            i += 1;
        }
        self.out.extend(quote);
    }

    fn double(&mut self, text: &str, depth: usize, key: bool) {
        self.out.push('"');
        let mut column = self.column();
        let chars: Vec<char> = text.chars().collect();
        for (i, c) in chars.iter().enumerate() {
            let before = self.out.len();
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                '\0' => self.out.push_str("\\0"),
                '\u{7}' => self.out.push_str("\\a"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{b}' => self.out.push_str("\\v"),
                '\u{c}' => self.out.push_str("\\f"),
                '\u{1b}' => self.out.push_str("\\e"),
                c if (*c as u32) < 0x20 || *c as u32 == 0x7f => {
                    let _ = write!(self.out, "\\x{:02X}", *c as u32);
                }
                c if !self.layout.unicode && !c.is_ascii() => {
                    let code = *c as u32;
                    let _ = match code {
                        0..=0xff => write!(self.out, "\\x{code:02X}"),
                        0x100..=0xffff => write!(self.out, "\\u{code:04X}"),
                        _ => write!(self.out, "\\U{code:08X}"),
                    };
                }
                ' ' if !key && column > self.layout.width && i > 0 && i + 1 < chars.len() => {
                    self.out.push_str("\\\n");
                    self.pad(depth);
                    self.out.push_str("\\ ");
                    column = depth;
                    continue;
                }
                c => self.out.push(*c),
            }
            column += self.out.len() - before;
        }
        self.out.push('"');
    }
}

/// True when the text, written plainly, reads back as the same text.
fn plain_is_safe(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let second = text.chars().nth(1);
    let indicator =
        "#,[]{}&*!|>'\"%@`".contains(first) || ("-?:".contains(first) && second.is_none_or(|c| c == ' '));
    let unsafe_inside = text.contains(": ") || text.contains(" #") || text.ends_with(':');
    !indicator
        && !unsafe_inside
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.starts_with("---")
        && !text.starts_with("...")
        && text != "="
        && text != "<<"
        && matches!(plain(text), Value::Str(_))
        && !is_date(text)
}

/// What a YAML 1.1 reader takes for a date or a time (`2020-01-01`, `2001-12-14 21:59:43.10 -5`).
fn is_date(text: &str) -> bool {
    let digits = |part: &str, from: usize, to: usize| {
        (from..=to).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let (date, time) = match text.find(['T', 't', ' ', '\t']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_start_matches([' ', '\t']))),
        None => (text, None),
    };
    let Some((year, (month, day))) =
        date.split_once('-').and_then(|(y, rest)| Some((y, rest.split_once('-')?)))
    else {
        return false;
    };
    let Some(time) = time else { return digits(year, 4, 4) && digits(month, 2, 2) && digits(day, 2, 2) };
    let zone = time.trim_end_matches('Z').trim_end();
    let clock = zone.find(['+', '-']).map_or(zone, |at| zone[..at].trim_end());
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = whole.split(':').collect();
    let timely = matches!(parts[..], [h, m, s] if digits(h, 1, 2) && digits(m, 2, 2) && digits(s, 2, 2));
    digits(year, 4, 4) && digits(month, 1, 2) && digits(day, 1, 2) && timely && digits(fraction, 0, 99)
}
