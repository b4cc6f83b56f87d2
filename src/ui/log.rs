//! `apply` and its like: one line for what changed or went wrong, in words; the rest on demand.

use super::failure::{self, item_words, label_text};
use super::style::{Paint, action_sign, one_line, outcome_paint, printable, title};
use super::warnings::Warnings;
use super::{Console, View, diff, recap};
use crate::exec::event::{Event, HostRecap, ItemDone, Name, Outcome, Sink, TaskDone};
use crate::plan::Change;
use std::time::Duration;

/// Width of reasons and messages on one line.
const WIDTH: usize = 160;

/// Plain lines: what is printed above the progress on a terminal, and alone elsewhere.
pub struct Log {
    console: Console,
    view: View,
    warnings: Warnings,
}

impl Log {
    /// `view` decides on diffs, colour and how much is told.
    pub fn new(console: Console, view: View) -> Log {
        Log { console, view, warnings: Warnings::default() }
    }

    fn done(&self, done: &TaskDone) {
        match done.outcome {
            Outcome::Failed | Outcome::Unreachable => {
                self.console.line(&failure::block(done, self.view.style))
            }
            _ if done.verbose => self.debug(done),
            Outcome::Ok | Outcome::Skipped if self.view.verbosity == 0 => {}
            _ => done.items.iter().for_each(|item| self.item(done, item)),
        }
        let warnings = done.items.iter().flat_map(|i| &i.warnings);
        warnings.for_each(|w| self.warning(w, &done.task.place, Some(&done.task.host)));
    }

    fn item(&self, done: &TaskDone, item: &ItemDone) {
        if matches!(item.outcome, Outcome::Ok | Outcome::Skipped) && self.view.verbosity == 0 {
            return;
        }
        let label = item_words(item);
        let unknown = known_after(item);
        let failed = matches!(item.outcome, Outcome::Failed | Outcome::Unreachable);
        let why = match &item.change {
            _ if item.outcome == Outcome::Unknown => unknown.as_str(),
            _ if failed && !item.message.is_empty() => item.message.as_str(),
            Some(change) => change.reason.as_str(),
            None => item.message.as_str(),
        };
        let why =
            if why.is_empty() || done.no_log { String::new() } else { format!(": {}", one_line(why, WIDTH)) };
        let (sign, paint) = self.sign(item);
        let word = match item.outcome {
            Outcome::Changed => String::new(),
            outcome if failed && done.outcome == Outcome::Ignored => format!("{}, ignored: ", outcome.word()),
            outcome => format!("{} ", outcome.word()),
        };
        let name = title(&done.task.name);
        let line = format!("{sign} {}: {word}{name}{label}{why}", done.task.host);
        self.console.line(&self.view.style.paint(paint, &line));
        if let Some(change) = item.change.as_ref().filter(|_| self.view.diff && !done.no_log) {
            self.diffs(change);
        }
    }

    fn sign(&self, item: &ItemDone) -> (&'static str, Paint) {
        match (&item.change, item.outcome) {
            (Some(change), Outcome::Changed) => action_sign(change.action),
            (None, Outcome::Changed) => ("~", Paint::Change),
            (_, Outcome::Unknown) => ("?", Paint::Skip),
            (_, Outcome::Failed | Outcome::Unreachable | Outcome::Ignored) => ("!", Paint::Skip),
            (_, outcome) => (" ", outcome_paint(outcome)),
        }
    }

    fn diffs(&self, change: &Change) {
        for text in change.diffs.iter().map(|d| diff::unified(d, self.view.style)).filter(|t| !t.is_empty()) {
            self.console.line(text.trim_end());
        }
    }

    fn debug(&self, done: &TaskDone) {
        if done.outcome == Outcome::Skipped {
            return;
        }
        for item in &done.items {
            let text = match item.result.get("msg") {
                Some(message) => label_text(message),
                None => super::ansible::dump(&item.result, &done.task.action, false, 0),
            };
            self.console.line(&format!("  {}: {}", done.task.host, printable(&text).replace('\n', "\n    ")));
        }
    }

    fn warning(&self, message: &str, place: &str, host: Option<&Name>) {
        if let Some(line) = self.warnings.line(message, place, host) {
            self.console.line(&self.view.style.paint(Paint::Change, &line));
        }
    }

