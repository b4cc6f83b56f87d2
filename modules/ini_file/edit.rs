//! The edit itself, on text: pure.

use super::section::{self, Condition};
use crate::modules::{Args, ArgsExt, Failure};

pub struct Edited {
    pub content: String,
    pub message: &'static str,
}

/// What is wanted of one option.
struct Wanted<'a> {
    args: &'a Args,
    option: &'a str,
    values: Vec<&'a str>,
}

impl Wanted<'_> {
    fn line(&self, value: Option<&str>) -> String {
        let equals = if self.args.bool("no_extra_spaces") { "=" } else { " = " };
        match value {
            Some(value) => format!("{}{equals}{value}\n", self.option),
            None => format!("{}\n", self.option),
        }
    }

    /// The value of a line that sets the option; `Some(None)`: the name alone. `inactive`: behind `#` or `;`.
    fn read<'l>(&self, line: &'l str, inactive: bool) -> Option<Option<&'l str>> {
        let mut text = line.trim();
        if inactive {
            text = text.strip_prefix(['#', ';'])?.trim_start();
        }
        let rest = text.strip_prefix(self.option)?;
        let after = rest.trim_start();
        match after.strip_prefix('=') {
            Some(value) => Some(Some(value.trim())),
            None if after.is_empty() => Some(None),
            None => None,
        }
    }

    fn same(&self, line: &str, value: &str) -> bool {
        let bare = line.trim_end_matches(['\r', '\n']);
        let exact = bare == self.line(Some(value)).trim_end();
        exact || self.args.bool("ignore_spaces") && self.read(line, false) == Some(Some(value))
    }
}

pub fn edit(args: &Args, text: &str) -> Result<Option<Edited>, Failure> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(String::from).collect();
    if let Some(last) = lines.last_mut().filter(|l| !l.ends_with('\n')) {
        last.push('\n');
    }
    let section = args.str("section");
    let present = args.str("state") != "absent";
    let conditions = section::conditions(args);
    let span = section::find(&lines, section, &conditions);
    let message = match (args.opt_str("option"), present) {
        (None, false) => match span {
            Some((head, end)) => {
                lines.drain(head..end);
                "section removed"
            }
            None => return Ok(None),
        },
        (None, true) => match span {
            Some(_) => return Ok(None),
            None => {
                lines.push(format!("[{section}]\n"));
                let wanted = Wanted { args, option: "", values: Vec::new() };
                fulfil(&wanted, &mut lines, &conditions);
                "only section added"
            }
        },
        (Some(option), _) => {
            let mut values = args.list("values");
            values.extend(args.opt_str("value"));
            let mut wanted = Wanted { args, option, values };
            match (present, span) {
                (false, None) => return Ok(None),
                (false, Some((head, end))) => remove(&wanted, &mut lines, head, end, section),
                (true, Some((head, end))) => set(&wanted, &mut lines, head, end, section)?,
                (true, None) => {
                    lines.push(format!("[{section}]\n"));
                    wanted.values.extend(fulfil(&wanted, &mut lines, &conditions));
                    add(&wanted, &mut lines)?;
                    "section and option added"
                }
            }
        }
    };
    let content = lines.concat();
    let same = content == text || !text.ends_with('\n') && content.strip_suffix('\n') == Some(text);
    Ok((!same).then_some(Edited { content, message }))
}

fn remove(
    wanted: &Wanted<'_>,
    lines: &mut Vec<String>,
    head: usize,
    end: usize,
    section: &str,
) -> &'static str {
    let first = if section.is_empty() { head } else { head + 1 };
    let all = wanted.args.opt_bool("exclusive").unwrap_or(true) || wanted.values.is_empty();
    let mut at = 0;
    lines.retain(|line| {
        let index = at;
        at += 1;
        if !(first..end).contains(&index) {
            return true;
        }
        match wanted.read(line, false) {
            Some(value) => !(all || value.is_some_and(|v| wanted.values.contains(&v))),
            None => true,
        }
    });
    "option changed"
}

