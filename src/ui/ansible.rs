//! Ansible's own output, close enough for the tools that read it.

use super::merge::Merge;
use super::style::{Paint, outcome_paint, printable};
use super::warnings::Warnings;
use super::{Console, View, diff, recap};
use crate::base::pyjson::Layout;
use crate::base::{Map, PyRepr, Value};
use crate::exec::event::{Event, ItemDone, Name, Outcome, Sink, TaskDone, TaskRef, display_result};
use std::sync::Mutex;

/// The width Ansible assumes where there is no terminal.
const COLUMNS: usize = 79;

/// In the place of a node, under the banner of what no task of the play is.
const GATHERING: usize = usize::MAX;

/// Prints a run as `ansible-playbook` does with its default callback.
pub struct Ansible {
    console: Console,
    /// Warnings go here.
    errors: Console,
    view: View,
    columns: usize,
    state: Mutex<State>,
    warnings: Warnings,
}

#[derive(Default)]
struct State {
    merge: Merge,
    /// Task whose banner was printed last.
    banner: Option<usize>,
    /// Nothing stands under it yet: a banner for a task that begins meanwhile comes with that task's first outcome.
    bare: bool,
}

impl Ansible {
    /// `columns` is the terminal's width; headings are filled with stars to 79 columns at least, as Ansible's
    /// are.
    pub fn new(console: Console, errors: Console, view: View, columns: Option<usize>) -> Ansible {
        let columns = columns.map_or(COLUMNS, |c| c.saturating_sub(1).max(COLUMNS));
        Ansible { console, errors, view, columns, state: Mutex::default(), warnings: Warnings::default() }
    }

    fn banner(&self, text: &str) {
        let stars = self.columns.saturating_sub(text.chars().count()).max(3);
        self.console.line(&format!("\n{text} {}", "*".repeat(stars)));
    }

    fn print(&self, state: &mut State, event: &Event) {
        match event {
            Event::TaskStarted(_) if state.bare => {}
            Event::TaskStarted(task) => {
                state.bare = state.banner != Some(task.node);
                self.task_banner(state, task);
            }
            Event::TaskDone(done) => {
                self.task_banner(state, &done.task);
                state.bare = false;
                self.done(done);
            }
            Event::Included { task, what } => {
                self.task_banner(state, task);
                state.bare = false;
                let line = format!("included: {} for {}", printable(what), task.host);
                self.console.line(&self.view.style.paint(Paint::Skip, &line));
            }
            Event::Progress { task, message, percent, .. } => {
                self.task_banner(state, task);
                let done = percent.map(|n| format!(", {n} %")).unwrap_or_default();
                let line = format!("PROGRESS: [{}]: {}{done}", task.host, printable(message));
                self.console.line(&self.view.style.paint(Paint::Quiet, &line));
            }
            Event::Retry { task, attempt, retries, .. } => {
                self.task_banner(state, task);
                // The first attempt is none of them.
                let left = (retries + 1).saturating_sub(*attempt);
                let name = printable(&task.name);
                let line = format!("FAILED - RETRYING: [{}]: {name} ({left} retries left).", task.host);
                self.console.line(&self.view.style.paint(Paint::Quiet, &line));
            }
            _ => {}
        }
    }

    fn task_banner(&self, state: &mut State, task: &TaskRef) {
        if state.banner == Some(task.node) {
            return;
        }
        state.banner = Some(task.node);
        let word = if task.handler { "RUNNING HANDLER" } else { "TASK" };
        self.banner(&format!("{word} [{}]", printable(&task.name)));
        if self.view.verbosity >= 2 && !task.place.is_empty() {
            let place = task.place.rsplit_once(':').map_or(task.place.as_str(), |(p, _)| p);
            self.console.line(&format!("task path: {place}"));
        }
    }

    /// A host that the play's facts could not be asked of.
    fn unreachable(&self, state: &mut State, host: &Name, message: &str) {
        if state.banner != Some(GATHERING) {
            state.banner = Some(GATHERING);
            self.banner("TASK [Gathering Facts]");
        }
        let result = [("changed", Value::from(false)), ("msg", message.into()), ("unreachable", true.into())];
        let result: Value = result.into_iter().collect();
        let told = dump(&result, "setup", false, self.view.verbosity);
        self.line(Outcome::Unreachable, &format!("fatal: [{host}]: UNREACHABLE! => {told}"));
    }

