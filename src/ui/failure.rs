//! A failure told in full: the task, its place, its source line, the message, what the command said.

use super::style::{Paint, Style, one_line, printable};
use crate::base::Value;
use crate::base::source::without_secrets;
use crate::exec::event::{ItemDone, Outcome, TaskDone};
use std::io::{BufRead, BufReader};

/// Lines of a command's output shown; the last ones, where the reason is.
const TAIL: usize = 20;

/// The block of text for one failed or unreachable task.
pub fn block(done: &TaskDone, style: Style) -> String {
    let task = &done.task;
    if done.outcome == Outcome::Unreachable {
        return unreachable(done, style);
    }
    let title = format!("FAILED {}: {}", task.host, printable(&task.name));
    let mut text = style.paint(Paint::Bad, &title) + "\n";
    if !task.place.is_empty() {
        text += &format!("  at {}\n", task.place);
        if let Some((number, line)) = source_line(&task.place).filter(|_| !done.no_log) {
            text += &style.paint(Paint::Quiet, &format!("  {number:>5} | {line}\n"));
        }
    }
    if done.no_log {
        return text + &format!("  {}: the output is hidden because of `no_log: true`", task.action);
    }
    let failed: Vec<&ItemDone> = done.items.iter().filter(|i| is_failure(i.outcome)).collect();
    match failed.as_slice() {
        [] => text += &message(&task.action, &done.message, &done.result, style),
        items => {
            for item in items {
                if let Some(label) = &item.label {
                    text += &format!("  item {}\n", printable(&label_text(label)));
                }
                let words = if item.message.is_empty() { &done.message } else { &item.message };
                text += &message(&task.action, words, &item.result, style);
            }
        }
    }
    text.trim_end().to_string()
}

/// What matters is the host; the task it was lost at comes last.
fn unreachable(done: &TaskDone, style: Style) -> String {
    let (task, items) = (&done.task, &done.items);
    let told = items.iter().find(|i| i.outcome == Outcome::Unreachable && !i.message.is_empty());
    let words = told.map_or(&done.message, |item| &item.message);
    // The connection's own words begin with the host, which may be another than the task's.
    let words = words.strip_prefix(&format!("{}: ", task.host)).unwrap_or(words);
    let at = if task.place.is_empty() { String::new() } else { format!(" ({})", task.place) };
    let title = style.paint(Paint::Bad, &format!("UNREACHABLE {}", task.host));
    format!("{title}: {}\n  at {}{at}", indented(words), printable(&task.name))
}

fn is_failure(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed | Outcome::Unreachable)
}

fn message(action: &str, words: &str, result: &Value, style: Style) -> String {
    let words = match words {
        "" => result.get("msg").map_or_else(|| "failed without a message".into(), label_text),
        words => words.to_string(),
    };
    let mut text = format!("  {action}: {}\n", indented(&words));
    if let Some(rc) = result.get("rc").filter(|rc| !rc.is_null()) {
        text += &format!("  exit status {}\n", rc.to_json());
    }
    for name in ["stderr", "stdout"] {
        let output = result.get(name).and_then(Value::as_str).map(str::trim_end).unwrap_or_default();
        if !output.is_empty() && !words.contains(output) {
            text += &format!("  {name}:\n{}", tail(output, style));
        }
    }
    text
}

fn indented(words: &str) -> String {
    printable(words.trim_end()).replace('\n', "\n    ")
}

fn tail(output: &str, style: Style) -> String {
    let clean = printable(output);
    let lines: Vec<&str> = clean.lines().collect();
    let left_out = lines.len().saturating_sub(TAIL);
    let mut text = String::new();
    if left_out > 0 {
        text += &style.paint(Paint::Quiet, &format!("    ({left_out} lines before these)"));
        text.push('\n');
    }
    lines[left_out..].iter().for_each(|line| text += &format!("    | {line}\n"));
    text
}

/// A label as text: strings bare, everything else as JSON.
pub fn label_text(label: &Value) -> String {
    match label {
        Value::Str(text) => text.to_string(),
        other => other.to_json().to_string(),
    }
}

/// What stands behind a task's name: ` (item) on host`, the host where it was delegated.
pub fn item_words(item: &ItemDone) -> String {
    let label = item.label.as_ref().map(|l| format!(" ({})", one_line(&label_text(l), 60)));
    let delegate = Some(item.delegate.as_str()).filter(|name| !name.is_empty());
    let delegate = delegate.map(|name| format!(" on {}", printable(name)));
    [label, delegate].into_iter().flatten().collect()
}

/// The line that `file:line:column` names, if the file can be read.
fn source_line(place: &str) -> Option<(usize, String)> {
    let mut parts = place.rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let number: usize = line.parse().ok()?;
    let reader = BufReader::new(std::fs::File::open(file).ok()?);
    let text = reader.lines().nth(number.checked_sub(1)?)?.ok()?;
    let line = without_secrets(&text);
    Some((number, printable(&line).chars().take(100).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::event::TaskRef;

    fn failed(place: &str, result: Value) -> TaskDone {
        TaskDone {
            task: TaskRef {
                host: "web1".into(),
                node: 3,
                name: "Install nginx".into(),
                action: "command".into(),
                place: place.into(),
                handler: false,
            },
            outcome: Outcome::Failed,
            items: vec![],
            result,
            message: "non-zero return code".into(),
            no_log: false,
            verbose: false,
        }
    }

    #[test]
    fn a_failure_names_task_place_source_and_stderr() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("site.yml");
        std::fs::write(&file, "- hosts: all\n  tasks:\n    - name: Install nginx\n").unwrap();
        let place = format!("{}:3:7", file.display());
        let result: Value = [("rc", Value::Int(2)), ("stderr", "no such\nfile".into())].into_iter().collect();
        let text = block(&failed(&place, result), Style::default());
        let expected = format!(
            "FAILED web1: Install nginx\n  at {place}\n      3 |     - name: Install nginx\n  command: non-zero \
             return code\n  exit status 2\n  stderr:\n    | no such\n    | file"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn of_an_unreachable_host_the_reason_comes_first() {
        let mut done = failed("site.yml:3:7", Value::Null);
        done.outcome = Outcome::Unreachable;
        done.message = "web1: cannot connect to 10.0.0.1\nhint: is it up?".into();
        let expected = "UNREACHABLE web1: cannot connect to 10.0.0.1\n    hint: is it up?\n  at Install nginx \
                        (site.yml:3:7)";
        assert_eq!(block(&done, Style::default()), expected);
    }

    #[test]
    fn a_secret_on_the_task_s_own_line_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("site.yml");
        std::fs::write(&file, "- user: {name: bob, password: hunter2}\n").unwrap();
        let mut done = failed(&format!("{}:1:3", file.display()), Value::Null);
        let text = block(&done, Style::default());
        assert!(
            text.contains("1 | - user: {name: bob, password: *******}") && !text.contains("hunter2"),
            "{text}"
        );
        done.no_log = true;
        assert!(!block(&done, Style::default()).contains("1 |"));
    }

    #[test]
    fn no_log_hides_message_and_output() {
        let mut done = failed("", [("stderr", Value::from("hunter2"))].into_iter().collect());
        done.no_log = true;
        let text = block(&done, Style::default());
        assert!(!text.contains("hunter2") && !text.contains("non-zero"), "{text}");
        assert!(text.contains("no_log"), "{text}");
    }
}
