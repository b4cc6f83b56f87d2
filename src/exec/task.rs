//! One task on one host: its items become units, the units fly, their outcomes are told and remembered.

use super::flight::Flying;
use super::flow::{Flow, Frame};
use super::host::{Host, TaskContext};
use super::lockstep::Once;
use super::order::blocks_view;
use super::outcome::{TaskOutcome, UnitOutcome};
use super::unit::{Unit, evaluated_flag, hidden, prepare};
use crate::base::Map;
use crate::eval::Truth;
use crate::graph::{Act, TaskNode};
use crate::modules::{Behaviour, Failure, Module};
use crate::remote::Survey;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A task whose units are decided; their effects may still be on their way.
pub struct TaskRun {
    pub cx: Arc<TaskContext>,
    /// The handler whose task it is.
    pub handler: Option<usize>,
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
    /// Of a task that reads files of the controller: how often tasks had worked there when it was read.
    pub made_here: Option<u64>,
}

impl Host {
    pub async fn task(&mut self, node: &Arc<TaskNode>, frame: &Arc<Frame>) -> Flow {
        self.catch_up();
        let mut cx = Arc::new(TaskContext::new(self, node, frame));
        if !self.chosen(node, &cx.keywords, &cx.scope) {
            return Flow::Next;
        }
        if self.did_before(&cx, &cx.step) {
            return Flow::Next;
        }
        match self.ran_elsewhere(node).await {
            Ok(false) => {}
            Ok(true) => return Flow::Next,
            Err(flow) => return flow,
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
            Err(blocked) => {
                return self.absorb(&cx, TaskOutcome::single(blocked.of("run_once").into())).await;
            }
        };
        // Those that count for all hosts see to it themselves.
        let once = (once || node.adds_hosts()) && !matches!(node.act, Act::Meta(_));
        if self.meets(&cx) {
            let position = self.position.clone();
            self.batch.reach(&self.name, &position).await;
            if self.too_many_failed() {
                self.batch.set_over();
            }
            if self.batch.is_over() {
                return Flow::Stop;
            }
            if let Some(flow) = self.failed_elsewhere() {
                return flow;
            }
            // What the others have registered meanwhile, and given to this host.
            self.catch_up();
            cx = Arc::new(TaskContext::new(self, node, frame));
        }
        if once {
            return self.task_once(&cx).await;
        }
        self.in_turn(&cx).await
    }

