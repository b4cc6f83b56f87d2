//! Tests: what may stand after `is`.

use super::call::Args;
use super::error::{ErrorKind, EvalError, Fail, Res, wrong};
use super::expr::Given;
use super::ir::Cmp;
use super::regex::Flags;
use super::run::{Run, V, unknown};
use super::{filters, ops, regex};
use crate::base::{List, Value};
use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

pub(crate) type TestFn = fn(&mut Run<'_>, V, Given) -> Res<bool>;

const TABLE: &[(&str, TestFn)] = &[
    ("defined", |_, v, _| defined(v)),
    ("undefined", |_, v, _| defined(v).map(|d| !d)),
    ("none", |r, v, _| Ok(r.force(v)?.is_null())),
    ("string", |r, v, _| Ok(matches!(r.force(v)?, Value::Str(_)))),
    ("mapping", |r, v, _| Ok(matches!(r.data(v).and_then(|d| r.force(V::Data(d)))?, Value::Map(_)))),
    ("iterable", |r, v, _| Ok(matches!(r.force(v)?, Value::Map(_) | Value::List(_) | Value::Str(_)))),
    ("sequence", |r, v, _| Ok(matches!(r.force(v)?, Value::Map(_) | Value::List(_) | Value::Str(_)))),
    ("list", |r, v, _| Ok(matches!(r.force(v)?, Value::List(_)))),
    ("number", |r, v, _| Ok(ops::Number::of(&r.force(v)?).is_some())),
    ("integer", |r, v, _| Ok(matches!(r.force(v)?, Value::Int(_)))),
    ("float", |r, v, _| Ok(matches!(r.force(v)?, Value::Float(_)))),
    ("boolean", |r, v, _| Ok(matches!(r.force(v)?, Value::Bool(_)))),
    ("true", |r, v, _| Ok(matches!(r.force(v)?, Value::Bool(true)))),
    ("false", |r, v, _| Ok(matches!(r.force(v)?, Value::Bool(false)))),
    ("truthy", |r, v, g| truthy(r, v, g)),
    ("falsy", |r, v, g| truthy(r, v, g).map(|t| !t)),
    ("callable", |_, v, _| Ok(matches!(v, V::Macro(_) | V::Global(_)))),
    ("odd", |r, v, _| Ok(whole(r, v)?.rem_euclid(2) == 1)),
    ("even", |r, v, _| Ok(whole(r, v)?.rem_euclid(2) == 0)),
    ("divisibleby", divisible),
    ("upper", |r, v, _| text(r, v).map(|s| s.chars().any(char::is_uppercase) && s == s.to_uppercase())),
    ("lower", |r, v, _| text(r, v).map(|s| s.chars().any(char::is_lowercase) && s == s.to_lowercase())),
    ("escaped", |_, _, _| Ok(false)),
    ("sameas", same),
    ("filter", |r, v, _| text(r, v).map(|s| filters::find(&s).is_some())),
    ("test", |r, v, _| text(r, v).map(|s| find(&s).is_some())),
    ("eq", |r, v, g| compared(r, v, g, Cmp::Eq)),
    ("==", |r, v, g| compared(r, v, g, Cmp::Eq)),
    ("equalto", |r, v, g| compared(r, v, g, Cmp::Eq)),
    ("ne", |r, v, g| compared(r, v, g, Cmp::Ne)),
    ("!=", |r, v, g| compared(r, v, g, Cmp::Ne)),
    ("lt", |r, v, g| compared(r, v, g, Cmp::Lt)),
    ("<", |r, v, g| compared(r, v, g, Cmp::Lt)),
    ("lessthan", |r, v, g| compared(r, v, g, Cmp::Lt)),
    ("le", |r, v, g| compared(r, v, g, Cmp::Le)),
    ("<=", |r, v, g| compared(r, v, g, Cmp::Le)),
    ("gt", |r, v, g| compared(r, v, g, Cmp::Gt)),
    (">", |r, v, g| compared(r, v, g, Cmp::Gt)),
    ("greaterthan", |r, v, g| compared(r, v, g, Cmp::Gt)),
    ("ge", |r, v, g| compared(r, v, g, Cmp::Ge)),
    (">=", |r, v, g| compared(r, v, g, Cmp::Ge)),
    ("in", |r, v, g| compared(r, v, g, Cmp::In)),
    ("contains", contains),
    ("subset", |r, v, g| sets(r, v, g, false)),
    ("issubset", |r, v, g| sets(r, v, g, false)),
    ("superset", |r, v, g| sets(r, v, g, true)),
    ("issuperset", |r, v, g| sets(r, v, g, true)),
    ("any", |r, v, _| quantified(r, v, true)),
    ("all", |r, v, _| quantified(r, v, false)),
    ("nan", |r, v, _| Ok(matches!(r.force(v)?, Value::Float(x) if x.is_nan()))),
    ("isnan", |r, v, _| Ok(matches!(r.force(v)?, Value::Float(x) if x.is_nan()))),
    ("match", |r, v, g| matches_regex(r, v, g, Anchor::Start)),
    ("search", |r, v, g| matches_regex(r, v, g, Anchor::No)),
    ("regex", |r, v, g| matches_regex(r, v, g, Anchor::No)),
    ("version", version),
    ("version_compare", version),
    ("succeeded", |r, v, _| outcome(r, v, "failed").map(|f| !f)),
    ("success", |r, v, _| outcome(r, v, "failed").map(|f| !f)),
    ("successful", |r, v, _| outcome(r, v, "failed").map(|f| !f)),
    ("failed", |r, v, _| outcome(r, v, "failed")),
    ("failure", |r, v, _| outcome(r, v, "failed")),
    ("changed", changed),
    ("change", changed),
    ("skipped", |r, v, _| outcome(r, v, "skipped")),
    ("skip", |r, v, _| outcome(r, v, "skipped")),
    ("started", |r, v, _| outcome(r, v, "started")),
    ("finished", |r, v, _| outcome(r, v, "finished")),
    ("reachable", |r, v, _| outcome(r, v, "unreachable").map(|u| !u)),
    ("unreachable", |r, v, _| outcome(r, v, "unreachable")),
    ("timedout", timed_out),
    ("file", |r, v, _| on_path(r, v, Path::is_file)),
    ("is_file", |r, v, _| on_path(r, v, Path::is_file)),
    ("directory", |r, v, _| on_path(r, v, Path::is_dir)),
    ("is_dir", |r, v, _| on_path(r, v, Path::is_dir)),
    ("exists", |r, v, _| on_path(r, v, Path::exists)),
    ("link", |r, v, _| on_path(r, v, Path::is_symlink)),
    ("is_link", |r, v, _| on_path(r, v, Path::is_symlink)),
    ("link_exists", |r, v, _| on_path(r, v, |p| p.symlink_metadata().is_ok())),
    ("abs", |r, v, _| on_path(r, v, Path::is_absolute)),
    ("is_abs", |r, v, _| on_path(r, v, Path::is_absolute)),
    ("same_file", same_file),
    ("is_same_file", same_file),
    ("mount", |r, v, _| on_path(r, v, is_mount)),
    ("vault_encrypted", vaulted),
    ("vaulted_file", |r, v, _| {
        on_path(r, v, |p| std::fs::read(p).is_ok_and(|b| b.starts_with(b"$ANSIBLE_VAULT;")))
    }),
    ("uri", |r, v, g| uri(r, v, g, &[])),
    ("url", |r, v, g| uri(r, v, g, &["http", "https", "ftp"])),
    ("urn", |r, v, _| text(r, v).map(|s| s.to_lowercase().starts_with("urn:"))),
    ("ip", |r, v, _| Ok(filters::address_ok(&r.force(v)?, None))),
    ("ip_address", |r, v, _| Ok(filters::address_ok(&r.force(v)?, None))),
    ("ipv4", |r, v, _| Ok(filters::address_ok(&r.force(v)?, Some(4)))),
    ("ipv4_address", |r, v, _| Ok(filters::address_ok(&r.force(v)?, Some(4)))),
    ("ipv6", |r, v, _| Ok(filters::address_ok(&r.force(v)?, Some(6)))),
    ("ipv6_address", |r, v, _| Ok(filters::address_ok(&r.force(v)?, Some(6)))),
];

fn all() -> &'static HashMap<&'static str, TestFn> {
    static ALL: OnceLock<HashMap<&'static str, TestFn>> = OnceLock::new();
    ALL.get_or_init(|| TABLE.iter().copied().collect())
}

pub(crate) fn find(name: &str) -> Option<TestFn> {
    all().get(filters::short(name)).copied()
}

/// The names of all tests, sorted.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = TABLE.iter().map(|(n, _)| *n).collect();
    names.sort_unstable();
    names
}

