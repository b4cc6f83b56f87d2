//! Python's methods of str, dict, list and numbers, as far as they change nothing.

use super::call::Args;
use super::error::{Res, undefined, wrong};
use super::run::Run;
use super::{ops, pyformat};
use crate::base::{Key, List, Map, Value};

pub(crate) fn is_dict_method(name: &str) -> bool {
    matches!(
        name,
        "get" | "items" | "keys" | "values" | "copy" | "update" | "pop" | "setdefault" | "fromkeys"
    )
}

/// `items()`, `keys()`, `values()` of a dict as lists.
pub(crate) fn views(map: &Map, name: &str) -> Value {
    Value::from(match name {
        "keys" => map.keys().map(Key::to_value).collect::<List>(),
        "values" => map.values().cloned().collect(),
        _ => map.iter().map(|(k, v)| Value::from(vec![k.to_value(), v.clone()])).collect(),
    })
}

/// A list of two as key and value.
pub(crate) fn pair(value: &Value) -> Res<(Key, Value)> {
    match value.as_list().map(Vec::as_slice) {
        Some([k, v]) => {
            let key = ops::key(k).ok_or_else(|| wrong(format!("a {} cannot be a key", k.type_name())))?;
            Ok((key, v.clone()))
        }
        _ => Err(wrong("a pair of key and value is needed")),
    }
}

pub(crate) fn call(run: &mut Run<'_>, object: &Value, name: &str, args: &Args) -> Res<Value> {
    let found = match object {
        Value::Str(s) => match text_method(run, s, name, args)? {
            None => super::moments::method(run, s, name, args)?,
            found => found,
        },
        Value::Map(map) => match name {
            "items" | "keys" | "values" => Some(views(map, name)),
            "copy" => Some(object.clone()),
            _ => None,
        },
        Value::List(items) => match name {
            "copy" => Some(object.clone()),
            "count" => {
                let wanted = args.need(0, "item")?;
                Some(Value::from(items.iter().filter(|i| ops::equal(i, wanted)).count()))
            }
            "index" => {
                let wanted = args.need(0, "item")?;
                let at = items.iter().position(|i| ops::equal(i, wanted));
                Some(Value::from(at.ok_or_else(|| wrong("the value is not in the list"))?))
            }
            _ => None,
        },
        Value::Int(i) => match name {
            "bit_length" => Some(Value::from(64 - i.unsigned_abs().leading_zeros())),
            _ => None,
        },
        Value::Float(x) if name == "is_integer" => Some(Value::Bool(x.fract() == 0.0)),
        _ => None,
    };
    found.ok_or_else(|| undefined(name, format!("a {} has no method `{name}`", object.type_name())))
}