fn set(
    wanted: &Wanted<'_>,
    lines: &mut Vec<String>,
    head: usize,
    end: usize,
    section: &str,
) -> Result<&'static str, Failure> {
    let first = if section.is_empty() { head } else { head + 1 };
    let exclusive = wanted.args.opt_bool("exclusive").unwrap_or(true);
    let inactive = wanted.args.opt_bool("modify_inactive_option").unwrap_or(true);
    if wanted.values.is_empty() {
        return name_alone(wanted, lines, first, end);
    }
    let mut missing: Vec<&str> = wanted.values.clone();
    // Lines that are right stay; then the places of wrong ones, then of inactive ones, are taken.
    let mut spare = Vec::new();
    for (index, line) in lines.iter().enumerate().take(end).skip(first) {
        if let Some(found) = missing.iter().position(|v| wanted.same(line, v)) {
            missing.remove(found);
        } else if wanted.read(line, false).is_some() && exclusive {
            spare.push(index);
        }
    }
    let mut taken = Vec::new();
    let mut drop_lines = Vec::new();
    for index in spare {
        match missing.first() {
            Some(value) => {
                lines[index] = wanted.line(Some(value));
                taken.push(index);
                missing.remove(0);
            }
            None => drop_lines.push(index),
        }
    }
    if inactive {
        for line in lines.iter_mut().take(end).skip(first) {
            if let Some(value) = missing.first()
                && wanted.read(line, true).is_some()
            {
                *line = wanted.line(Some(value));
                missing.remove(0);
            }
        }
    }
    let message = if missing.is_empty() { "option changed" } else { "option added" };
    insert(lines, first, end, missing.iter().map(|v| wanted.line(Some(v))).collect());
    for index in drop_lines.into_iter().rev() {
        lines.remove(index);
    }
    Ok(message)
}

fn name_alone(
    wanted: &Wanted<'_>,
    lines: &mut Vec<String>,
    first: usize,
    end: usize,
) -> Result<&'static str, Failure> {
    if !wanted.args.bool("allow_no_value") {
        return Err(Failure::new("an option needs a `value`, or `allow_no_value: true`"));
    }
    let place = (first..end).find(|i| wanted.read(&lines[*i], false).is_some());
    match place {
        Some(index) => {
            if lines[index].trim() != wanted.option {
                lines[index] = wanted.line(None);
            }
            Ok("option changed")
        }
        None => {
            insert(lines, first, end, vec![wanted.line(None)]);
            Ok("option added")
        }
    }
}

/// New options go behind the section's last option: comments at its end are likely those of what follows.
fn insert(lines: &mut Vec<String>, first: usize, end: usize, new: Vec<String>) {
    let mut at = end;
    let idle = |line: &str| line.trim().is_empty() || line.trim().starts_with(['#', ';']);
    while at > first && idle(&lines[at - 1]) {
        at -= 1;
    }
    lines.splice(at..at, new);
}

/// A new section has what it is to be known by; more values of the option itself are told, where others may stand beside.
fn fulfil<'c>(wanted: &Wanted<'_>, lines: &mut Vec<String>, conditions: &'c [Condition]) -> Vec<&'c str> {
    let mut more = Vec::new();
    for Condition { option, values } in conditions {
        let line = Wanted { args: wanted.args, option, values: Vec::new() };
        if option == wanted.option {
            let exclusive = wanted.args.opt_bool("exclusive").unwrap_or(true);
            more.extend(
                values.iter().map(String::as_str).filter(|v| !exclusive && !wanted.values.contains(v)),
            );
        } else if values.is_empty() && wanted.args.bool("allow_no_value") {
            lines.push(line.line(None));
        } else {
            lines.extend(values.iter().map(|value| line.line(Some(value))));
        }
    }
    more
}

fn add(wanted: &Wanted<'_>, lines: &mut Vec<String>) -> Result<(), Failure> {
    if wanted.values.is_empty() && !wanted.args.bool("allow_no_value") {
        return Err(Failure::new("an option needs a `value`, or `allow_no_value: true`"));
    }
    if wanted.values.is_empty() {
        lines.push(wanted.line(None));
    }
    lines.extend(wanted.values.iter().map(|v| wanted.line(Some(v))));
    Ok(())
}
