//! Telling: outcomes become events, counts, remembered variables and notifications.

use super::event::{Event, ItemDone, Outcome, TaskDone, TaskRef};
use super::flow::Flow;
use super::host::{Host, TaskContext};
use super::outcome::{Status, TaskOutcome, UnitOutcome};
use super::scope::TaskScope;
use super::state::HostMemory;
use super::unit::Prepared;
use crate::base::Value;
use crate::eval::Scope;
use crate::graph::{Act, TaskNode};
use crate::modules::Behaviour;
use crate::plan::{Change, Claims};
use crate::syntax::inventory::LOCAL_NAMES;
use std::sync::Arc;

impl Host {
    /// A task's name as it is shown: evaluated where that is possible, else as written.
    pub fn title(&self, node: &TaskNode, scope: &Arc<TaskScope>) -> String {
        let name = match &node.name {
            None if let Act::IncludeRole(call) = &node.act => {
                return format!("{} : {}", node.action_name(), as_written(&call.name));
            }
            Some(Value::Str(name)) => name.to_string(),
            Some(value) => match self.run.engine.evaluate(value, &**scope) {
                Ok(Value::Str(name)) => name.to_string(),
                Ok(Value::Int(n)) => n.to_string(),
                _ => as_written(value),
            },
            None => node.action_name().to_string(),
        };
        match scope.role.as_ref() {
            Some(role) => format!("{} : {name}", role.name),
            None => name,
        }
    }

    pub fn task_ref(&self, cx: &TaskContext) -> TaskRef {
        let place = self.run.engine.sources().location(cx.node.span);
        TaskRef {
            host: Arc::clone(&self.name),
            node: cx.node.id,
            name: self.run.redactor.text(&cx.title),
            action: cx.node.action_name().to_string(),
            place,
            handler: self.handlers.iter().any(|h| h.handler.task.id == cx.node.id),
        }
    }

    pub fn tell_started(&self, cx: &TaskContext) {
        self.run.emit(Event::TaskStarted(self.task_ref(cx)));
    }

    pub fn tell_included(&self, cx: &TaskContext, scope: &Arc<TaskScope>) {
        let what = match &cx.node.act {
            Act::IncludeTasks { file, .. } => file.clone(),
            Act::IncludeRole(call) => call.name.clone(),
            _ => Value::Null,
        };
        let what = self.run.engine.evaluate(&what, &**scope).unwrap_or(what);
        let what = self.run.redactor.text(&crate::spec::to_text(&what));
        self.run.count(&self.name, |r| r.ok += 1);
        self.run.emit(Event::Included { task: self.task_ref(cx), what });
    }

    pub fn tell_retry(&self, cx: &TaskContext, attempt: u32, retries: u32, outcome: &UnitOutcome) {
        let message = self.run.redactor.text(&outcome.message);
        self.run.emit(Event::Retry { task: self.task_ref(cx), attempt, retries, message });
    }

    /// An effect is about to be made: the journal has it before the host does.
    pub fn effect_begins(&self, ready: &Prepared, cx: &TaskContext, change: &Change) {
        let reason = if ready.no_log { "" } else { &change.reason };
        self.run.journal_begin(&self.name, &cx.title, &cx.step, &ready.module.spec.name, reason);
    }

    /// Registers the result, takes over facts, and keeps secrets out of sight.
    pub fn learn(&mut self, cx: &TaskContext, outcome: &TaskOutcome) {
        self.learn_facts(cx, outcome);
        self.learn_registered(cx, outcome);
    }

    pub(super) fn learn_registered(&mut self, cx: &TaskContext, outcome: &TaskOutcome) {
        let registered = outcome.registered();
        self.run.redactor.learn_value(&registered);
        if let Some(name) = &cx.keywords.register {
            self.remember(|memory| HostMemory::insert(&mut memory.set, name.as_ref(), registered));
        }
    }

    pub fn notify_all(&mut self, cx: &TaskContext, outcome: &TaskOutcome) {
        for notify in &cx.keywords.notify {
            let names = match self.run.engine.evaluate(notify, &*cx.scope) {
                Ok(Value::List(list)) => Arc::unwrap_or_clone(list),
                Ok(one) => vec![one],
                // Names that use the loop's item are read with each changed item.
                Err(_) => self.item_names(cx, outcome, notify),
            };
            // Of a name that an effect tells a plan knows nothing.
            for name in names.iter().filter(|name| !matches!(name, Value::Unknown(_))) {
                let name = crate::spec::to_text(name);
                if name.is_empty() {
                    continue;
                }
                if self.notify(&name) {
                    let told = self.run.redactor.text(&name);
                    self.run.journal_note(
                        &serde_json::json!({"notified": told, "host": *self.name, "step": cx.step}),
                    );
                    self.run.emit(Event::Notified { host: Arc::clone(&self.name), handler: name });
                } else {
                    let message =
                        format!("the handler `{name}` was notified and is declared nowhere in the play");
                    let place = Some(self.run.engine.sources().location(cx.node.span));
                    self.run.emit(Event::Warning { message, place });
                }
            }
        }
    }