fn text_method(run: &mut Run<'_>, s: &str, name: &str, args: &Args) -> Res<Option<Value>> {
    Ok(Some(match name {
        "upper" => Value::from(s.to_uppercase()),
        "lower" | "casefold" => Value::from(s.to_lowercase()),
        "title" => Value::from(title(s)),
        "capitalize" => Value::from(capitalize(s)),
        "swapcase" => Value::from(s.chars().map(swap_case).collect::<String>()),
        "strip" | "lstrip" | "rstrip" => {
            let set = args.text(run, 0, "chars")?;
            let inside = |c: char| set.as_ref().map_or(c.is_whitespace(), |set| set.contains(c));
            Value::from(match name {
                "strip" => s.trim_matches(inside),
                "lstrip" => s.trim_start_matches(inside),
                _ => s.trim_end_matches(inside),
            })
        }
        "split" | "rsplit" => {
            let sep = args.text(run, 0, "sep")?;
            let limit = args.int(1, "maxsplit")?.and_then(|n| usize::try_from(n).ok());
            let parts = split(s, sep.as_deref(), limit, name == "rsplit")?;
            Value::from(parts.into_iter().map(Value::from).collect::<List>())
        }
        "splitlines" => Value::from(split_lines(s, args.flag(0, "keepends", false))),
        "partition" | "rpartition" => {
            let sep = args.need_text(run, 0, "sep")?;
            let cut = if name == "partition" { s.split_once(&*sep) } else { s.rsplit_once(&*sep) };
            let parts = match (cut, name) {
                (Some((a, b)), _) => [a, &*sep, b],
                (None, "partition") => [s, "", ""],
                (None, _) => ["", "", s],
            };
            Value::from(parts.map(Value::from).to_vec())
        }
        "replace" => {
            let (old, new) = (args.need_text(run, 0, "old")?, args.need_text(run, 1, "new")?);
            match args.int(2, "count")?.and_then(|n| usize::try_from(n).ok()) {
                Some(n) => Value::from(s.replacen(&*old, &new, n)),
                None => Value::from(s.replace(&*old, &new)),
            }
        }
        "startswith" | "endswith" => {
            let options = match args.need(0, "prefix")? {
                Value::List(items) => items.iter().map(|i| run.text(i)).collect::<Res<Vec<_>>>()?,
                other => vec![run.text(other)?],
            };
            let begins = name == "startswith";
            Value::Bool(options.iter().any(|o| if begins { s.starts_with(&**o) } else { s.ends_with(&**o) }))
        }
        "removeprefix" => {
            let part = args.need_text(run, 0, "prefix")?;
            Value::from(s.strip_prefix(&*part).unwrap_or(s))
        }
        "removesuffix" => {
            let part = args.need_text(run, 0, "suffix")?;
            Value::from(s.strip_suffix(&*part).unwrap_or(s))
        }
        "find" | "rfind" | "index" | "rindex" => find(run, s, name, args)?,
        "count" => Value::from(s.matches(&*args.need_text(run, 0, "sub")?).count()),
        "join" => {
            let items = match args.need(0, "items")? {
                Value::List(items) => items.iter().map(|i| run.text(i)).collect::<Res<Vec<_>>>()?,
                Value::Map(map) => map.keys().map(ToString::to_string).collect(),
                Value::Str(text) => text.chars().map(String::from).collect(),
                other => return Err(wrong(format!("cannot join a {}", other.type_name()))),
            };
            Value::from(items.join(s))
        }
        "ljust" | "rjust" | "center" | "zfill" => {
            let width = args.int(0, "width")?.ok_or_else(|| wrong(format!("{name} needs a width")))?;
            let fill = args.text(run, 1, "fill")?.and_then(|f| f.chars().next());
            Value::from(pad(s, name, usize::try_from(width).unwrap_or(0), fill))
        }
        "format" => Value::from(pyformat::format(run, s, &args.pos, &args.named)?),
        "expandtabs" => {
            let width = args.int(0, "tabsize")?.map_or(8, |n| usize::try_from(n).unwrap_or(0));
            Value::from(expand_tabs(s, width))
        }
        "encode" | "decode" => Value::from(s),
        "isdigit" | "isdecimal" | "isnumeric" => all(s, char::is_numeric),
        "isalpha" => all(s, char::is_alphabetic),
        "isalnum" => all(s, char::is_alphanumeric),
        "isspace" => all(s, char::is_whitespace),
        "isupper" => Value::Bool(s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase)),
        "islower" => Value::Bool(s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase)),
        "isidentifier" => Value::Bool(is_identifier(s)),
        _ => return Ok(None),
    }))
}

