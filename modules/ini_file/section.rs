//! Which section of the file is meant, where several have its name.

use crate::base::Value;
use crate::modules::{Args, ArgsExt};
use crate::spec::to_text;

/// What a section has to have: an option, with one of these values where there are any.
pub struct Condition {
    pub option: String,
    pub values: Vec<String>,
}

/// The conditions of `section_has_values`.
pub fn conditions(args: &Args) -> Vec<Condition> {
    let one = |item: &Value| {
        let given = |name: &str| item.get(name).filter(|v| !v.is_null());
        let values = match (given("value"), given("values")) {
            (Some(value), _) => vec![to_text(value)],
            (None, Some(Value::List(values))) => values.iter().map(to_text).collect(),
            _ => Vec::new(),
        };
        Condition { option: given("option").map(to_text).unwrap_or_default(), values }
    };
    args.items("section_has_values").iter().map(one).collect()
}

/// From a section's head to its end; the part before all sections has no head but begins at 0.
pub fn find(lines: &[String], section: &str, conditions: &[Condition]) -> Option<(usize, usize)> {
    let end = |first: usize| {
        let head = lines[first..].iter().position(|l| l.trim_start().starts_with('['));
        head.map_or(lines.len(), |n| first + n)
    };
    if section.is_empty() {
        return Some((0, end(0))).filter(|(_, end)| all_hold(&lines[..*end], conditions));
    }
    let wanted = format!("[{section}]");
    let heads = lines.iter().enumerate().filter(|(_, line)| line.trim().starts_with(&wanted));
    let mut spans = heads.map(|(head, _)| (head, end(head + 1)));
    spans.find(|(head, end)| all_hold(&lines[*head..*end], conditions))
}

fn all_hold(lines: &[String], conditions: &[Condition]) -> bool {
    conditions.iter().all(|condition| lines.iter().any(|line| holds(line, condition)))
}

/// Whether a line, also one behind `#` or `;`, is what the condition wants.
fn holds(line: &str, condition: &Condition) -> bool {
    let line = line.trim();
    let text = line.strip_prefix(['#', ';']).unwrap_or(line).trim_start();
    let Some(rest) = text.strip_prefix(&condition.option).map(str::trim_start) else { return false };
    let value = match rest.strip_prefix('=') {
        Some(value) => value.trim(),
        None if rest.is_empty() => "",
        None => return false,
    };
    condition.values.is_empty() || condition.values.iter().any(|v| v == value)
}
