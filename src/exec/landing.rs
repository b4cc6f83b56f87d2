//! Landing: what was sent is awaited in order, judged, remembered and told; it says how control goes on.

use super::flight::{Flying, remote_failure};
use super::flow::{FailedTask, Flow};
use super::host::{Host, TaskContext};
use super::looks::Looks;
use super::options::Mode;
use super::outcome::{Status, TaskOutcome, UnitOutcome};
use super::task::TaskRun;
use super::unit::{Blocked, Prepared, Stage, Unit, evaluated_flag};
use crate::base::{Map, Value};
use crate::modules::Failure;
use crate::plan::Change;
use crate::remote::RemoteError;
use std::sync::Arc;

/// How often effects are begun again at most: a second run of the same playbook overtakes this one at some of its tasks.
const TRIES: u32 = 5;

/// Effects that are to be begun again, from the look on.
pub struct NotDone {
    pub ready: Prepared,
    pub why: Why,
}

/// Why effects were not done.
pub enum Why {
    /// What their chain does before them had failed.
    Skipped,
    /// The link broke while they were under way, and another look can tell what is left of what they were to change.
    Lost(RemoteError, Option<Change>),
    /// Somebody else has changed a file since it was looked at, which they would have replaced. They failed at that;
    /// `begun`: some were done before.
    Overtaken { failed: Box<UnitOutcome>, begun: bool },
}

impl NotDone {
    /// What it comes to where nothing is begun again.
    pub fn outcome(self) -> UnitOutcome {
        match self.why {
            Why::Skipped => {
                UnitOutcome::failed(Failure::new("did not run: an earlier step of its chain failed"))
            }
            Why::Lost(error, _) => remote_failure(error),
            Why::Overtaken { failed, .. } => *failed,
        }
    }
}

impl Host {
    pub async fn landed(&mut self, flying: Flying, unit: &Unit, cx: &TaskContext) -> UnitOutcome {
        let real = match &flying {
            Flying::Applying { ready, .. } if self.run.options.mode == Mode::Plan => {
                Some(ready.claims.clone())
            }
            _ => None,
        };
        let outcome = match self.land(flying).await {
            Ok(outcome) => outcome,
            Err(not_done) => self.again(not_done, unit, cx).await,
        };
        let outcome = UnitOutcome { attempts: self.attempt, ..outcome };
        let outcome = outcome.judge(&self.run, &cx.keywords, &unit.scope);
        match real {
            // What runs in a plan too (`check_mode: false`) may ask for what an earlier change brings. Whoever ignores
            // its failure asks whether the thing is there now.
            Some(claims) if outcome.status == Status::Failed && cx.keywords.ignore_errors.is_none() => {
                let instead = self.unless_planned(&claims, Failure::new(outcome.message.clone()));
                if instead.status == Status::Unknown { instead } else { outcome }
            }
            _ => outcome,
        }
    }

    /// Once more, from the look on; where others write to the same files a few times more.
    async fn again(&mut self, mut not_done: NotDone, unit: &Unit, cx: &TaskContext) -> UnitOutcome {
        let (mut lost, mut done, mut tries) = (None, None, 0);
        let outcome = loop {
            let NotDone { ready, why } = not_done;
            match why {
                Why::Lost(error, change) => (lost, done) = (Some(error), change),
                Why::Overtaken { failed, begun: true } => done = done.or(failed.change),
                Why::Skipped | Why::Overtaken { .. } => {}
            }
            tries += 1;
            let unit = unit.again(Stage::Ready(ready));
            let (_, flying) = Box::pin(self.launch(unit, cx, None)).await;
            not_done = match Box::pin(self.land(flying)).await {
                Ok(outcome) => break outcome,
                Err(again) if tries < TRIES && matches!(again.why, Why::Overtaken { .. }) => again,
                Err(no_more) => break no_more.outcome(),
            };
        };
        match (done, lost) {
            // What was begun had been done by then.
            (Some(change), _) if outcome.status == Status::Ok => {
                UnitOutcome { status: Status::Changed, change: Some(change), ..outcome }
            }
            (_, Some(error)) if outcome.status == Status::Failed => {
                let message = format!("{error}; begun again: {}", outcome.message);
                UnitOutcome { message, ..outcome }
            }
            _ => outcome,
        }
    }

