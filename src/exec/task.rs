//! One task on one host: its items become units, the units fly, their outcomes are told and remembered.

use super::flight::Flying;
use super::flow::{FailedTask, Flow, Frame};
use super::host::{Host, TaskContext};
use super::lockstep::Once;
use super::outcome::{Status, TaskOutcome, UnitOutcome};
use super::scope::TaskScope;
use super::unit::{Stage, Unit, conditions, evaluated_flag, prepare};
use crate::base::{Map, Value};
use crate::eval::Truth;
use crate::graph::{Act, TaskNode};
use crate::modules::{Behaviour, Failure, Module};
use crate::remote::Become;
use std::sync::Arc;
use std::time::Duration;

/// A task whose units are decided; their effects may still be on their way.
pub struct TaskRun {
    pub cx: Arc<TaskContext>,
    pub units: Vec<(Unit, Flying)>,
    pub looped: bool,
    pub loop_var: Arc<str>,
    pub no_log: bool,
}

/// A task before its decisions.
pub struct Plan {
    pub units: Vec<Unit>,
    pub looped: bool,
    pub loop_var: Arc<str>,
    pub no_log: bool,
}

impl Host {
    pub async fn task(&mut self, node: &Arc<TaskNode>, frame: &Arc<Frame>) -> Flow {
        let mut cx = Arc::new(TaskContext::new(self, node, frame));
        if !self.chosen(node, &cx.keywords, &cx.scope) {
            return Flow::Next;
        }
        let single = match &node.act {
            Act::Module { module, .. } => matches!(module.behaviour, Behaviour::Staged(_)),
            _ => false,
        };
        if (!single || self.must_settle(&cx)) && !self.flying.is_empty() {
            match self.drain().await {
                // What landed may have defined names that this task reads.
                Flow::Next => cx = Arc::new(TaskContext::new(self, node, frame)),
                other => return other,
            }
        }
        let once = match evaluated_flag(&self.run, &cx.keywords.run_once, &cx.scope, false) {
            Ok(once) => once,
            Err(message) => return self.absorb(&cx, failed(format!("run_once: {message}"))).await,
        };
        if once {
            return self.task_once(&cx).await;
        }
        if node.uses_other_hosts || self.fatal_to_all(&cx) {
            let position = self.position.clone();
            self.batch.reach(&self.name, &position).await;
            if self.too_many_failed() {
                self.batch.set_fatal();
            }
            if self.batch.is_fatal() {
                return Flow::Stop;
            }
        }
        self.dispatch(&cx).await
    }

    async fn dispatch(&mut self, cx: &Arc<TaskContext>) -> Flow {
        let node = Arc::clone(&cx.node);
        match &node.act {
            Act::Meta(what) => self.meta(cx, what).await,
            Act::IncludeTasks { .. } | Act::IncludeRole(_) => self.include(cx).await,
            Act::Module { module, args } => match &module.behaviour {
                Behaviour::Control => {
                    let outcome = self.control(cx, module, args).await;
                    self.absorb(cx, outcome).await
                }
                Behaviour::Staged(_) | Behaviour::Procedure(_) => self.remote_task(cx, module, args).await,
            },
        }
    }

    /// `run_once`: the first host of the batch does it, all take the result.
    async fn task_once(&mut self, cx: &Arc<TaskContext>) -> Flow {
        let position = self.position.clone();
        let batch = Arc::clone(&self.batch);
        match batch.once(&self.name, &position).await {
            Once::Take(outcome) => self.take(cx, &outcome),
            Once::Lead => {
                let node = Arc::clone(&cx.node);
                let outcome = match &node.act {
                    Act::Module { module, args } => self.complete(cx, module, args).await,
                    _ => {
                        let flow = self.dispatch(cx).await;
                        batch.publish(&position, TaskOutcome::single(UnitOutcome::skipped("runs once")));
                        return flow;
                    }
                };
                batch.publish(&position, outcome.clone());
                self.absorb(cx, outcome).await
            }
        }
    }

