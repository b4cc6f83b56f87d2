//! Lookups of one value in an INI or CSV file.

use super::{Call, files};
use crate::base::{List, Value};
use crate::eval::error::{Res, lookup_failed};
use crate::eval::regex::{self, Flags};
use crate::eval::run::Run;

/// A term's words: the key (with its blanks) and the `name=value` options after it.
fn words(term: &str, known: &[&str]) -> (String, Vec<(String, String)>) {
    let mut key = Vec::new();
    let mut options = Vec::new();
    for word in term.split(' ') {
        match word.split_once('=') {
            Some((name, value)) if known.contains(&name) => options.push((name.to_owned(), value.to_owned())),
            _ => key.push(word),
        }
    }
    (key.join(" "), options)
}

pub(super) fn ini(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for term in call.texts(run)? {
        let (key, inline) = words(&term, &["section", "file", "re", "default", "type", "encoding"]);
        let mut option = |name: &str| -> Res<Option<String>> {
            match inline.iter().find(|(n, _)| n == name) {
                Some((_, v)) => Ok(Some(v.clone())),
                None => call.option_text(run, name),
            }
        };
        let file = option("file")?.unwrap_or_else(|| "ansible.ini".into());
        let properties = option("type")?.is_some_and(|t| t == "properties");
        let wanted = option("section")?.unwrap_or_else(|| "global".into());
        let default = option("default")?.unwrap_or_default();
        let by_regex = option("re")?.is_some_and(|r| crate::eval::filters::word_truth(&r) == Some(true));
        let path = files::locate(run, &file)?;
        let text = files::read(run, &path)?;
        let mut section = String::new();
        let mut found = Vec::new();
        let compiled = if by_regex { Some(run.engine.regexes.get(&key, Flags::default())?) } else { None };
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.split_once(']')) {
                section = name.0.to_owned();
            } else if let Some((name, value)) = line.split_once(['=', ':'])
                && !line.starts_with(['#', ';'])
                && (section == wanted || properties)
            {
                let name = name.trim();
                let fits = match &compiled {
                    Some(regex) => !regex::all(regex, name, 1)?.is_empty(),
                    None => name.eq_ignore_ascii_case(&key),
                };
                if fits {
                    found.push(value.trim().to_owned());
                }
            }
        }
        match (by_regex, found.pop()) {
            (true, last) => out.extend(found.into_iter().chain(last).map(Value::from)),
            (false, Some(value)) => out.push(Value::from(value)),
            (false, None) => out.push(Value::from(default)),
        }
    }
    Ok(out)
}

/// One line's fields, quotes understood.
fn fields(line: &str, delimiter: char) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                if let Some(last) = out.last_mut() {
                    last.push('"');
                }
            }
            '"' => quoted = !quoted,
            c if c == delimiter && !quoted => out.push(String::new()),
            c => {
                if let Some(last) = out.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    out
}

pub(super) fn csvfile(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for term in call.texts(run)? {
        let (key, inline) = words(&term, &["file", "delimiter", "col", "default", "encoding", "keycol"]);
        let mut option = |name: &str| -> Res<Option<String>> {
            match inline.iter().find(|(n, _)| n == name) {
                Some((_, v)) => Ok(Some(v.clone())),
                None => call.option_text(run, name),
            }
        };
        let file = option("file")?.unwrap_or_else(|| "ansible.csv".into());
        let delimiter = match option("delimiter")?.as_deref() {
            None | Some("TAB" | "\\t" | "t") => '\t',
            Some(other) => other.chars().next().unwrap_or('\t'),
        };
        let index = |text: Option<String>, default: usize| match text {
            None => Ok(default),
            Some(t) => t.parse::<usize>().map_err(|_| lookup_failed(format!("`{t}` is no column"))),
        };
        let column = index(option("col")?, 1)?;
        let key_column = index(option("keycol")?, 0)?;
        let default = option("default")?;
        let path = files::locate(run, &file)?;
        let text = files::read(run, &path)?;
        let row = text.lines().map(|l| fields(l, delimiter)).find(|f| f.get(key_column) == Some(&key));
        match (row.and_then(|f| f.get(column).cloned()), default) {
            (Some(value), _) => out.push(Value::from(value)),
            (None, Some(default)) => out.push(Value::from(default)),
            (None, None) => out.push(Value::from(List::new())),
        }
    }
    Ok(out)
}
