//! `fitout run`: each host's result as `ansible` prints it.

use super::ansible::{dump, failure_result};
use super::style::{outcome_paint, printable};
use super::{Console, View, diff};
use crate::base::Value;
use crate::exec::event::{Event, Outcome, Sink, TaskDone};

/// Modules whose output is shown as it came.
const RAW: [&str; 4] = ["command", "shell", "raw", "script"];

/// Ansible's `ansible` output: a line or an object a host, in the order in which hosts end.
pub struct AdHoc {
    console: Console,
    errors: Console,
    view: View,
    one_line: bool,
}

impl AdHoc {
    /// Results go to `console`, failures of the run itself to `errors`. With `one_line` a result is one line, as
    /// `ansible -o` prints it.
    pub fn new(console: Console, errors: Console, view: View, one_line: bool) -> AdHoc {
        AdHoc { console, errors, view, one_line }
    }

    fn show(&self, host: &str, outcome: Outcome, action: &str, result: &Value) {
        let word = match outcome {
            Outcome::Ok | Outcome::Unknown => "SUCCESS",
            Outcome::Changed => "CHANGED",
            Outcome::Skipped => "SKIPPED",
            Outcome::Failed | Outcome::Ignored => "FAILED",
            Outcome::Unreachable => "UNREACHABLE!",
        };
        let raw = RAW.contains(&action) && result.get("rc").is_some_and(|rc| !rc.is_null());
        let text = if raw {
            format!("{host} | {word} | {}", self.output(result))
        } else {
            let bang = if word == "FAILED" { "!" } else { "" };
            format!("{host} | {word}{bang} => {}", dump(result, action, !self.one_line, self.view.verbosity))
        };
        self.console.line(&self.view.style.paint(outcome_paint(outcome), &text));
    }

    /// A command's exit status and what it said.
    fn output(&self, result: &Value) -> String {
        let rc = result.get("rc").map_or_else(String::new, |rc| rc.to_json().to_string());
        let streams = ["stdout", "stderr"]
            .map(|name| (name, result.get(name).and_then(Value::as_str).unwrap_or_default()));
        let said = streams.into_iter().filter(|(_, text)| !text.is_empty());
        if self.one_line {
            let said =
                said.map(|(name, text)| format!(" ({name}) {}", printable(&text.replace('\n', "\\n"))));
            return format!("rc={rc} |{}", said.collect::<String>());
        }
        let said: Vec<&str> = said.map(|(_, text)| text).collect();
        format!("rc={rc} >>\n{}", printable(&said.join("\n")))
    }

    fn done(&self, done: &TaskDone) {
        for item in &done.items {
            let diffs = item.change.iter().filter(|_| self.view.diff).flat_map(|c| &c.diffs);
            diffs.for_each(|d| self.console.line(&diff::unified(d, self.view.style)));
            item.warnings.iter().for_each(|w| self.errors.line(&format!("[WARNING]: {}", printable(w))));
        }
        let result = match done.items.as_slice() {
            [only] if !done.no_log && !only.result.is_null() => &only.result,
            _ => &done.result,
        };
        self.show(&done.task.host, done.outcome, &done.task.action, result);
    }
}

impl Sink for AdHoc {
    fn event(&self, event: &Event) {
        match event {
            Event::TaskDone(done) => self.done(done),
            Event::Unreachable { host, message } => {
                self.show(host, Outcome::Unreachable, "", &failure_result(message, "unreachable"));
            }
            Event::NoHosts { pattern, .. } => {
                self.errors
                    .line(&format!("[WARNING]: no hosts match `{}`, nothing to do", printable(pattern)));
            }
            Event::Warning { message, .. } => self.errors.line(&format!("[WARNING]: {}", printable(message))),
            _ => {}
        }
    }
}