    /// Awaits all units of a task.
    pub async fn collect(&mut self, run: TaskRun) -> TaskOutcome {
        let mut outcomes = Vec::with_capacity(run.units.len());
        for (unit, flying) in run.units {
            let sequential = run.cx.keywords.one_by_one();
            let mut outcome = match flying {
                Flying::Landed(outcome) if sequential => outcome,
                flying => self.landed(flying, &unit, &run.cx).await,
            };
            outcome.label = unit.label;
            if matches!(outcome.status, Status::Ok | Status::Changed | Status::Failed) {
                self.tell_waited_for(&run.cx, &mut outcome.result);
            }
            outcome.looped = super::loops::told(&self.run, &run.cx, &unit.scope);
            outcome.item = unit.item;
            outcomes.push(outcome);
        }
        TaskOutcome { units: outcomes, looped: run.looped, loop_var: run.loop_var, no_log: run.no_log }
    }

    /// Awaits everything in flight, in order; stops at the first failure.
    pub async fn drain(&mut self) -> Flow {
        while let Some(run) = self.flying.pop_front() {
            let (cx, handler) = (Arc::clone(&run.cx), run.handler);
            let outcome = self.collect(run).await;
            if let Some(handler) = handler {
                self.notified.served(handler);
            }
            let flow = self.absorb(&cx, outcome).await;
            if !matches!(flow, Flow::Next) {
                // Their effects were skipped by the broken chain, or had no effects.
                self.flying.clear();
                self.looks = Looks::default();
                self.end_chain();
                return flow;
            }
        }
        self.end_chain();
        Flow::Next
    }

    /// `ignore_errors`; a plan goes on where only an effect tells.
    fn ignores_errors(&self, cx: &TaskContext) -> bool {
        match evaluated_flag(&self.run, &cx.keywords.ignore_errors, &cx.scope, false) {
            Ok(ignore) => ignore,
            Err(blocked) => matches!(blocked, Blocked::Unknown(_)),
        }
    }

    /// Remembers and tells a task's outcome; says how control goes on.
    pub async fn absorb(&mut self, cx: &Arc<TaskContext>, outcome: TaskOutcome) -> Flow {
        let ignore = self.ignores_errors(cx);
        let status = outcome.status();
        self.learn(cx, &outcome);
        if status != Status::Skipped
            && let Some(role) = &cx.node.role
            && let Some(key) = &role.once
        {
            self.ran_roles.entry(Arc::clone(key)).or_insert(role.instance);
        }
        if status == Status::Changed || self.was_under_way(cx, status) {
            self.notify_all(cx, &outcome);
        }
        let ignore_lost =
            evaluated_flag(&self.run, &cx.keywords.ignore_unreachable, &cx.scope, false).unwrap_or(false);
        let ignored = (status == Status::Failed && ignore) || (status == Status::Unreachable && ignore_lost);
        self.tell_done(cx, &outcome, ignored);
        match status {
            _ if ignored => Flow::Next,
            Status::Failed => {
                self.ahead.clear();
                if self.any_error_is_fatal(cx) {
                    self.fatal_here();
                }
                let result = match outcome.registered() {
                    Value::Map(map) => Arc::unwrap_or_clone(map),
                    _ => Map::new(),
                };
                Flow::Failed(Arc::new(FailedTask {
                    name: cx.bare_title(),
                    task: cx.fields(),
                    result,
                    elsewhere: false,
                }))
            }
            Status::Unreachable => {
                if self.any_error_is_fatal(cx) {
                    self.fatal_here();
                }
                Flow::Unreachable
            }
            _ => Flow::Next,
        }
    }

    /// The outcome of another host's `run_once`.
    pub fn take(&mut self, cx: &Arc<TaskContext>, outcome: &TaskOutcome) -> Flow {
        self.learn_registered(cx, outcome);
        // What belongs to the hosts that it was delegated to was given to them by who did it.
        if !self.delegates_facts(cx, &cx.scope) {
            self.learn_facts(cx, outcome);
            self.take_variables(cx, outcome);
        }
        // The host that was added may be this one.
        if cx.node.adds_hosts() {
            self.follow_groups();
        }
        if outcome.status() == Status::Changed {
            self.notify_all(cx, outcome);
        }
        let ignore = self.ignores_errors(cx);
        match outcome.status() {
            Status::Failed | Status::Unreachable if !ignore => {
                let (name, result) = (cx.bare_title(), Map::new());
                Flow::Failed(Arc::new(FailedTask { name, task: cx.fields(), result, elsewhere: false }))
            }
            _ => Flow::Next,
        }
    }
}