pub(crate) fn missing(name: &str) -> Fail {
    let near = crate::base::diag::nearest(filters::short(name), TABLE.iter().map(|(n, _)| *n));
    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    EvalError::new(ErrorKind::Syntax, format!("there is no test `{name}`{hint}"))
}

fn defined(v: V) -> Res<bool> {
    match v {
        V::Undefined(_) => Ok(false),
        V::Data(Value::Unknown(why)) => Err(unknown(why)),
        _ => Ok(true),
    }
}

fn text(run: &mut Run<'_>, v: V) -> Res<String> {
    let value = run.force(v)?;
    run.text(&value)
}

fn whole(run: &mut Run<'_>, v: V) -> Res<i64> {
    match run.force(v)? {
        Value::Int(i) => Ok(i),
        Value::Bool(b) => Ok(b.into()),
        other => Err(wrong(format!("needs an int, not {}", other.type_name()))),
    }
}

fn truthy(run: &mut Run<'_>, v: V, given: Given) -> Res<bool> {
    let args = Args::of(run, given)?;
    let value = run.force(v)?;
    match &value {
        Value::Str(s) if args.flag(0, "convert_bool", false) => {
            Ok(filters::word_truth(s).unwrap_or(!s.is_empty()))
        }
        other => Ok(other.truth().unwrap_or(true)),
    }
}

