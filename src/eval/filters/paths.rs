//! Filters over paths, of this machine's kind and of Windows'.

use super::FilterFn::{self, Deep};
use super::lists::items;
use crate::base::{List, Value};
use crate::eval::call::Args;
use crate::eval::error::Res;
use crate::eval::run::Run;
use std::path::{Component, Path, PathBuf};

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("basename", Deep(|r, v, _| on(r, v, |s| s.rsplit('/').next().unwrap_or("").to_owned()))),
    ("dirname", Deep(|r, v, _| on(r, v, dirname))),
    ("splitext", Deep(splitext)),
    ("realpath", Deep(|r, v, _| on(r, v, realpath))),
    ("relpath", Deep(relpath)),
    ("normpath", Deep(|r, v, _| on(r, v, |s| normal(Path::new(s)).display().to_string()))),
    ("path_join", Deep(path_join)),
    ("commonpath", Deep(commonpath)),
    ("expanduser", Deep(|r, v, _| on(r, v, expanduser))),
    ("expandvars", Deep(|r, v, _| on(r, v, expandvars))),
    ("win_basename", Deep(|r, v, _| on(r, v, |s| s.rsplit(['\\', '/']).next().unwrap_or("").to_owned()))),
    ("win_dirname", Deep(|r, v, _| on(r, v, |s| s.rfind(['\\', '/']).map_or("", |i| &s[..i]).to_owned()))),
    ("win_splitdrive", Deep(win_splitdrive)),
    ("fileglob", Deep(fileglob)),
];

fn on(run: &mut Run<'_>, value: Value, change: fn(&str) -> String) -> Res<Value> {
    run.text(&value).map(|s| Value::from(change(&s)))
}

pub(crate) fn dirname(path: &str) -> String {
    let Some(at) = path.rfind('/') else { return String::new() };
    let head = &path[..=at];
    let trimmed = head.trim_end_matches('/');
    if trimmed.is_empty() { head.to_owned() } else { trimmed.to_owned() }
}

fn splitext(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let name_at = text.rfind('/').map_or(0, |i| i + 1);
    let lead = text[name_at..].len() - text[name_at..].trim_start_matches('.').len();
    let dot = text[name_at + lead..].rfind('.').map(|i| name_at + lead + i);
    let (root, ext) = text.split_at(dot.unwrap_or(text.len()));
    Ok(Value::from(vec![Value::from(root), Value::from(ext)]))
}

/// `..` and `.` taken out by text alone.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            Component::ParentDir if out.has_root() => {}
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

fn absolute(path: &str) -> PathBuf {
    normal(&std::env::current_dir().unwrap_or_default().join(path))
}

fn realpath(path: &str) -> String {
    let whole = absolute(path);
    // What exists is followed, the rest is kept.
    let mut tail = Vec::new();
    let mut head = whole.as_path();
    loop {
        if let Ok(real) = head.canonicalize() {
            return tail.iter().rev().fold(real, |p: PathBuf, n| p.join(n)).display().to_string();
        }
        match (head.parent(), head.file_name()) {
            (Some(parent), Some(name)) => {
                tail.push(name.to_owned());
                head = parent;
            }
            _ => return whole.display().to_string(),
        }
    }
}

fn relpath(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let path = absolute(&run.text(&value)?);
    let start = absolute(&args.text(run, 0, "start")?.unwrap_or_else(|| ".".into()));
    let common = path.components().zip(start.components()).take_while(|(a, b)| a == b).count();
    let mut out = PathBuf::new();
    for _ in start.components().skip(common) {
        out.push("..");
    }
    out.extend(path.components().skip(common));
    Ok(Value::from(if out.as_os_str().is_empty() { ".".to_owned() } else { out.display().to_string() }))
}

fn path_join(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let mut parts = match &value {
        Value::List(l) => l.iter().map(|v| run.text(v)).collect::<Res<Vec<_>>>()?,
        other => vec![run.text(other)?],
    };
    for more in &args.pos {
        parts.push(run.text(more)?);
    }
    let mut out = String::new();
    for part in parts {
        if part.starts_with('/') {
            out = part;
        } else {
            if !out.is_empty() && !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(&part);
        }
    }
    Ok(Value::from(out))
}

fn commonpath(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let mut common: Option<PathBuf> = None;
    for item in items(&value)? {
        let path = PathBuf::from(run.text(&item)?);
        common = Some(match common {
            None => path,
            Some(c) => {
                c.components().zip(path.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
            }
        });
    }
    Ok(Value::from(common.unwrap_or_default().display().to_string()))
}

pub(crate) fn expanduser(path: &str) -> String {
    match (path.strip_prefix('~'), std::env::var("HOME")) {
        (Some(rest), Ok(home)) if rest.is_empty() || rest.starts_with('/') => home + rest,
        _ => path.to_owned(),
    }
}

fn expandvars(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, end) = match after.strip_prefix('{').and_then(|a| a.find('}').map(|e| (&a[..e], e + 2))) {
            Some(braced) => braced,
            None => {
                let end =
                    after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match std::env::var(name) {
            Ok(value) if !name.is_empty() => out.push_str(&value),
            _ => out.push_str(&rest[at..at + 1 + end]),
        }
        rest = &after[end..];
    }
    out + rest
}

fn win_splitdrive(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let drive = if text.as_bytes().get(1) == Some(&b':') { 2 } else { 0 };
    Ok(Value::from(vec![Value::from(&text[..drive]), Value::from(&text[drive..])]))
}

fn fileglob(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let pattern = run.text(&value)?;
    let found = crate::eval::lookups::glob(Path::new(&pattern))?;
    Ok(Value::from(found.into_iter().map(|p| Value::from(p.display().to_string())).collect::<List>()))
}
