//! A plan told: per host what would be created, updated, run or deleted, and why.

use super::failure::{self, item_words};
use super::style::{Paint, action_sign, one_line, title};
use super::{Console, View, diff, log::Log, log::known_after};
use crate::exec::event::{Event, ItemDone, Name, Outcome, Sink, TaskDone};
use crate::exec::saved::action_word;
use crate::plan::Action;
use indexmap::IndexMap;
use std::sync::Mutex;

/// Collects while hosts are looked at; prints when all are.
pub struct PlanView {
    console: Console,
    view: View,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    hosts: IndexMap<Name, Vec<String>>,
    change: usize,
    run: usize,
    unknown: usize,
    unchanged: usize,
    failed: usize,
    unreachable: usize,
}

impl PlanView {
    /// Changes are written at the run's end, so that those of a host stand together; failures at once.
    pub fn new(console: Console, view: View) -> PlanView {
        PlanView { console, view, state: Mutex::default() }
    }

    fn done(&self, state: &mut State, done: &TaskDone) {
        if matches!(done.outcome, Outcome::Failed | Outcome::Unreachable) {
            match done.outcome {
                Outcome::Unreachable => state.unreachable += 1,
                _ => state.failed += 1,
            }
            self.console.line(&failure::block(done, self.view.style));
            return;
        }
        for item in &done.items {
            match (item.outcome, &item.change) {
                (Outcome::Changed, Some(change)) if change.action == Action::Run => state.run += 1,
                (Outcome::Changed, _) => state.change += 1,
                (Outcome::Unknown, _) => state.unknown += 1,
                (Outcome::Ok, _) => state.unchanged += 1,
                _ => {}
            }
            let told: Vec<String> = self.item(done, item).into_iter().collect();
            let warnings = self.warnings(done, item);
            if told.is_empty() && warnings.is_empty() {
                continue;
            }
            let here = state.hosts.entry(Name::clone(&done.task.host)).or_default();
            here.extend(told);
            // Items of a loop may all be warned of the same.
            let new: Vec<String> = warnings.into_iter().filter(|w| !here.contains(w)).collect();
            here.extend(new);
        }
    }

    /// What is worth knowing before it is applied, of unchanged tasks too.
    fn warnings(&self, done: &TaskDone, item: &ItemDone) -> Vec<String> {
        let sign = self.view.style.paint(Paint::Change, "!");
        let name = title(&done.task.name);
        let line = |w: &String| format!("  {sign} warning {name}\n            {}", one_line(w, 400));
        item.warnings.iter().map(line).collect()
    }

    fn item(&self, done: &TaskDone, item: &ItemDone) -> Option<String> {
        let unknown = known_after(item);
        let (sign, paint, word, why) = match (item.outcome, &item.change) {
            (Outcome::Changed, Some(change)) => {
                let (sign, paint) = action_sign(change.action);
                (sign, paint, action_word(change.action), change.reason.as_str())
            }
            (Outcome::Changed, None) => ("~", Paint::Change, "update", item.message.as_str()),
            (Outcome::Unknown, _) => ("?", Paint::Skip, "unknown", unknown.as_str()),
            (Outcome::Ok, _) if self.view.verbosity > 0 => (" ", Paint::Quiet, "ok", ""),
            _ => return None,
        };
        let label = item_words(item);
        let name = title(&done.task.name);
        let mut text = format!("  {} {word:<7} {name}{label}", self.view.style.paint(paint, sign));
        if !why.is_empty() && !done.no_log {
            text += &format!("\n            {}", self.view.style.paint(Paint::Quiet, &one_line(why, 160)));
        }
        let diffs = item.change.iter().filter(|_| self.view.diff && !done.no_log).flat_map(|c| &c.diffs);
        for diff in diffs.map(|d| diff::unified(d, self.view.style)).filter(|d| !d.is_empty()) {
            diff.lines().for_each(|line| text += &format!("\n      {line}"));
        }
        Some(text)
    }

    /// Hosts with the same changes are told together.
    fn print(&self, state: &mut State, hosts: usize) {
        // They were told in the order in which hosts answered.
        state.hosts.sort_keys();
        let mut groups: IndexMap<String, Vec<&str>> = IndexMap::new();
        for (host, changes) in &state.hosts {
            groups.entry(changes.join("\n")).or_default().push(host);
        }
        for (changes, names) in &groups {
            let title = match names.len() {
                0..=6 => names.join(", "),
                many => format!("{} and {} more", names[..5].join(", "), many - 5),
            };
            self.console.line(&format!("{}\n{changes}\n", self.view.style.paint(Paint::Strong, &title)));
        }
        self.console.line(&self.view.style.paint(Paint::Strong, &state.summary(hosts)));
    }
}

