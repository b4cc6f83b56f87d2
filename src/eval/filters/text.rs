//! Filters over text: case, padding, quoting, regular expressions.

use super::FilterFn::{self, Deep};
use super::lists::{items, path};
use crate::base::{List, Value};
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::regex::{self, Flags};
use crate::eval::run::Run;
use crate::eval::{methods, pyformat};

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("lower", Deep(|r, v, _| on_text(r, v, |s| s.to_lowercase()))),
    ("upper", Deep(|r, v, _| on_text(r, v, |s| s.to_uppercase()))),
    ("title", Deep(|r, v, _| on_text(r, v, methods::title))),
    ("capitalize", Deep(|r, v, _| on_text(r, v, methods::capitalize))),
    ("trim", Deep(trim)),
    ("replace", Deep(replace)),
    ("join", Deep(join)),
    ("indent", Deep(indent)),
    ("center", Deep(|r, v, a| justified(r, v, a, "center", 80))),
    ("format", Deep(format)),
    ("split", Deep(split)),
    ("truncate", Deep(truncate)),
    ("wordwrap", Deep(wordwrap)),
    ("wordcount", Deep(|r, v, _| Ok(Value::from(r.text(&v)?.split_whitespace().count())))),
    ("escape", Deep(|r, v, _| on_text(r, v, escape))),
    ("e", Deep(|r, v, _| on_text(r, v, escape))),
    ("forceescape", Deep(|r, v, _| on_text(r, v, escape))),
    ("striptags", Deep(striptags)),
    ("xmlattr", Deep(xmlattr)),
    ("quote", Deep(quote)),
    ("comment", Deep(comment)),
    ("regex_replace", Deep(regex_replace)),
    ("regex_search", Deep(regex_search)),
    ("regex_findall", Deep(regex_findall)),
    ("regex_escape", Deep(regex_escape)),
    ("reindent", Deep(indent)),
];

fn on_text(run: &mut Run<'_>, value: Value, change: fn(&str) -> String) -> Res<Value> {
    run.text(&value).map(|s| Value::from(change(&s)))
}

fn justified(run: &mut Run<'_>, value: Value, args: &Args, how: &str, width: i64) -> Res<Value> {
    let width = args.int(0, "width")?.unwrap_or(width);
    let args = Args { pos: vec![Value::Int(width)], named: Vec::new() };
    let text = Value::from(run.text(&value)?);
    methods::call(run, &text, how, &args)
}

fn trim(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    Ok(Value::from(match args.text(run, 0, "chars")? {
        Some(set) => text.trim_matches(|c| set.contains(c)),
        None => text.trim(),
    }))
}

fn replace(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let (old, new) = (args.need_text(run, 0, "old")?, args.need_text(run, 1, "new")?);
    Ok(Value::from(match args.int(2, "count")?.and_then(|n| usize::try_from(n).ok()) {
        Some(n) => text.replacen(&old, &new, n),
        None => text.replace(&old, &new),
    }))
}

fn join(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let glue = args.text(run, 0, "d")?.unwrap_or_default();
    let attribute = args.get(1, "attribute").filter(|a| !a.is_null());
    let mut parts = Vec::new();
    for item in items(&value)? {
        let item = match attribute {
            Some(attribute) => {
                let v = path(run, &item, attribute)?;
                run.ready(v)?
            }
            None => item,
        };
        parts.push(run.text(&item)?);
    }
    Ok(Value::from(parts.join(&glue)))
}