    /// A module task from its arguments to its outcome, nothing left in flight.
    async fn complete(
        &mut self,
        cx: &Arc<TaskContext>,
        module: &Arc<Module>,
        args: &Arc<Map>,
    ) -> TaskOutcome {
        if matches!(module.behaviour, Behaviour::Control) {
            return self.control(cx, module, args).await;
        }
        let run = self.start(cx, module, args).await;
        self.collect(run).await
    }

    async fn remote_task(&mut self, cx: &Arc<TaskContext>, module: &Arc<Module>, args: &Arc<Map>) -> Flow {
        if self.wants_background(cx) {
            self.tell_started(cx);
            let outcome = self.start_background(cx, module, args);
            return self.absorb(cx, outcome).await;
        }
        let run = self.start(cx, module, args).await;
        // Behind a command of unknown length nothing is sent: an interrupt must find it not begun.
        let open_ended = run.touches_everything();
        self.flying.push_back(run);
        if !open_ended && self.may_fly(cx) { Flow::Next } else { self.drain().await }
    }

    async fn start(&mut self, cx: &Arc<TaskContext>, module: &Arc<Module>, args: &Arc<Map>) -> TaskRun {
        self.tell_started(cx);
        let mut plan = match self.ahead.take(&self.position) {
            Some(plan) => plan,
            None => {
                let mut plan = self.plan_units(cx, module, args);
                let settled = self.flying.is_empty();
                plan.units.iter_mut().for_each(Unit::send_probe);
                if settled && !plan.units.iter().any(blocks_view) {
                    self.look_ahead(Some(cx));
                }
                plan
            }
        };
        let shared = self.may_fly(cx).then(|| self.chain());
        let sequential = !cx.keywords.until.is_empty() || cx.keywords.loop_control.pause.is_some();
        let mut flown = Vec::with_capacity(plan.units.len());
        let mut waiting = std::collections::VecDeque::from(std::mem::take(&mut plan.units));
        while let Some(unit) = waiting.pop_front() {
            let before = self.recent.len();
            let chain = shared.or_else(|| Some(super::host::new_chain()));
            let (unit, flying) = self.launch(unit, &cx.title, chain).await;
            waiting.iter_mut().for_each(|unit| unit.disturbed(&self.recent[before..]));
            let flying = match sequential {
                true => Flying::Landed(
                    self.until_satisfied(cx, Arc::clone(&unit.scope), flying, module, args).await,
                ),
                false => flying,
            };
            flown.push((unit, flying));
        }
        TaskRun {
            cx: Arc::clone(cx),
            units: flown,
            looped: plan.looped,
            loop_var: plan.loop_var,
            no_log: plan.no_log,
        }
    }

    /// The units of a task: one an item, or one.
    pub fn plan_units(&mut self, cx: &Arc<TaskContext>, module: &Arc<Module>, args: &Map) -> Plan {
        let no_log = evaluated_flag(&self.run, &cx.keywords.no_log, &cx.scope, false).unwrap_or(true);
        let looped = cx.keywords.loop_.is_some();
        let loop_var = super::loops::variable(&self.run, cx);
        let items = match super::loops::items(&self.run, cx) {
            Ok(items) => items,
            Err(stage) => {
                let unit = Unit { label: None, item: None, scope: Arc::clone(&cx.scope), stage, probe: None };
                return Plan { units: vec![unit], looped: false, loop_var, no_log };
            }
        };
        let Some(items) = items else {
            let stage = prepare(&self.run, &cx.keywords, module, args, &cx.scope);
            let unit = Unit { label: None, item: None, scope: Arc::clone(&cx.scope), stage, probe: None };
            return Plan { units: vec![unit], looped, loop_var, no_log };
        };
        let scopes = super::loops::scopes(&self.run, cx, &items, &loop_var);
        let units = items.into_iter().zip(scopes).map(|(item, scope)| {
            let stage = prepare(&self.run, &cx.keywords, module, args, &scope);
            let label = super::loops::label(&self.run, cx, &scope, &item, no_log);
            Unit { label: Some(label), item: Some(item), scope, stage, probe: None }
        });
        Plan { units: units.collect(), looped, loop_var, no_log }
    }