impl State {
    fn summary(&self, hosts: usize) -> String {
        let on = format!("on {hosts} {}", if hosts == 1 { "host" } else { "hosts" });
        if self.change + self.run + self.unknown + self.failed + self.unreachable == 0 {
            return format!("Plan: no changes, {} unchanged {on}", self.unchanged);
        }
        let mut parts = vec![format!("{} to change", self.change)];
        if self.run > 0 {
            parts.push(format!("{} to run", self.run));
        }
        if self.unknown > 0 {
            parts.push(format!("{} unknown", self.unknown));
        }
        parts.push(format!("{} unchanged", self.unchanged));
        let lost = [(self.failed, "failed"), (self.unreachable, "unreachable")];
        parts.extend(lost.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
        let rest = if self.failed > 0 { "; what comes after a failure is not in it" } else { "" };
        format!("Plan: {} {on}{rest}", parts.join(", "))
    }
}

impl Sink for PlanView {
    fn event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        match event {
            Event::TaskDone(done) => self.done(&mut state, done),
            Event::RunDone { recap, .. } => self.print(&mut state, recap.len()),
            Event::HostsUnknown { .. }
            | Event::Unreachable { .. }
            | Event::HostDone { .. }
            | Event::Warning { .. }
            | Event::NoHosts { .. }
            | Event::NotBegun { .. } => {
                Log::new(self.console.clone(), self.view).event(event);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;
    use crate::exec::event::{HostRecap, TaskRef};
    use crate::plan::Change;
    use crate::ui::console::captured;

    fn event(host: &str, name: &str, outcome: Outcome, action: Option<(Action, &str)>) -> Event {
        let change = action.map(|(action, reason)| Change { action, reason: reason.into(), diffs: vec![] });
        let message =
            if outcome == Outcome::Unknown { "`Install` has run".to_string() } else { String::new() };
        let item = ItemDone {
            label: None,
            delegate: String::new(),
            outcome,
            change,
            message: message.clone(),
            result: Value::Null,
            warnings: if outcome == Outcome::Ok { vec!["old form".into()] } else { vec![] },
            attempts: 1,
        };
        let (action, place) = ("x".to_string(), "site.yml:1:1".to_string());
        let task = TaskRef { host: host.into(), node: 1, name: name.into(), action, place, handler: false };
        let (no_log, verbose) = (false, false);
        let done =
            TaskDone { task, outcome, items: vec![item], result: Value::Null, message, no_log, verbose };
        Event::TaskDone(Box::new(done))
    }

    #[test]
    fn a_plan_with_a_failure_is_not_called_unchanged() {
        let (console, bytes) = captured();
        let sink = PlanView::new(console, View::default());
        sink.event(&event("a", "Broken", Outcome::Failed, None));
        let recap = vec![(Name::from("a"), HostRecap::default())];
        sink.event(&Event::RunDone { recap, elapsed: std::time::Duration::ZERO, round_trips: 1 });
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        let last =
            "Plan: 0 to change, 0 unchanged, 1 failed on 1 host; what comes after a failure is not in it\n";
        assert!(text.ends_with(last), "{text}");
    }

    #[test]
    fn a_plan_says_what_why_and_how_much() {
        let (console, bytes) = captured();
        let sink = PlanView::new(console, View::default());
        for host in ["b", "a"] {
            sink.event(&event(host, "Motd", Outcome::Changed, Some((Action::Create, "/etc/motd is absent"))));
            sink.event(&event(host, "Reload", Outcome::Changed, Some((Action::Run, "commands always run"))));
            sink.event(&event(host, "Start", Outcome::Unknown, None));
            sink.event(&event(host, "Hosts", Outcome::Ok, None));
        }
        let recap = ["a", "b"].map(|h| (Name::from(h), HostRecap::default())).to_vec();
        sink.event(&Event::RunDone { recap, elapsed: std::time::Duration::ZERO, round_trips: 1 });
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        let expected = "a, b\n  + create  Motd\n            /etc/motd is absent\n  > run     Reload\n            \
                        commands always run\n  ? unknown Start\n            known after `Install` has run\n  ! warning Hosts\n            old form\n\nPlan: \
                        2 to change, 2 to run, 2 unknown, 2 unchanged on 2 hosts\n";
        assert_eq!(text, expected);
    }
}
