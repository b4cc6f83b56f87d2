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
}

impl AdHoc {
    /// Results go to `console`, failures of the run itself to `errors`.
    pub fn new(console: Console, errors: Console, view: View) -> AdHoc {
        AdHoc { console, errors, view }
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
            let rc = result.get("rc").map_or_else(String::new, |rc| rc.to_json().to_string());
            let output: Vec<&str> = ["stdout", "stderr"]
                .iter()
                .filter_map(|k| result.get(k)?.as_str())
                .filter(|s| !s.is_empty())
                .collect();
            format!("{host} | {word} | rc={rc} >>\n{}", printable(&output.join("\n")))
        } else {
            let bang = if word == "FAILED" { "!" } else { "" };
            format!("{host} | {word}{bang} => {}", dump(result, action, true, self.view.verbosity))
        };
        self.console.line(&self.view.style.paint(outcome_paint(outcome), &text));
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