fn divisible(run: &mut Run<'_>, v: V, given: Given) -> Res<bool> {
    let args = Args::of(run, given)?;
    let by = args.int(0, "num")?.filter(|n| *n != 0).ok_or_else(|| wrong("needs a number that is not 0"))?;
    Ok(whole(run, v)? % by == 0)
}

fn pair(run: &mut Run<'_>, v: V, given: Given) -> Res<(Value, Value)> {
    let args = Args::of(run, given)?;
    let left = match v {
        V::Data(Value::Omit) => Value::Omit,
        v => run.ready(v)?,
    };
    Ok((left, args.need(0, "other")?.clone()))
}

fn same(run: &mut Run<'_>, v: V, given: Given) -> Res<bool> {
    let (left, right) = pair(run, v, given)?;
    Ok(left == right)
}

fn compared(run: &mut Run<'_>, v: V, given: Given, op: Cmp) -> Res<bool> {
    let (left, right) = pair(run, v, given)?;
    ops::compare(op, &left, &right)
}

fn contains(run: &mut Run<'_>, v: V, given: Given) -> Res<bool> {
    let (hay, needle) = pair(run, v, given)?;
    ops::contains(&hay, &needle)
}

fn list(value: &Value) -> Res<List> {
    match value {
        Value::List(l) => Ok((**l).clone()),
        Value::Map(m) => Ok(m.keys().map(|k| k.to_value()).collect()),
        other => Err(wrong(format!("needs a list, not {}", other.type_name()))),
    }
}

fn sets(run: &mut Run<'_>, v: V, given: Given, superset: bool) -> Res<bool> {
    let (left, right) = pair(run, v, given)?;
    let (small, large) = if superset { (list(&right)?, list(&left)?) } else { (list(&left)?, list(&right)?) };
    Ok(small.iter().all(|i| large.iter().any(|o| ops::equal(i, o))))
}

fn quantified(run: &mut Run<'_>, v: V, any: bool) -> Res<bool> {
    for item in run.items(v)? {
        if run.truth(item)? == any {
            return Ok(any);
        }
    }
    Ok(!any)
}

#[derive(Copy, Clone, PartialEq)]
enum Anchor {
    No,
    Start,
    Whole,
}

fn matches_regex(run: &mut Run<'_>, v: V, given: Given, anchor: Anchor) -> Res<bool> {
    let subject = text(run, v)?;
    let args = Args::of(run, given)?;
    let pattern = args.need_text(run, 0, "pattern")?;
    let flags = Flags {
        ignore_case: args.flag(1, "ignorecase", false),
        multi_line: args.flag(2, "multiline", false),
    };
    let anchor = match args.named("match_type").and_then(Value::as_str) {
        Some("match") => Anchor::Start,
        Some("fullmatch") => Anchor::Whole,
        _ => anchor,
    };
    let pattern = match anchor {
        Anchor::No => pattern,
        Anchor::Start => format!("\\A(?:{pattern})"),
        Anchor::Whole => format!("\\A(?:{pattern})\\Z"),
    };
    let compiled = run.engine.regexes.get(&pattern, flags)?;
    Ok(!regex::all(&compiled, &subject, 1)?.is_empty())
}