    fn item_names(&self, cx: &TaskContext, outcome: &TaskOutcome, notify: &Value) -> Vec<Value> {
        let changed = |u: &&UnitOutcome| u.status == Status::Changed || self.was_under_way(cx, u.status);
        let changed = outcome.units.iter().filter(changed);
        changed.filter_map(|unit| self.of_item(cx, outcome, unit, notify)).collect()
    }

    /// A keyword's value as the unit's item makes it; `None` where it cannot be told.
    fn of_item(
        &self,
        cx: &TaskContext,
        outcome: &TaskOutcome,
        unit: &UnitOutcome,
        value: &Value,
    ) -> Option<Value> {
        self.run.engine.evaluate(value, &*self.unit_scope(cx, outcome, unit)).ok()
    }

    /// The task's scope with the loop variables of the unit.
    pub(super) fn unit_scope(
        &self,
        cx: &TaskContext,
        outcome: &TaskOutcome,
        unit: &UnitOutcome,
    ) -> Arc<TaskScope> {
        // Without a loop of its own, `item` may be that of an include around it.
        let Some(item) = &unit.item else { return Arc::clone(&cx.scope) };
        let mut names = unit.looped.clone();
        names.insert(outcome.loop_var.as_ref().into(), item.clone());
        Arc::new(cx.scope.with(names))
    }

    /// The other host that the unit was delegated to.
    fn delegate(&self, cx: &TaskContext, outcome: &TaskOutcome, unit: &UnitOutcome) -> Option<String> {
        let value = cx.keywords.delegate_to.as_ref()?;
        let name = self.of_item(cx, outcome, unit, value)?;
        name.as_str().filter(|name| !name.is_empty() && **name != *self.name).map(str::to_string)
    }

    pub fn tell_done(&mut self, cx: &TaskContext, outcome: &TaskOutcome, ignored: bool) {
        let status = outcome.status();
        let told = if ignored { Outcome::Ignored } else { outcome_of(status) };
        self.run.count(&self.name, |recap| match told {
            Outcome::Ok => recap.ok += 1,
            Outcome::Changed => {
                recap.ok += 1;
                recap.changed += 1;
            }
            Outcome::Skipped => recap.skipped += 1,
            Outcome::Ignored => {
                recap.ok += 1;
                recap.changed += u64::from(outcome.says_changed());
                recap.ignored += 1;
            }
            Outcome::Failed => recap.failed += 1,
            Outcome::Unreachable => recap.unreachable += 1,
            Outcome::Unknown => recap.unknown += 1,
        });
        let task = self.task_ref(cx);
        self.note_controller(cx, outcome);
        if self.run.check() {
            self.note_rest(cx, outcome);
            outcome.units.iter().for_each(|unit| self.may_do_anything(cx, unit));
        }
        let items = outcome.units.iter().map(|u| self.item_done(cx, outcome, u)).collect();
        let message = if outcome.no_log { String::new() } else { self.run.redactor.text(&outcome.message()) };
        self.run.journal_end(&self.name, &task, &cx.step, told, &message);
        let result = self.run.redactor.value(&outcome.shown());
        let verbose = matches!(task.action.as_str(), "debug");
        let no_log = outcome.no_log;
        let done = TaskDone { task, outcome: told, items, result, message, no_log, verbose };
        self.run.emit(Event::TaskDone(Box::new(done)));
    }

    /// Whether the task's host is this machine.
    pub fn works_here(&self, cx: &TaskContext) -> bool {
        let raw = cx.scope.get("ansible_connection");
        let kind = raw.and_then(|raw| self.run.engine.evaluate(&raw, &*cx.scope).ok());
        kind.is_some_and(|kind| kind.as_str() == Some("local"))
    }

    /// What works on this machine may make files that later tasks read here.
    fn note_controller(&self, cx: &TaskContext, outcome: &TaskOutcome) {
        let runs = matches!(&cx.node.act, Act::Module { module, .. } if !matches!(module.behaviour, Behaviour::Control));
        let fetches = matches!(&cx.node.act, Act::Module { module, .. } if module.spec.name == "fetch");
        let here = |unit: &UnitOutcome| match self.delegate(cx, outcome, unit) {
            _ if fetches => true,
            Some(other) if LOCAL_NAMES.contains(&&*other) => true,
            Some(other) => super::world::other_host(&cx.scope, &other)
                .and_then(|scope| self.run.engine.evaluate(&scope.get("ansible_connection")?, &scope).ok())
                .is_some_and(|kind| kind.as_str() == Some("local")),
            None => self.works_here(cx),
        };
        // A plan passes over what is fetched, and leaves open where to.
        let passed = |unit: &UnitOutcome| unit.status == Status::Skipped && unit.result.contains_key("dest");
        let may_do = |unit: &&UnitOutcome| {
            matches!(unit.status, Status::Changed | Status::Unknown) || fetches && passed(unit)
        };
        for unit in outcome.units.iter().filter(may_do).filter(|unit| runs && here(unit)) {
            self.run.made_here.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let claims = match unit.status {
                Status::Changed => unit.claims.clone(),
                _ => self.touched_by_name(cx, outcome, unit),
            };
            let base = &cx.scope.context().playbook_dir;
            super::state::locked(&self.run.on_controller).add(&cx.title, claims.as_ref(), base);
        }
    }

