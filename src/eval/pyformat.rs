//! Python's text formatting: `'%05.1f' % x` and `'{:>8}'.format(x)`.

use super::error::{Res, wrong};
use super::ops::Number;
use super::run::{Run, V};
use crate::base::Value;
use crate::base::pyrepr::repr_into;
use std::sync::Arc;

/// One field's layout, common to both ways.
#[derive(Default)]
struct Layout {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    comma: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

/// `format % value`; `tuple` when the right side was written as one.
pub(crate) fn percent(run: &mut Run<'_>, format: &str, value: &Value, tuple: bool) -> Res<String> {
    let single = [value.clone()];
    let args: &[Value] = match value {
        Value::List(items) if tuple => items,
        _ => &single,
    };
    percent_args(run, format, args, value)
}

/// The same with the arguments in a list, as the `format` filter has them.
pub(crate) fn percent_args(run: &mut Run<'_>, format: &str, args: &[Value], named: &Value) -> Res<String> {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut next = 0;
    let mut by_name = false;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut layout = Layout::default();
        let mut name = None;
        if chars.peek() == Some(&'(') {
            chars.next();
            name = Some(chars.by_ref().take_while(|c| *c != ')').collect::<String>());
            by_name = true;
        }
        while let Some(flag) = chars.peek().copied().filter(|c| "-+ 0#".contains(*c)) {
            chars.next();
            match flag {
                '-' => layout.align = Some('<'),
                '0' if layout.align.is_none() => (layout.fill, layout.align) = (Some('0'), Some('=')),
                '#' => layout.alternate = true,
                '+' | ' ' => layout.sign = Some(flag),
                _ => {}
            }
        }
        let mut argument = |name: &Option<String>| -> Res<Value> {
            if let Some(name) = name {
                return named.get(name).cloned().ok_or_else(|| wrong(format!("`%({name})` has no value")));
            }
            next += 1;
            args.get(next - 1).cloned().ok_or_else(|| wrong("not enough arguments for format string"))
        };
        if chars.peek() == Some(&'*') {
            chars.next();
            layout.width = usize::try_from(int(&argument(&None)?)?).unwrap_or(0);
        } else {
            layout.width = digits(&mut chars).unwrap_or(0);
        }
        if chars.peek() == Some(&'.') {
            chars.next();
            layout.precision = Some(digits(&mut chars).unwrap_or(0));
        }
        layout.kind = chars.next().ok_or_else(|| wrong("incomplete format"))?;
        if layout.kind == '%' {
            out.push('%');
            continue;
        }
        if layout.align.is_none() {
            layout.align = Some('>');
        }
        let value = argument(&name)?;
        out.push_str(&conversion(run, &layout, &value)?);
    }
    if next < args.len() && !by_name && !matches!(named, Value::Map(_)) {
        return Err(wrong("not all arguments converted during string formatting"));
    }
    Ok(out)
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut text = String::new();
    while let Some(c) = chars.peek().copied().filter(char::is_ascii_digit) {
        text.push(c);
        chars.next();
    }
    text.parse().ok()
}

fn int(value: &Value) -> Res<i64> {
    match Number::of(value) {
        Some(Number::Int(i)) => Ok(i),
        Some(Number::Float(x)) => Ok(x as i64),
        None => Err(wrong(format!("%d format: a real number is required, not {}", value.type_name()))),
    }
}

fn conversion(run: &mut Run<'_>, layout: &Layout, value: &Value) -> Res<String> {
    match layout.kind {
        's' | 'r' | 'a' => {
            let mut text = if layout.kind == 's' { run.text(value)? } else { repr(run, value)? };
            if let Some(n) = layout.precision {
                text = text.chars().take(n).collect();
            }
            let align = layout.align.filter(|a| *a != '=').or(Some('>'));
            Ok(justify(&text, &Layout { align, fill: None, ..Layout::default() }, layout.width))
        }
        'c' => Ok(match value {
            Value::Int(i) => {
                u32::try_from(*i).ok().and_then(char::from_u32).map(String::from).unwrap_or_default()
            }
            other => run.text(other)?,
        }),
        'd' | 'i' | 'u' => number(layout, 'd', &Value::Int(int(value)?)),
        kind => number(layout, kind, value),
    }
}