    /// Repeats a unit until its `until` holds.
    async fn until_satisfied(
        &mut self,
        cx: &Arc<TaskContext>,
        scope: Arc<TaskScope>,
        flying: Flying,
        module: &Arc<Module>,
        args: &Arc<Map>,
    ) -> UnitOutcome {
        let mut patience = Patience::new(&self.run, cx, &scope);
        let mut outcome = self.landed(flying, &scope, cx).await;
        loop {
            outcome = match patience.judge(&self.run, cx, &scope, outcome) {
                Ok(outcome) => {
                    if !patience.pause.is_zero() {
                        self.interrupted_while(patience.pause).await;
                    }
                    return outcome;
                }
                Err(outcome) => outcome,
            };
            self.tell_retry(cx, patience.attempt, patience.retries, &outcome);
            if self.interrupted_while(patience.delay).await {
                return UnitOutcome::failed(Failure::new("interrupted"));
            }
            patience.attempt += 1;
            let stage = prepare(&self.run, &cx.keywords, module, args, &scope);
            let again = Unit { label: None, item: None, scope: Arc::clone(&scope), stage, probe: None };
            let (again, flying) = self.launch(again, &cx.title, None).await;
            outcome = self.landed(flying, &again.scope, cx).await;
        }
    }

    /// Waits; `true` when the run is being stopped.
    pub async fn interrupted_while(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            () = self.run.cancel.wait(super::cancel::Stop::Cleanly) => true,
        }
    }

    async fn landed(&mut self, flying: Flying, scope: &Arc<TaskScope>, cx: &TaskContext) -> UnitOutcome {
        let outcome = match self.land(flying).await {
            Ok(outcome) => outcome,
            Err(ready) => self.again(ready, cx).await,
        };
        outcome.judge(&self.run, &cx.keywords, scope)
    }

    /// An item that did not run because an item before it failed: items do not depend on each other.
    async fn again(&mut self, ready: super::unit::Prepared, cx: &TaskContext) -> UnitOutcome {
        let scope = Arc::clone(&cx.scope);
        let unit = Unit { label: None, item: None, scope, stage: Stage::Ready(ready), probe: None };
        let (_, flying) = Box::pin(self.launch(unit, &cx.title, None)).await;
        match Box::pin(self.land(flying)).await {
            Ok(outcome) => outcome,
            Err(_) => UnitOutcome::failed(Failure::new("did not run: an earlier step of its chain failed")),
        }
    }

    /// Awaits all units of a task.
    async fn collect(&mut self, run: TaskRun) -> TaskOutcome {
        let mut outcomes = Vec::with_capacity(run.units.len());
        for (unit, flying) in run.units {
            let sequential = !run.cx.keywords.until.is_empty();
            let mut outcome = match flying {
                Flying::Landed(outcome) if sequential => outcome,
                flying => self.landed(flying, &unit.scope, &run.cx).await,
            };
            outcome.label = unit.label;
            outcome.item = unit.item;
            outcomes.push(outcome);
        }
        TaskOutcome { units: outcomes, looped: run.looped, loop_var: run.loop_var, no_log: run.no_log }
    }

    /// Awaits everything in flight, in order; stops at the first failure.
    pub async fn drain(&mut self) -> Flow {
        while let Some(run) = self.flying.pop_front() {
            let cx = Arc::clone(&run.cx);
            let outcome = self.collect(run).await;
            let flow = self.absorb(&cx, outcome).await;
            if !matches!(flow, Flow::Next) {
                // Their effects were skipped by the broken chain, or had no effects.
                self.flying.clear();
                self.end_chain();
                return flow;
            }
        }
        self.end_chain();
        Flow::Next
    }

    /// Remembers and tells a task's outcome; says how control goes on.
    pub async fn absorb(&mut self, cx: &Arc<TaskContext>, outcome: TaskOutcome) -> Flow {
        let ignore = evaluated_flag(&self.run, &cx.keywords.ignore_errors, &cx.scope, false).unwrap_or(false);
        let status = outcome.status();
        self.learn(cx, &outcome);
        if status == Status::Changed {
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
                    self.batch.set_fatal();
                }
                let result = match outcome.registered() {
                    Value::Map(map) => Arc::unwrap_or_clone(map),
                    _ => Map::new(),
                };
                Flow::Failed(Arc::new(FailedTask {
                    node: Arc::clone(&cx.node),
                    name: cx.title.clone(),
                    result,
                }))
            }
            Status::Unreachable => {
                if self.any_error_is_fatal(cx) {
                    self.batch.set_fatal();
                }
                Flow::Unreachable
            }
            _ => Flow::Next,
        }
    }

    /// The outcome of another host's `run_once`.
    fn take(&mut self, cx: &Arc<TaskContext>, outcome: &TaskOutcome) -> Flow {
        self.learn(cx, outcome);
        if outcome.status() == Status::Changed {
            self.notify_all(cx, outcome);
        }
        let ignore = evaluated_flag(&self.run, &cx.keywords.ignore_errors, &cx.scope, false).unwrap_or(false);
        match outcome.status() {
            Status::Failed | Status::Unreachable if !ignore => Flow::Failed(Arc::new(FailedTask {
                node: Arc::clone(&cx.node),
                name: cx.title.clone(),
                result: Map::new(),
            })),
            _ => Flow::Next,
        }
    }

    fn any_error_is_fatal(&self, cx: &TaskContext) -> bool {
        evaluated_flag(&self.run, &cx.keywords.any_errors_fatal, &cx.scope, false).unwrap_or(false)
    }

    /// Whether this host's failure may stop the others, so that they go task by task.
    fn fatal_to_all(&self, cx: &TaskContext) -> bool {
        self.play.plan.max_fail_percentage.is_some() || self.any_error_is_fatal(cx)
    }

    fn too_many_failed(&self) -> bool {
        let limit = self.play.plan.max_fail_percentage.as_ref();
        let limit = limit.and_then(|v| crate::spec::to_text(v).parse::<f64>().ok());
        limit.is_some_and(|limit| self.batch.failed_percentage() > limit)
    }

    /// Whether the next tasks may be decided while this one's effects are on their way: nothing that would make
    /// the outcome depend on more than its exit status.
    fn may_fly(&self, cx: &TaskContext) -> bool {
        let k = &cx.keywords;
        let plain = k.failed_when.is_empty()
            && k.until.is_empty()
            && k.ignore_errors.is_none()
            && k.ignore_unreachable.is_none()
            && k.delegate_to.is_none()
            && k.run_once.is_none()
            && !self.fatal_to_all(cx);
        let staged = matches!(&cx.node.act, Act::Module { module, .. } if matches!(module.behaviour, Behaviour::Staged(_)));
        let last = self.flying.back();
        let failed =
            last.is_some_and(|run| run.units.iter().any(|(_, f)| matches!(f, Flying::Landed(o) if bad(o))));
        plain && staged && !failed && self.flying.len() < 64
    }

    /// Whether everything in flight must have landed before this task is read.
    fn must_settle(&self, cx: &TaskContext) -> bool {
        if !self.may_fly(cx) || cx.node.uses_other_hosts {
            return true;
        }
        let Some(uses) = &cx.node.uses else {
            return self.flying.iter().any(|run| run.cx.keywords.register.is_some());
        };
        let pending = |run: &TaskRun| run.cx.keywords.register.as_ref().is_some_and(|r| uses.contains(r));
        if self.flying.iter().any(pending) {
            return true;
        }
        let user = self.shell_of(cx);
        self.flying.iter().any(|run| run.shells().any(|s| Some(s) != user.as_ref()))
    }

    fn shell_of(&self, cx: &TaskContext) -> Option<Become> {
        super::connect::become_of(&self.run, &cx.keywords, &cx.scope).ok()
    }
}