pub(crate) fn is_identifier(s: &str) -> bool {
    let head = s.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    head && s.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn all(s: &str, test: fn(char) -> bool) -> Value {
    Value::Bool(!s.is_empty() && s.chars().all(test))
}

fn find(run: &mut Run<'_>, s: &str, name: &str, args: &Args) -> Res<Value> {
    let sub = args.need_text(run, 0, "sub")?;
    let skip = args.int(1, "start")?.unwrap_or(0);
    let start = s.char_indices().nth(usize::try_from(skip).unwrap_or(0)).map_or(s.len(), |(i, _)| i);
    let rest = &s[start..];
    let found = if name.starts_with('r') { rest.rfind(&*sub) } else { rest.find(&*sub) };
    match found {
        Some(at) => Ok(Value::from(s[..start + at].chars().count())),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(wrong("substring not found")),
    }
}

/// Python's `str.split` and `rsplit`: at runs of white space without a separator.
pub(crate) fn split(s: &str, sep: Option<&str>, limit: Option<usize>, from_right: bool) -> Res<Vec<String>> {
    let own = |parts: Vec<&str>| parts.into_iter().map(str::to_owned).collect::<Vec<_>>();
    match (sep, limit) {
        (Some(""), _) => Err(wrong("empty separator")),
        (Some(sep), None) => Ok(own(s.split(sep).collect())),
        (Some(sep), Some(n)) if from_right => {
            let mut parts: Vec<&str> = s.rsplitn(n + 1, sep).collect();
            parts.reverse();
            Ok(own(parts))
        }
        (Some(sep), Some(n)) => Ok(own(s.splitn(n + 1, sep).collect())),
        (None, None) => Ok(own(s.split_whitespace().collect())),
        (None, Some(n)) => {
            let mut parts = Vec::new();
            let mut rest = s.trim();
            while !rest.is_empty() {
                let cut =
                    if from_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
                let Some(cut) = cut.filter(|_| parts.len() < n) else {
                    parts.push(rest);
                    break;
                };
                if from_right {
                    parts.push(rest[cut..].trim_start());
                    rest = rest[..cut].trim_end();
                } else {
                    parts.push(&rest[..cut]);
                    rest = rest[cut..].trim_start();
                }
            }
            if from_right {
                parts.reverse();
            }
            Ok(own(parts))
        }
    }
}

/// Whether Python takes it for the end of a line.
pub fn ends_line(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// As Python's `splitlines`: a line ends at more than a newline, and the last needs no end.
pub fn split_lines(mut s: &str, keep: bool) -> List {
    let mut lines = List::new();
    while let Some(at) = s.find(ends_line) {
        let end =
            if s[at..].starts_with("\r\n") { 2 } else { s[at..].chars().next().map_or(1, char::len_utf8) };
        lines.push(Value::from(&s[..if keep { at + end } else { at }]));
        s = &s[at + end..];
    }
    if !s.is_empty() {
        lines.push(Value::from(s));
    }
    lines
}

/// Blanks up to the next multiple of `width` for each tab; a line begins to count anew.
fn expand_tabs(s: &str, width: usize) -> String {
    let mut out = String::with_capacity(s.len());
    let mut column = 0;
    for c in s.chars() {
        match c {
            '\t' => {
                let blanks = if width == 0 { 0 } else { width - column % width };
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            c => {
                column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
                out.push(c);
            }
        }
    }
    out
}

fn pad(s: &str, how: &str, width: usize, fill: Option<char>) -> String {
    let missing = width.saturating_sub(s.chars().count());
    let fill = fill.unwrap_or(if how == "zfill" { '0' } else { ' ' });
    let run = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
    match how {
        "ljust" => s.to_owned() + &run(missing),
        "rjust" => run(missing) + s,
        "zfill" => match s.strip_prefix(['-', '+']) {
            Some(digits) => format!("{}{}{digits}", &s[..1], run(missing)),
            None => run(missing) + s,
        },
        _ => {
            // Python puts the odd space left when the width is odd too.
            let left = missing / 2 + (missing & width & 1);
            run(left) + s + &run(missing - left)
        }
    }
}

pub(crate) fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}

pub(crate) fn title(s: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match (c.is_alphabetic(), inside) {
            (true, false) => out.extend(c.to_uppercase()),
            (true, true) => out.extend(c.to_lowercase()),
            _ => out.push(c),
        }
        inside = c.is_alphabetic();
    }
    out
}

fn swap_case(c: char) -> char {
    if c.is_uppercase() { c.to_lowercase().next().unwrap_or(c) } else { c.to_uppercase().next().unwrap_or(c) }
}