fn repr(run: &mut Run<'_>, value: &Value) -> Res<String> {
    run.note(value)?;
    let mut text = String::new();
    repr_into(value, true, &mut text);
    Ok(text)
}

/// A number written as `kind` says, signed, grouped and padded.
fn number(layout: &Layout, kind: char, value: &Value) -> Res<String> {
    let number = Number::of(value)
        .ok_or_else(|| wrong(format!("format `{kind}` needs a number, not {}", value.type_name())))?;
    let (negative, mut digits) = match (kind, number) {
        ('d' | 'n', n) => {
            let i = match n {
                Number::Int(i) => i,
                Number::Float(x) => x as i64,
            };
            (i < 0, i.unsigned_abs().to_string())
        }
        ('x' | 'X' | 'o' | 'b', Number::Int(i)) => {
            let n = i.unsigned_abs();
            let (prefix, text) = match kind {
                'x' => ("0x", format!("{n:x}")),
                'X' => ("0X", format!("{n:X}")),
                'o' => ("0o", format!("{n:o}")),
                _ => ("0b", format!("{n:b}")),
            };
            (i < 0, if layout.alternate { prefix.to_owned() + &text } else { text })
        }
        ('f' | 'F' | '%' | 'e' | 'E' | 'g' | 'G', n) => {
            let x = n.as_f64();
            (x < 0.0, real(kind, x.abs(), layout.precision))
        }
        _ => return Err(wrong(format!("unknown format `{kind}` for {}", value.type_name()))),
    };
    if layout.comma {
        digits = grouped(&digits);
    }
    let sign = match (negative, layout.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    if layout.align == Some('=') {
        let missing = layout.width.saturating_sub(sign.len() + digits.len());
        let fill = layout.fill.unwrap_or(' ');
        return Ok(format!("{sign}{}{digits}", std::iter::repeat_n(fill, missing).collect::<String>()));
    }
    let align = layout.align.or(Some('>'));
    Ok(justify(
        &format!("{sign}{digits}"),
        &Layout { align, fill: layout.fill, ..Layout::default() },
        layout.width,
    ))
}

fn real(kind: char, x: f64, precision: Option<usize>) -> String {
    let digits = precision.unwrap_or(6);
    match kind {
        'f' | 'F' => format!("{x:.digits$}"),
        '%' => format!("{:.digits$}%", x * 100.0),
        'e' | 'E' => {
            let text = format!("{x:.digits$e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
            format!("{mantissa}{}{sign}{exponent:0>2}", kind)
        }
        _ => {
            let digits = digits.max(1);
            let power = if x == 0.0 { 0 } else { x.log10().floor() as i32 };
            if power < -4 || power >= i32::try_from(digits).unwrap_or(i32::MAX) {
                return real('e', x, Some(digits - 1)).replace(".0e", "e");
            }
            let after = usize::try_from(i32::try_from(digits).unwrap_or(6) - 1 - power).unwrap_or(0);
            let text = format!("{x:.after$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
    }
}

fn grouped(digits: &str) -> String {
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out + rest
}

fn justify(text: &str, layout: &Layout, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let fill = layout.fill.unwrap_or(' ');
    let run = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
    match layout.align {
        Some('>') => run(missing) + text,
        Some('^') => run(missing / 2) + text + &run(missing - missing / 2),
        _ => text.to_owned() + &run(missing),
    }
}

/// `'…'.format(…)`.
pub(crate) fn format(
    run: &mut Run<'_>,
    format: &str,
    pos: &[Value],
    named: &[(Arc<str>, Value)],
) -> Res<String> {
    let mut out = String::new();
    let mut rest = format;
    let mut next = 0;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest[at..].starts_with("{{") || rest[at..].starts_with("}}");
        if doubled {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 2..];
            continue;
        }
        let end = field_end(&rest[at..]).ok_or_else(|| wrong("a brace is not closed in the format"))?;
        let field = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        let (field, spec) = field.split_once(':').unwrap_or((field, ""));
        let (field, conversion) = field.split_once('!').unwrap_or((field, ""));
        let value = field_value(run, field, pos, named, &mut next)?;
        let spec = if spec.contains('{') {
            self::format(run, spec, &pos[next.min(pos.len())..], named)?
        } else {
            spec.to_owned()
        };
        let value = match conversion {
            "r" => Value::from(repr(run, &value)?),
            "s" => Value::from(run.text(&value)?),
            _ => value,
        };
        out.push_str(&formatted(run, &value, &spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

fn field_end(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

fn field_value(
    run: &mut Run<'_>,
    field: &str,
    pos: &[Value],
    named: &[(Arc<str>, Value)],
    next: &mut usize,
) -> Res<Value> {
    let head_end = field.find(['.', '[']).unwrap_or(field.len());
    let (head, mut path) = field.split_at(head_end);
    let missing = || wrong(format!("the format's field `{head}` has no value"));
    let value = if head.is_empty() {
        *next += 1;
        pos.get(*next - 1).cloned().ok_or_else(missing)?
    } else if let Ok(at) = head.parse::<usize>() {
        pos.get(at).cloned().ok_or_else(missing)?
    } else {
        named.iter().find(|(n, _)| **n == *head).map(|(_, v)| v.clone()).ok_or_else(missing)?
    };
    let mut v = V::Data(value);
    while !path.is_empty() {
        let (key, rest) = match path.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or_else(missing)?,
            None => {
                let inner = &path[1..];
                inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len()))
            }
        };
        let index = key.parse::<i64>().map(Value::Int).unwrap_or_else(|_| Value::from(key));
        v = run.item(v, &index)?;
        path = rest;
    }
    run.ready(v)
}

/// `format(value, spec)`.
fn formatted(run: &mut Run<'_>, value: &Value, spec: &str) -> Res<String> {
    let mut layout = Layout::default();
    let mut chars = spec.chars().peekable();
    let head: Vec<char> = spec.chars().take(2).collect();
    let aligns = |c: Option<&char>| c.copied().filter(|c| "<>=^".contains(*c));
    if let Some(align) = aligns(head.get(1)) {
        (layout.fill, layout.align) = (Some(head[0]), Some(align));
        chars.nth(1);
    } else if let Some(align) = aligns(head.first()) {
        layout.align = Some(align);
        chars.next();
    }
    if let Some(sign) = chars.next_if(|c| "+- ".contains(*c)) {
        layout.sign = Some(sign);
    }
    layout.alternate = chars.next_if_eq(&'#').is_some();
    if chars.next_if_eq(&'0').is_some() && layout.align.is_none() {
        (layout.fill, layout.align) = (Some('0'), Some('='));
    }
    layout.width = digits(&mut chars).unwrap_or(0);
    layout.comma = chars.next_if(|c| ",_".contains(*c)).is_some();
    if chars.next_if_eq(&'.').is_some() {
        layout.precision = digits(&mut chars);
    }
    let numeric = Number::of(value).is_some() && !matches!(value, Value::Bool(_));
    match (chars.next(), numeric) {
        (Some('s') | None, false) => {
            let mut text = run.text(value)?;
            if let Some(n) = layout.precision {
                text = text.chars().take(n).collect();
            }
            layout.align = layout.align.filter(|a| *a != '=').or(Some('<'));
            Ok(justify(&text, &layout, layout.width))
        }
        (None, true) => match value {
            Value::Int(_) => number(&layout, 'd', value),
            _ if layout.precision.is_some() => number(&layout, 'g', value),
            _ => {
                layout.align = layout.align.or(Some('>'));
                Ok(justify(&run.text(value)?, &layout, layout.width))
            }
        },
        (Some(kind), _) => number(&layout, kind, value),
    }
}