    fn done(&self, done: &TaskDone) {
        let looped = done.items.iter().any(|i| i.label.is_some());
        for item in &done.items {
            self.diffs(item);
            if looped {
                self.item(&shown_host(&done.task.host, item), item, done);
            }
            item.warnings.iter().for_each(|w| self.warning(w));
        }
        // What was included is told already.
        if matches!(&*done.task.action, "include_tasks" | "include_role") && done.outcome == Outcome::Ok {
            return;
        }
        if !looped {
            let host = &done.task.host;
            let host = done.items.first().map_or_else(|| host.to_string(), |only| shown_host(host, only));
            self.whole(&host, done);
        } else if done.outcome == Outcome::Skipped {
            self.line(Outcome::Skipped, &format!("skipping: [{}]", done.task.host));
        }
        if done.outcome == Outcome::Ignored {
            self.line(Outcome::Ignored, "...ignoring");
        }
    }

    fn whole(&self, host: &str, done: &TaskDone) {
        let dump = || dump(done.result_of_task(), &done.task.action, self.pretty(done), self.view.verbosity);
        let verbose = self.view.verbosity > 0 || done.verbose || says(done, done.items.first());
        let tail = || if verbose { format!(" => {}", dump()) } else { String::new() };
        match done.outcome {
            Outcome::Ok | Outcome::Unknown => self.line(done.outcome, &format!("ok: [{host}]{}", tail())),
            Outcome::Changed => self.line(done.outcome, &format!("changed: [{host}]{}", tail())),
            Outcome::Skipped if self.view.verbosity > 0 => {
                self.line(done.outcome, &format!("skipping: [{host}] => {}", dump()));
            }
            Outcome::Skipped => self.line(done.outcome, &format!("skipping: [{host}]")),
            Outcome::Failed | Outcome::Ignored => {
                self.line(Outcome::Failed, &format!("fatal: [{host}]: FAILED! => {}", dump()));
            }
            Outcome::Unreachable => {
                self.line(done.outcome, &format!("fatal: [{host}]: UNREACHABLE! => {}", dump()));
            }
        }
    }

    fn item(&self, host: &str, item: &ItemDone, done: &TaskDone) {
        let label = item.label.as_ref().map(|l| printable(&python_text(l))).unwrap_or_default();
        let dump = || dump(&item.result, &done.task.action, self.pretty(done), self.view.verbosity);
        // An item that is skipped went nowhere and says nothing of its own.
        let skipped = item.outcome == Outcome::Skipped;
        let host = if skipped { &*done.task.host } else { host };
        let verbose = self.view.verbosity > 0 || !skipped && (done.verbose || says(done, Some(item)));
        let tail = || if verbose { format!(" => {}", dump()) } else { String::new() };
        let text = match item.outcome {
            Outcome::Ok | Outcome::Unknown => format!("ok: [{host}] => (item={label}){}", tail()),
            Outcome::Changed => format!("changed: [{host}] => (item={label}){}", tail()),
            Outcome::Skipped => format!("skipping: [{host}] => (item={label}) {}", tail()),
            Outcome::Failed | Outcome::Ignored => format!("failed: [{host}] (item={label}) => {}", dump()),
            Outcome::Unreachable => format!("fatal: [{host}]: UNREACHABLE! => {}", dump()),
        };
        self.line(item.outcome, &text);
    }

    fn pretty(&self, done: &TaskDone) -> bool {
        done.verbose || says(done, done.items.first()) || self.view.verbosity > 2
    }

    fn diffs(&self, item: &ItemDone) {
        if !self.view.diff {
            return;
        }
        for change in item.change.iter().flat_map(|c| &c.diffs) {
            let text = diff::unified(change, self.view.style);
            if !text.is_empty() {
                self.console.line(&text);
            }
        }
    }

    fn line(&self, outcome: Outcome, text: &str) {
        self.console.line(&self.view.style.paint(outcome_paint(outcome), text));
    }