fn indent(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let lead = match args.get(0, "width") {
        Some(Value::Str(s)) => s.to_string(),
        _ => " ".repeat(usize::try_from(args.int(0, "width")?.unwrap_or(4)).unwrap_or(0)),
    };
    let (first, blank) = (args.flag(1, "first", false), args.flag(2, "blank", false));
    let mut out = String::new();
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let wanted = if i == 0 { first } else { blank || !line.is_empty() };
        if wanted {
            out.push_str(&lead);
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn format(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let named: Value = args.named.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let named = if args.named.is_empty() { Value::Null } else { named };
    pyformat::percent_args(run, &text, &args.pos, &named).map(Value::from)
}

fn split(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let sep = args.text(run, 0, "sep")?;
    let limit = args.int(1, "maxsplit")?.and_then(|n| usize::try_from(n).ok());
    let parts = methods::split(&text, sep.as_deref(), limit, false)?;
    Ok(Value::from(parts.into_iter().map(Value::from).collect::<List>()))
}

fn truncate(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let length = usize::try_from(args.int(0, "length")?.unwrap_or(255)).unwrap_or(0);
    let end = args.text(run, 2, "end")?.unwrap_or_else(|| "...".into());
    let leeway = usize::try_from(args.int(3, "leeway")?.unwrap_or(5)).unwrap_or(0);
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= length + leeway {
        return Ok(Value::from(text));
    }
    let mut cut: String = chars[..length.saturating_sub(end.chars().count())].iter().collect();
    if !args.flag(1, "killwords", false)
        && let Some(at) = cut.rfind(' ')
    {
        cut.truncate(at);
    }
    Ok(Value::from(cut + &end))
}

fn wordwrap(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let width = usize::try_from(args.int(0, "width")?.unwrap_or(79)).unwrap_or(79).max(1);
    let breaks = args.flag(1, "break_long_words", true);
    let glue = args.text(run, 2, "wrapstring")?.unwrap_or_else(|| "\n".into());
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let mut word = word.to_owned();
            let length = |s: &str| s.chars().count();
            if !line.is_empty() && length(&line) + 1 + length(&word) > width {
                lines.push(std::mem::take(&mut line));
            }
            while breaks && length(&word) > width {
                let at = word.char_indices().nth(width).map_or(word.len(), |(i, _)| i);
                let rest = word.split_off(at);
                lines.push(std::mem::replace(&mut word, rest));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    Ok(Value::from(lines.join(&glue)))
}

pub(super) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('\'', "&#39;").replace('"', "&#34;")
}

fn striptags(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let tags = run.engine.regexes.get("(?s)<!--.*?-->|<[^>]*>", Flags::default())?;
    let (bare, _) = regex::substitute(&tags, &text, "", 0)?;
    Ok(Value::from(bare.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn xmlattr(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let map = value.as_map().ok_or_else(|| wrong("needs a dict"))?;
    let mut out = String::new();
    for (key, member) in map.iter().filter(|(_, v)| !v.is_null()) {
        out.push_str(&format!(" {key}=\"{}\"", escape(&run.text(member)?)));
    }
    Ok(Value::from(out))
}

fn quote(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let text = if value.is_null() { String::new() } else { run.text(&value)? };
    Ok(Value::from(shell_quote(&text)))
}

/// `shlex.quote`.
pub(crate) fn shell_quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if text.is_empty() {
        "''".into()
    } else if text.chars().all(safe) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', "'\"'\"'"))
    }
}

/// `comment`: a text as a comment of some language.
fn comment(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let style = args.text(run, 0, "style")?.unwrap_or_else(|| "plain".into());
    let (beginning, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(wrong(format!("there is no comment style `{other}`"))),
    };
    let newline = args.text(run, 9, "newline")?.unwrap_or_else(|| "\n".into());
    let mut option = |name: &str, default: &str| -> Res<String> {
        args.named(name).map_or(Ok(default.to_owned()), |v| run.text(v))
    };
    let decoration = option("decoration", decoration)?;
    let beginning = option("beginning", beginning)?;
    let end = option("end", end)?;
    let trimmed = decoration.trim_end().to_owned();
    let prefix = option("prefix", &trimmed)?;
    let postfix = option("postfix", &trimmed)?;
    let count = |name: &str| args.int(9, name).map(|i| usize::try_from(i.unwrap_or(1)).unwrap_or(1));
    let mut out = String::new();
    if !beginning.is_empty() {
        out.push_str(&beginning);
        out.push_str(&newline);
    }
    for _ in 0..if prefix.is_empty() { 0 } else { count("prefix_count")? } {
        out.push_str(&prefix);
        out.push_str(&newline);
    }
    for (i, line) in text.split(&*newline).enumerate() {
        if i > 0 {
            out.push_str(&newline);
        }
        out.push_str(if line.is_empty() { &trimmed } else { &decoration });
        out.push_str(line);
    }
    for _ in 0..if postfix.is_empty() { 0 } else { count("postfix_count")? } {
        out.push_str(&newline);
        out.push_str(&postfix);
    }
    if !end.is_empty() {
        out.push_str(&newline);
        out.push_str(&end);
    }
    Ok(Value::from(out))
}

/// Ansible's flags by name or position.
pub(crate) fn flags(args: &Args, ignore_case: usize, multi_line: usize) -> Flags {
    Flags {
        ignore_case: args.flag(ignore_case, "ignorecase", false),
        multi_line: args.flag(multi_line, "multiline", false),
    }
}

fn regex_replace(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let pattern = args.text(run, 0, "pattern")?.unwrap_or_default();
    let with = args.text(run, 1, "replacement")?.unwrap_or_default();
    let compiled = run.engine.regexes.get(&pattern, flags(args, 2, 3))?;
    let count = args.int(4, "count")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let (out, made) = regex::substitute(&compiled, &text, &with, count)?;
    if let Some(wanted) = args.int(9, "mandatory_count")?
        && wanted > 0
        && usize::try_from(wanted).is_ok_and(|w| w != made)
    {
        return Err(wrong(format!("'{pattern}' should match {wanted} times, but matches {made} times")));
    }
    Ok(Value::from(out))
}

fn regex_search(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let pattern = args.need_text(run, 0, "regex")?;
    let compiled = run.engine.regexes.get(&pattern, flags(args, 99, 99))?;
    let found = compiled.captures(&text).map_err(|e| wrong(e.to_string()))?;
    let Some(found) = found else { return Ok(Value::Null) };
    let mut groups = List::new();
    for wanted in args.pos.iter().skip(1) {
        let wanted = run.text(wanted)?;
        let group = match (
            wanted.strip_prefix("\\g<").and_then(|w| w.strip_suffix('>')),
            wanted.strip_prefix('\\'),
        ) {
            (Some(name), _) => name.parse().map_or_else(|_| found.name(name), |n: usize| found.get(n)),
            (None, Some(number)) => {
                let n: usize = number.parse().map_err(|_| wrong(format!("unknown group `{wanted}`")))?;
                found.get(n)
            }
            (None, None) => return Err(wrong(format!("unknown group `{wanted}`"))),
        };
        groups.push(group.map_or(Value::Null, |m| Value::from(m.as_str())));
    }
    if groups.is_empty() {
        return Ok(Value::from(found.get(0).map_or("", |m| m.as_str())));
    }
    Ok(Value::from(groups))
}

fn regex_findall(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let pattern = args.need_text(run, 0, "regex")?;
    let compiled = run.engine.regexes.get(&pattern, flags(args, 2, 1))?;
    let mut out = List::new();
    for found in regex::all(&compiled, &text, 0)? {
        let group = |n: usize| Value::from(found.get(n).map_or("", |m| m.as_str()));
        out.push(match found.len() {
            1 => group(0),
            2 => group(1),
            n => Value::from((1..n).map(group).collect::<List>()),
        });
    }
    Ok(Value::from(out))
}

fn regex_escape(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let kind = args.text(run, 0, "re_type")?.unwrap_or_else(|| "python".into());
    Ok(Value::from(match kind.as_str() {
        "python" => regex::escape(&text),
        "posix_basic" => {
            let mut out = String::new();
            for c in text.chars() {
                if "[.^$*]\\".contains(c) && c != ']' {
                    out.push('\\');
                }
                out.push(c);
            }
            out
        }
        other => return Err(wrong(format!("there is no regular expression type `{other}`"))),
    }))
}