    /// `throttle`: so many hosts at most do the task at a time.
    async fn in_turn(&mut self, cx: &Arc<TaskContext>) -> Flow {
        let limit = match super::unit::evaluated_text(&self.run, &cx.keywords.throttle, &cx.scope) {
            Ok(limit) => limit.and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0),
            Err(blocked) => return self.absorb(cx, TaskOutcome::single(blocked.of("throttle").into())).await,
        };
        if limit == 0 || !matches!(cx.node.act, Act::Module { .. }) {
            return self.dispatch(cx).await;
        }
        let turns = {
            let mut all = super::state::locked(&self.run.turns);
            let made = || Arc::new(tokio::sync::Semaphore::new(limit));
            Arc::clone(all.entry(cx.node.id).or_insert_with(made))
        };
        let _turn = turns.acquire_owned().await;
        self.dispatch(cx).await
    }

    /// Whether an equal use of the task's role has run on this host already: then this one is left out.
    async fn ran_elsewhere(&mut self, node: &TaskNode) -> Result<bool, Flow> {
        let Some((role, key)) = node.role.as_ref().and_then(|r| Some((r, r.once.as_ref()?))) else {
            return Ok(false);
        };
        let other = |run: &TaskRun| {
            let of = run.cx.node.role.as_ref();
            of.is_some_and(|o| o.once.as_ref() == Some(key) && o.instance != role.instance)
        };
        if self.flying.iter().any(other) {
            match self.drain().await {
                Flow::Next => {}
                flow => return Err(flow),
            }
        }
        let elsewhere = self.ran_roles.get(key).is_some_and(|instance| *instance != role.instance);
        // A handler serves all uses of its role.
        Ok(elsewhere && !self.handlers.iter().any(|h| std::ptr::eq(&*h.handler.task, node)))
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
                Behaviour::Cloud(_) => {
                    let outcome = self.cloud_task(cx, module, args).await;
                    self.absorb(cx, outcome).await
                }
                Behaviour::Staged(_) | Behaviour::Procedure(_) if self.passes_hosts_by() => Flow::Next,
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
                // The others go on with what it gives to them.
                if self.delegates_facts(cx, &cx.scope) {
                    self.learn_facts(cx, &outcome);
                }
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
        if matches!(module.behaviour, Behaviour::Cloud(_)) {
            return self.cloud_task(cx, module, args).await;
        }
        let run = self.start(cx, module, args).await;
        self.collect(run).await
    }

    async fn remote_task(&mut self, cx: &Arc<TaskContext>, module: &Arc<Module>, args: &Arc<Map>) -> Flow {
        // A plan shows what the job would do.
        if self.wants_background(cx) && self.run.options.mode != super::options::Mode::Plan {
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
        let before = self.ahead.take(&self.position);
        let before = before.filter(|plan| !self.outdated(plan));
        let mut plan = match before {
            // It was looked at without the names of the file that it renders, which now are there.
            Some(before) if cx.node.looks.is_some() => {
                let mut plan = self.plan_units(cx, module, args);
                plan.units.iter_mut().zip(before.units).for_each(|(unit, was)| unit.take_over(was));
                plan
            }
            Some(plan) => plan,
            None => {
                let mut plan = self.plan_units(cx, module, args);
                let settled = self.flying.is_empty();
                let mut survey = Survey::default();
                plan.units.iter_mut().for_each(|unit| unit.send_probe(&mut survey));
                if settled && !plan.units.iter().any(blocks_view) {
                    survey = self.look_ahead(cx, survey);
                }
                survey.send();
                plan
            }
        };
        let shared = self.may_fly(cx).then(|| self.chain());
        let sequential = cx.keywords.one_by_one();
        let mut flown = Vec::with_capacity(plan.units.len());
        let mut waiting = std::collections::VecDeque::from(std::mem::take(&mut plan.units));
        while let Some(mut unit) = waiting.pop_front() {
            self.look_again(&mut unit, &mut waiting, &flown);
            let before = self.recent.len();
            let chain = shared.or_else(|| Some(super::host::new_chain()));
            let (unit, flying) = self.launch(unit, cx, chain).await;
            waiting.iter_mut().for_each(|unit| unit.disturbed(&self.recent[before..]));
            let flying = match sequential {
                true => {
                    let mut outcome = self.until_satisfied(cx, &unit, flying, module, args).await;
                    match super::loops::ends(&self.run, cx, &unit.scope, &mut outcome) {
                        Truth::False => {}
                        Truth::True => waiting.clear(),
                        Truth::Unknown(why) => {
                            let open = |unit: Unit| unit.again(super::unit::Stage::Unknown(Arc::clone(&why)));
                            waiting = waiting.into_iter().map(open).collect();
                        }
                    }
                    Flying::Landed(outcome)
                }
                false => flying,
            };
            flown.push((unit, flying));
        }
        TaskRun {
            cx: Arc::clone(cx),
            handler: self.handling.filter(|index| Arc::ptr_eq(&self.handlers[*index].handler.task, &cx.node)),
            units: flown,
            looped: plan.looped,
            loop_var: plan.loop_var,
            no_log: plan.no_log,
        }
    }

    /// Whether what was read ahead has to be read again: a plan may know meanwhile that a file is yet to come.
    fn outdated(&mut self, plan: &Plan) -> bool {
        let now = self.run.made_here.load(Ordering::Relaxed);
        if plan.made_here.is_some_and(|then| then < now) {
            // So has all else of the kind, which then is looked at together.
            self.ahead.keep(|other| other.made_here.is_none_or(|then| then == now));
            return true;
        }
        let failed = |unit: &Unit| matches!(unit.stage, super::unit::Stage::Fail(_));
        self.run.check() && plan.units.iter().any(failed)
    }

    /// The units of a task: one an item, or one.
    pub fn plan_units(&mut self, cx: &Arc<TaskContext>, module: &Arc<Module>, args: &Map) -> Plan {
        let no_log = hidden(&self.run, &cx.keywords, &cx.scope);
        let looped = cx.keywords.loop_.is_some();
        let loop_var = super::loops::variable(&self.run, cx);
        let made_here = cx.node.reads_here.then(|| self.run.made_here.load(Ordering::Relaxed));
        let items = match super::loops::items(&self.run, cx) {
            Ok(items) => items,
            Err(stage) => {
                let units = vec![Unit::single(&cx.scope, stage)];
                return Plan { units, looped: false, loop_var, no_log, made_here };
            }
        };
        let Some(items) = items else {
            let stage = prepare(&self.run, &cx.keywords, module, args, &cx.scope);
            return Plan { units: vec![Unit::single(&cx.scope, stage)], looped, loop_var, no_log, made_here };
        };
        let scopes = super::loops::scopes(&self.run, cx, &items, &loop_var);
        let units = items.into_iter().zip(scopes).enumerate().map(|(index, (item, scope))| {
            let stage = prepare(&self.run, &cx.keywords, module, args, &scope);
            let label = super::loops::label(&self.run, cx, &scope, &item, no_log);
            Unit { index, label: Some(label), item: Some(item), ..Unit::single(&scope, stage) }
        });
        Plan { units: units.collect(), looped, loop_var, no_log, made_here }
    }
}

pub fn failed(message: impl Into<String>) -> TaskOutcome {
    TaskOutcome::single(UnitOutcome::failed(Failure::new(message)))
}