    /// As Ansible does it, once, whoever it is about.
    fn warning(&self, message: &str) {
        if self.warnings.line(message, "", None).is_none() {
            return;
        }
        let line = format!("[WARNING]: {}", printable(message));
        self.errors.line(&self.view.style.paint(Paint::Change, &line));
    }

    fn recap(&self, recap: &[(Name, crate::exec::event::HostRecap)]) {
        self.banner("PLAY RECAP");
        recap::lines(recap, self.view.style).iter().for_each(|l| self.console.line(l));
        self.console.line("");
    }
}

impl Sink for Ansible {
    fn event(&self, event: &Event) {
        let state = &mut *self.state.lock().unwrap_or_else(|e| e.into_inner());
        let ready = match event {
            Event::PlayStarted { hosts, .. } => state.merge.begin(hosts),
            Event::PlayEnded { .. } | Event::RunDone { .. } => state.merge.finish(),
            Event::HostDone { host, .. } => state.merge.out(host),
            Event::TaskStarted(task)
            | Event::Included { task, .. }
            | Event::Progress { task, .. }
            | Event::Retry { task, .. } => state.merge.push(task, event.clone()),
            Event::TaskDone(done) => state.merge.push(&done.task, event.clone()),
            _ => Vec::new(),
        };
        ready.iter().for_each(|e| self.print(state, e));
        match event {
            Event::PlayStarted { name, .. } => {
                (state.banner, state.bare) = (None, false);
                let name = printable(name.trim());
                self.banner(&if name.is_empty() { "PLAY".into() } else { format!("PLAY [{name}]") });
            }
            Event::NoHosts { play, pattern } => {
                state.banner = None;
                let name = if play.is_empty() { pattern } else { play };
                self.banner(&format!("PLAY [{}]", printable(name)));
                self.line(Outcome::Skipped, "skipping: no hosts matched");
            }
            Event::Unreachable { host, message } => self.unreachable(state, host, message),
            Event::Warning { message, .. } => self.warning(message),
            Event::RunDone { recap, .. } => self.recap(recap),
            _ => {}
        }
    }
}

impl TaskDone {
    fn result_of_task(&self) -> &Value {
        match self.items.as_slice() {
            [only] if only.label.is_none() && !only.result.is_null() && !self.no_log => &only.result,
            _ => &self.result,
        }
    }
}

/// `assert` tells its message, unless it is to be quiet: then it has none to tell.
fn says(done: &TaskDone, item: Option<&ItemDone>) -> bool {
    done.task.action == "assert" && item.is_some_and(|item| !item.message.is_empty())
}

/// `host -> delegate` where there is one.
fn shown_host(host: &str, item: &ItemDone) -> String {
    match item.delegate.as_str() {
        "" => host.to_string(),
        other => format!("{host} -> {}", printable(other)),
    }
}

/// As Python's `str()` writes it.
fn python_text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        other => PyRepr(other).to_string(),
    }
}

/// The result as Ansible prints it: sorted keys, without what the default callback leaves out.
pub fn dump(result: &Value, action: &str, pretty: bool, verbosity: u8) -> String {
    let mut map = display_result(result).as_map().cloned().unwrap_or_default();
    let mut drop: Vec<&str> = vec!["exception", "warnings", "deprecations", "failed", "skipped"];
    if verbosity < 3 {
        drop.extend(["invocation", "diff"]);
    }
    if action == "debug" {
        if map.contains_key("msg") {
            map.retain(|k, _| k.as_str() == Some("msg"));
        }
        drop.extend(["changed", "skip_reason", "invocation"]);
    }
    drop.iter().for_each(|key| {
        map.shift_remove(*key);
    });
    let layout = if pretty { Layout::indented(4) } else { Layout::default() };
    Layout { sort: true, ascii: false, ..layout }.write(&Value::from(map))
}

/// A map from pairs, for results made here.
pub(super) fn failure_result(message: &str, flag: &str) -> Value {
    let mut map = Map::new();
    map.insert("changed".into(), false.into());
    map.insert("msg".into(), message.into());
    map.insert(flag.into(), true.into());
    map.into()
}

#[cfg(test)]
#[path = "ansible_tests.rs"]
mod tests;
