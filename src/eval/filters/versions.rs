//! Version numbers: loose, strict and semantic order.

use super::FilterFn::{self, Deep};
use super::lists::items;
use crate::base::Value;
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::Run;
use std::cmp::Ordering;

pub(super) const TABLE: &[(&str, FilterFn)] = &[("version_sort", Deep(version_sort))];

fn version_sort(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let mut list = Vec::new();
    for item in items(&value)? {
        list.push((run.text(&item)?, item));
    }
    list.sort_by(|(a, _), (b, _)| loose_order(a, b));
    if args.flag(0, "reverse", false) {
        list.reverse();
    }
    Ok(Value::from(list.into_iter().map(|(_, item)| item).collect::<Vec<_>>()))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    // Ansible's loose version takes a word for older than any number.
    Word(String),
    Number(u64),
}

fn parts(version: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            out.push(Part::Number(rest[..end].parse().unwrap_or(u64::MAX)));
            rest = &rest[end..];
        } else if first == '.' {
            rest = &rest[1..];
        } else {
            let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
            out.push(Part::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    out
}

/// `distutils.version.LooseVersion`'s order.
pub(crate) fn loose_order(a: &str, b: &str) -> Ordering {
    parts(a).cmp(&parts(b))
}

fn strict(version: &str) -> Res<([u64; 3], Option<(char, u64)>)> {
    let bad = || wrong(format!("`{version}` is no strict version (like 1.2.3)"));
    let end = version.find(['a', 'b']).unwrap_or(version.len());
    let (numbers, pre) = version.split_at(end);
    let mut out = [0; 3];
    let fields: Vec<&str> = numbers.split('.').collect();
    if !(2..=3).contains(&fields.len()) {
        return Err(bad());
    }
    for (slot, field) in out.iter_mut().zip(fields) {
        *slot = field.parse().map_err(|_| bad())?;
    }
    let pre = match pre.chars().next() {
        None => None,
        Some(c) => Some((c, pre[1..].parse().map_err(|_| bad())?)),
    };
    Ok((out, pre))
}

fn semantic(version: &str) -> Res<([u64; 3], String)> {
    let bad = || wrong(format!("`{version}` is no semantic version (like 1.2.3-rc.1)"));
    let (rest, _build) = version.split_once('+').unwrap_or((version, ""));
    let (numbers, pre) = rest.split_once('-').unwrap_or((rest, ""));
    let fields: Vec<u64> = numbers.split('.').map(|f| f.parse().map_err(|_| bad())).collect::<Res<_>>()?;
    let numbers: [u64; 3] = fields.try_into().map_err(|_| bad())?;
    Ok((numbers, pre.to_owned()))
}

fn pre_order(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        _ => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                _ => x.cmp(y),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// `a operator b` by a way of comparing: `loose`, `strict`, `semver`, `pep440`.
pub(crate) fn compare_versions(a: &str, b: &str, operator: &str, how: &str) -> Res<bool> {
    if a.is_empty() || b.is_empty() {
        return Err(wrong("a version to compare is empty"));
    }
    let order = match how {
        "loose" | "pep440" => loose_order(a, b),
        "strict" => {
            let ((a, pre_a), (b, pre_b)) = (strict(a)?, strict(b)?);
            // A version without a pre-release mark is the later one.
            a.cmp(&b).then_with(|| match (pre_a, pre_b) {
                (None, None) => Ordering::Equal,
                (None, _) => Ordering::Greater,
                (_, None) => Ordering::Less,
                (x, y) => x.cmp(&y),
            })
        }
        "semver" | "semantic" => {
            let ((a, pre_a), (b, pre_b)) = (semantic(a)?, semantic(b)?);
            a.cmp(&b).then_with(|| pre_order(&pre_a, &pre_b))
        }
        other => return Err(wrong(format!("there is no version type `{other}`"))),
    };
    Ok(match operator {
        "==" | "=" | "eq" => order.is_eq(),
        "<" | "lt" => order.is_lt(),
        "<=" | "le" => order.is_le(),
        ">" | "gt" => order.is_gt(),
        ">=" | "ge" => order.is_ge(),
        "!=" | "<>" | "ne" => order.is_ne(),
        other => return Err(wrong(format!("`{other}` is no comparison"))),
    })
}