    fn recap(&self, recap: &[(Name, HostRecap)], elapsed: Duration, round_trips: u64) {
        for line in self.warnings.shared() {
            self.console.line(&self.view.style.paint(Paint::Change, &line));
        }
        if !recap.is_empty() {
            self.console.line("");
        }
        recap::short(recap, self.view.style).iter().for_each(|l| self.console.line(l));
        let sum = |f: fn(&HostRecap) -> u64| recap.iter().map(|(_, r)| f(r)).sum::<u64>();
        let hosts = recap.len();
        let trips = match self.view.verbosity {
            0 => String::new(),
            _ => format!(", {round_trips} round trips"),
        };
        let lost = [(sum(|r| r.failed), "failed"), (sum(|r| r.unreachable), "unreachable")];
        let lost: String =
            lost.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!(", {n} {word}")).collect();
        self.console.line(&format!(
            "{} changed, {} ok{lost} on {hosts} {} in {}{trips}",
            sum(|r| r.changed),
            sum(|r| r.ok).saturating_sub(sum(|r| r.changed)),
            if hosts == 1 { "host" } else { "hosts" },
            recap::seconds(elapsed),
        ));
    }
}

/// A few hosts by their names, many by their number.
pub(super) fn some_names(hosts: &[Name]) -> String {
    match hosts.len() {
        0..=4 => hosts.iter().map(|h| &**h).collect::<Vec<_>>().join(", "),
        many => format!("{many} hosts"),
    }
}

/// What has to happen before an unknown outcome is known.
pub(super) fn known_after(item: &ItemDone) -> String {
    match item.message.as_str() {
        "" => String::new(),
        why => format!("known after {}", title(why)),
    }
}

impl Sink for Log {
    fn event(&self, event: &Event) {
        match event {
            Event::PlayStarted { name, hosts } => {
                let line = format!("play {} on {}", printable(name), some_names(hosts));
                self.console.line(&self.view.style.paint(Paint::Strong, &line));
            }
            Event::NoHosts { play, pattern } => {
                let line = format!("play {}: no hosts match `{pattern}`, skipped", printable(play));
                self.console.line(&self.view.style.paint(Paint::Skip, &line));
            }
            Event::HostsUnknown { play, pattern, why } => {
                let line = format!(
                    "play {}: hosts of `{pattern}` are known after apply: when {}",
                    printable(play),
                    printable(why)
                );
                self.console.line(&self.view.style.paint(Paint::Skip, &line));
            }
            Event::TaskDone(done) => self.done(done),
            Event::Progress { task, message, percent, .. } => {
                let done = percent.map(|n| format!(", {n} %")).unwrap_or_default();
                let line =
                    format!("  {}: {}: {}{done}", task.host, printable(&task.name), printable(message));
                self.console.line(&self.view.style.paint(Paint::Quiet, &line));
            }
            Event::Retry { task, attempt, retries, message } => self.console.line(&format!(
                "  {}: {}: attempt {attempt} failed, {} left: {}",
                task.host,
                printable(&task.name),
                retries.saturating_sub(*attempt),
                one_line(message, WIDTH)
            )),
            Event::Unreachable { host, message } => {
                let line = format!("UNREACHABLE {host}\n  {}", printable(message).replace('\n', "\n  "));
                self.console.line(&self.view.style.paint(Paint::Bad, &line));
            }
            Event::HostDone { host, failed: true, undone } if *undone > 0 => {
                let tasks = if *undone == 1 { "task was" } else { "tasks were" };
                self.console.line(&format!("  left undone on {host}: {undone} {tasks} not reached"));
            }
            Event::NotBegun { play, hosts } => {
                let line = format!("left undone: play {} on {}", printable(play), some_names(hosts));
                self.console.line(&self.view.style.paint(Paint::Quiet, &line));
            }
            Event::Warning { message, place } => {
                self.warning(message, place.as_deref().unwrap_or_default(), None)
            }
            Event::RunDone { recap, elapsed, round_trips } => self.recap(recap, *elapsed, *round_trips),
            _ => {}
        }
    }
}