/// `until`, `retries` and `delay` of a task, and the attempt that is under way.
pub struct Patience {
    pub attempt: u32,
    pub retries: u32,
    pub delay: Duration,
    /// `loop_control.pause`, after the item.
    pub pause: Duration,
}

impl Patience {
    pub fn new(run: &super::state::Run, cx: &TaskContext, scope: &Arc<TaskScope>) -> Patience {
        let number = |value: &Option<Value>, default: f64| {
            let text = super::unit::evaluated_text(run, value, scope).ok().flatten();
            text.and_then(|t| t.parse::<f64>().ok()).map_or(default, |n| n.max(0.0))
        };
        Patience {
            attempt: 1,
            retries: number(&cx.keywords.retries, 3.0) as u32,
            delay: Duration::from_secs_f64(number(&cx.keywords.delay, 5.0)),
            pause: Duration::from_secs_f64(number(&cx.keywords.loop_control.pause, 0.0)),
        }
    }

    /// `Ok`: the outcome stands. `Err`: another attempt is due.
    pub fn judge(
        &self,
        run: &super::state::Run,
        cx: &TaskContext,
        scope: &Arc<TaskScope>,
        mut outcome: UnitOutcome,
    ) -> Result<UnitOutcome, UnitOutcome> {
        let judged = matches!(outcome.status, Status::Ok | Status::Changed | Status::Failed);
        if cx.keywords.until.is_empty() || !judged {
            return Ok(outcome);
        }
        outcome.attempts = self.attempt;
        outcome.result.insert("attempts".into(), self.attempt.into());
        let seen = Arc::new(scope.with_result(cx.keywords.register.as_ref(), outcome.registered()));
        match conditions(run, &cx.keywords.until, &seen) {
            Ok(Truth::True) => Ok(outcome),
            Ok(Truth::Unknown(why)) => Ok(UnitOutcome::unknown(&*why)),
            Err(message) => Ok(UnitOutcome::failed(Failure::new(format!("until: {message}")))),
            Ok(Truth::False) if self.attempt > self.retries => {
                outcome.status = Status::Failed;
                outcome.message = format!("`until` is still false after {} attempts", self.attempt);
                Ok(outcome)
            }
            Ok(Truth::False) => Err(outcome),
        }
    }
}

impl TaskRun {
    /// Whether an effect in flight may touch anything.
    fn touches_everything(&self) -> bool {
        self.units.iter().any(|(_, flying)| match flying {
            Flying::Applying { ready, .. } => ready.claims.writes.iter().any(|w| w == "*"),
            Flying::Landed(_) => false,
        })
    }

    /// The shells that effects of this task run in.
    fn shells(&self) -> impl Iterator<Item = &Become> {
        self.units.iter().filter_map(|(_, flying)| match flying {
            Flying::Applying { ready, .. } => Some(&ready.who),
            Flying::Landed(_) => None,
        })
    }
}

fn bad(outcome: &UnitOutcome) -> bool {
    matches!(outcome.status, Status::Failed | Status::Unreachable)
}

/// An effect that touches everything will run: what is probed behind it would be stale.
pub fn blocks_view(unit: &Unit) -> bool {
    match &unit.stage {
        Stage::Ready(ready) => !ready.check && ready.claims.writes.iter().any(|w| w == "*"),
        _ => false,
    }
}

pub fn failed(message: impl Into<String>) -> TaskOutcome {
    TaskOutcome::single(UnitOutcome::failed(Failure::new(message)))
}