    /// What a unit that is not known touches by the names that its task gives.
    fn touched_by_name(&self, cx: &TaskContext, outcome: &TaskOutcome, unit: &UnitOutcome) -> Option<Claims> {
        let Act::Module { module, args } = &cx.node.act else { return None };
        let open = || Value::Unknown("the run has begun".into());
        let known =
            args.iter().map(|(k, v)| (k.clone(), self.of_item(cx, outcome, unit, v).unwrap_or_else(open)));
        let known =
            crate::spec::coerce(&module.spec, known.filter(|(_, v)| *v != Value::Omit).collect()).ok()?;
        Some(crate::graph::touched(module, &cx.keywords, &known).plainly())
    }

    /// What of a plan was not noted when it was decided: what is unknown, and what no shell on a host does.
    fn note_rest(&self, cx: &TaskContext, outcome: &TaskOutcome) {
        let cloud = matches!(&cx.node.act, Act::Module { module, .. } if matches!(module.behaviour, Behaviour::Cloud(_)));
        for (index, unit) in outcome.units.iter().enumerate() {
            match &unit.change {
                _ if unit.status == Status::Unknown => self.note_unknown(cx, index, unit.label.as_ref()),
                Some(change) if cloud && unit.status == Status::Changed => {
                    self.note_change(cx, index, unit, change, outcome.no_log);
                }
                None if cloud && unit.foreseen => self.note_open(cx, index, unit.label.as_ref()),
                _ => {}
            }
        }
    }

    fn item_done(&self, cx: &TaskContext, outcome: &TaskOutcome, unit: &UnitOutcome) -> ItemDone {
        let redact = |text: &str| self.run.redactor.text(text);
        let no_log = outcome.no_log;
        let change = unit.change.as_ref().filter(|_| !no_log).map(|change| Change {
            action: change.action,
            reason: redact(&change.reason),
            diffs: change.diffs.iter().map(|d| self.redacted_diff(d)).collect(),
        });
        ItemDone {
            label: unit.label.as_ref().map(|l| self.run.redactor.value(l)),
            delegate: self.delegate(cx, outcome, unit).map(|name| redact(&name)).unwrap_or_default(),
            outcome: outcome_of(unit.status),
            change,
            message: if no_log { String::new() } else { redact(&unit.message) },
            result: if no_log { Value::Null } else { self.run.redactor.value(&unit.registered()) },
            warnings: unit.warnings.iter().map(|w| redact(w)).collect(),
            attempts: unit.attempts,
        }
    }

    fn redacted_diff(&self, diff: &crate::plan::Diff) -> crate::plan::Diff {
        let redact = |text: &str| self.run.redactor.text(text);
        crate::plan::Diff {
            before_header: redact(&diff.before_header),
            after_header: redact(&diff.after_header),
            before: redact(&diff.before),
            after: redact(&diff.after),
        }
    }

    /// The host cannot even begin the play.
    pub fn play_failed(&self, message: &str) -> Flow {
        self.run.count(&self.name, |r| r.failed += 1);
        let place = Some(self.run.engine.sources().location(self.play.plan.span));
        self.run.emit(Event::Warning { message: format!("{}: {message}", self.name), place });
        Flow::Broken
    }

    pub fn play_unreachable(&self, message: String) -> Flow {
        self.run.count(&self.name, |r| r.unreachable += 1);
        let message = self.run.redactor.text(&message);
        self.run.emit(Event::Unreachable { host: Arc::clone(&self.name), message });
        Flow::Unreachable
    }
}

fn outcome_of(status: Status) -> Outcome {
    match status {
        Status::Ok => Outcome::Ok,
        Status::Changed => Outcome::Changed,
        Status::Skipped => Outcome::Skipped,
        Status::Failed => Outcome::Failed,
        Status::Unreachable => Outcome::Unreachable,
        Status::Unknown => Outcome::Unknown,
    }
}

/// A name that is not evaluated.
fn as_written(name: &Value) -> String {
    match name {
        Value::Str(text) => text.to_string(),
        Value::Template(template) => template.text.to_string(),
        other => other.to_json().to_string(),
    }
}