fn version(run: &mut Run<'_>, v: V, given: Given) -> Res<bool> {
    let left = text(run, v)?;
    let args = Args::of(run, given)?;
    let right = args.need_text(run, 0, "version")?;
    let operator = args.text(run, 1, "operator")?.unwrap_or_else(|| "eq".into());
    let how = match (args.text(run, 3, "version_type")?, args.flag(2, "strict", false)) {
        (Some(how), _) => how,
        (None, true) => "strict".into(),
        (None, false) => "loose".into(),
    };
    filters::compare_versions(&left, &right, &operator, &how)
}

/// A member of a task's result as a truth value; absent is false.
fn outcome(run: &mut Run<'_>, v: V, name: &str) -> Res<bool> {
    let value = run.force(v)?;
    if value.as_map().is_none() {
        return Err(wrong(format!("needs the result of a task (a dict), not {}", value.type_name())));
    }
    match value.get(name).cloned() {
        Some(member) => {
            let v = run.settle(member, name)?;
            run.truth(v)
        }
        // What never ran in the background is over.
        None if matches!(name, "started" | "finished") => Ok(true),
        // A loop's result is skipped when all its items were.
        None if name == "skipped" => {
            let results = value.get("results").and_then(Value::as_list);
            Ok(results.is_some_and(|r| {
                !r.is_empty() && r.iter().all(|i| i.get("skipped").is_some_and(|s| s.truth() == Some(true)))
            }))
        }
        None => Ok(false),
    }
}

fn changed(run: &mut Run<'_>, v: V, _: Given) -> Res<bool> {
    let value = run.force(v)?;
    if let (None, Some(results)) = (value.get("changed"), value.get("results").and_then(Value::as_list)) {
        return Ok(results.iter().any(|r| r.get("changed").is_some_and(|c| c.truth() == Some(true))));
    }
    outcome(run, V::Data(value), "changed")
}

fn timed_out(run: &mut Run<'_>, v: V, _: Given) -> Res<bool> {
    let value = run.force(v)?;
    let period = value.get("timedout").and_then(|t| t.get("period")).and_then(Value::truth);
    Ok(period.unwrap_or(false))
}

fn on_path(run: &mut Run<'_>, v: V, test: fn(&Path) -> bool) -> Res<bool> {
    text(run, v).map(|s| test(Path::new(&s)))
}

fn is_mount(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |p: &Path| p.metadata().map(|m| (m.dev(), m.ino())).ok();
    match (device(path), device(&path.join(".."))) {
        (Some(here), Some(above)) => here.0 != above.0 || here.1 == above.1,
        _ => false,
    }
}

fn same_file(run: &mut Run<'_>, v: V, given: Given) -> Res<bool> {
    use std::os::unix::fs::MetadataExt;
    let left = text(run, v)?;
    let args = Args::of(run, given)?;
    let right = args.need_text(run, 0, "path")?;
    let id =
        |p: &str| std::fs::metadata(p).map(|m| (m.dev(), m.ino())).map_err(|e| wrong(format!("{p}: {e}")));
    Ok(id(&left)? == id(&right)?)
}

fn vaulted(run: &mut Run<'_>, v: V, _: Given) -> Res<bool> {
    Ok(match run.data(v)? {
        Value::Secret(_) => true,
        Value::Str(s) => s.starts_with("$ANSIBLE_VAULT;"),
        _ => false,
    })
}

fn uri(run: &mut Run<'_>, v: V, given: Given, schemes: &[&str]) -> Res<bool> {
    let text = text(run, v)?;
    let args = Args::of(run, given)?;
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(false) };
    let wanted: Vec<String> = match args.get(0, "schemes") {
        Some(Value::List(l)) => l.iter().map(|s| run.text(s)).collect::<Res<_>>()?,
        _ => schemes.iter().map(|s| (*s).to_owned()).collect(),
    };
    let legal = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) && !scheme.is_empty();
    let known = wanted.is_empty() || wanted.iter().any(|w| w == scheme);
    Ok(legal && known && (schemes.is_empty() || rest.starts_with("//") && rest.len() > 2))
}
