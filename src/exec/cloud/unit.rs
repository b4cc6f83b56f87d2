//! One cloud task for one item: from its arguments to its outcome, on the controller.

use super::super::controller::TaskController;
use super::super::event::{Event, TaskRef};
use super::super::host::TaskContext;
use super::super::outcome::{Status, TaskOutcome, UnitOutcome, diff_value};
use super::super::patience::Patience;
use super::super::scope::TaskScope;
use super::super::state::{Run, locked};
use super::super::unit::{Blocked, Stage, arguments, conditions, evaluated_flag, false_condition, hidden};
use super::wants::Apart;
use crate::base::{Map, Value};
use crate::cloud::{Identity, together};
use crate::eval::{Scope, Truth};
use crate::modules::cloud::{CloudModule, Cx};
use crate::modules::{Args, ArgsExt, Behaviour, Failure, Module};
use crate::plan::{Change, Claims};
use std::sync::Arc;

/// One item, ready to be carried out.
pub struct CloudUnit {
    /// Of the loop.
    pub index: usize,
    pub label: Option<Value>,
    pub item: Option<Value>,
    pub scope: Arc<TaskScope>,
    /// From other items that say the same.
    pub apart: Apart,
}

impl CloudUnit {
    /// Of a task without a loop.
    pub fn plain(scope: Arc<TaskScope>) -> CloudUnit {
        CloudUnit { index: 0, label: None, item: None, scope, apart: Apart::default() }
    }
}

/// A task with its items.
pub struct CloudTask {
    pub task: TaskRef,
    pub cx: Arc<TaskContext>,
    pub module: Arc<Module>,
    pub raw: Arc<Map>,
    pub units: Vec<CloudUnit>,
    pub looped: bool,
    pub loop_var: Arc<str>,
    pub no_log: bool,
}

impl CloudTask {
    /// The task's items; an outcome where there is nothing to carry out.
    pub fn new(
        run: &Arc<Run>,
        cx: &Arc<TaskContext>,
        module: &Arc<Module>,
        raw: &Arc<Map>,
        task: TaskRef,
    ) -> Result<CloudTask, TaskOutcome> {
        let no_log = hidden(run, &cx.keywords, &cx.scope);
        let loop_var = super::super::loops::variable(run, cx);
        let units = match super::super::loops::items(run, cx) {
            Ok(None) => vec![CloudUnit::plain(Arc::clone(&cx.scope))],
            Ok(Some(items)) => {
                let scopes = super::super::loops::scopes(run, cx, &items, &loop_var);
                let unit = |(index, (item, scope)): (usize, (Value, Arc<TaskScope>))| {
                    let label = super::super::loops::label(run, cx, &scope, &item, no_log);
                    CloudUnit { index, label: Some(label), item: Some(item), scope, apart: Apart::default() }
                };
                items.into_iter().zip(scopes).enumerate().map(unit).collect()
            }
            Err(stage) => {
                let unit = match stage {
                    Stage::Skip(condition) => UnitOutcome::unmet(condition),
                    Stage::Unknown(why) => UnitOutcome::unknown(&*why),
                    Stage::Fail(failure) => UnitOutcome::failed(failure),
                    Stage::Ready(_) => UnitOutcome::done(None, Map::new()),
                };
                return Err(TaskOutcome { units: vec![unit], looped: false, loop_var, no_log });
            }
        };
        Ok(CloudTask { loop_var, no_log, ..CloudTask::of_units(cx, module, raw, task, units) })
    }

    /// A task of these units.
    pub fn of_units(
        cx: &Arc<TaskContext>,
        module: &Arc<Module>,
        raw: &Arc<Map>,
        task: TaskRef,
        units: Vec<CloudUnit>,
    ) -> CloudTask {
        let looped = cx.keywords.loop_.is_some();
        let (cx, module, raw) = (Arc::clone(cx), Arc::clone(module), Arc::clone(raw));
        CloudTask { task, cx, module, raw, units, looped, loop_var: "item".into(), no_log: false }
    }

    /// Carries out all items: together, but for those that touch the same things.
    pub async fn run(mut self, run: Arc<Run>) -> TaskOutcome {
        self.note_wants(&run);
        let claims: Vec<Claims> = self.units.iter().map(|u| self.claims(&run, u)).collect();
        let sequential = self.cx.keywords.one_by_one();
        let end = std::sync::Mutex::new(Truth::False);
        let cells: Vec<tokio::sync::watch::Sender<bool>> =
            self.units.iter().map(|_| tokio::sync::watch::channel(false).0).collect();
        let one = |at: usize| {
            let (run, unit, cells, claims, end) = (&run, &self.units[at], &cells, &claims, &end);
            let task = &self;
            async move {
                let before = (0..at).filter(|b| {
                    sequential || claims[*b].disturbs(&claims[at]) || claims[at].disturbs(&claims[*b])
                });
                for earlier in before {
                    // The sender lives as long as all of these futures.
                    let _ = cells[earlier].subscribe().wait_for(|done| *done).await;
                }
                let ended = locked(end).clone();
                let mut outcome = match ended {
                    Truth::True => {
                        cells[at].send_replace(true);
                        return None;
                    }
                    Truth::Unknown(why) => UnitOutcome::unknown(&*why),
                    Truth::False => task.patiently(run, unit).await,
                };
                if task.looped {
                    let ends = super::super::loops::ends(run, &task.cx, &unit.scope, &mut outcome);
                    *locked(end) = ends;
                }
                cells[at].send_replace(true);
                let looped = super::super::loops::told(run, &task.cx, &unit.scope);
                Some(UnitOutcome { label: unit.label.clone(), item: unit.item.clone(), looped, ..outcome })
            }
        };
        let units = together((0..self.units.len()).map(one).collect()).await.into_iter().flatten().collect();
        TaskOutcome { units, looped: self.looped, loop_var: Arc::clone(&self.loop_var), no_log: self.no_log }
    }

    fn claims(&self, run: &Run, unit: &CloudUnit) -> Claims {
        match arguments(run, &self.cx.keywords, &self.module, &self.raw, &unit.scope) {
            Ok(args) => self.module.claims(&args),
            Err(_) => Claims::default(),
        }
    }

    /// Again and again until its `until` holds.
    async fn patiently(&self, run: &Arc<Run>, unit: &CloudUnit) -> UnitOutcome {
        let mut patience = Patience::new(run, &self.cx, &unit.scope);
        loop {
            let outcome = self.once(run, unit).await;
            let judged = outcome.judge(run, &self.cx.keywords, &unit.scope);
            match patience.judge(run, &self.cx, &unit.scope, judged) {
                Ok(outcome) => return outcome,
                Err(_) => {
                    tokio::select! {
                        () = tokio::time::sleep(patience.delay) => {}
                        () = run.cancel.wait(super::super::cancel::Stop::Cleanly) => {
                            return UnitOutcome::failed(Failure::new("interrupted"));
                        }
                    }
                    patience.attempt += 1;
                }
            }
        }
    }

    async fn once(&self, run: &Arc<Run>, unit: &CloudUnit) -> UnitOutcome {
        self.note_node(run, unit);
        match conditions(run, &self.cx.keywords.when, &unit.scope) {
            Ok(Truth::True) => {}
            Ok(Truth::False) => {
                return UnitOutcome::unmet(false_condition(run, &self.cx.keywords.when, &unit.scope));
            }
            Ok(Truth::Unknown(why)) => return UnitOutcome::unknown(&*why),
            Err(message) => {
                return UnitOutcome::failed(Failure::new(format!("The conditional check failed: {message}")));
            }
        }
        let args = match arguments(run, &self.cx.keywords, &self.module, &self.raw, &unit.scope) {
            Ok(args) => args,
            Err(Blocked::Unknown(why)) => return UnitOutcome::unknown(&*why),
            Err(Blocked::Failure(failure)) => return UnitOutcome::failed(failure),
        };
        let Behaviour::Cloud(module) = &self.module.behaviour else {
            return UnitOutcome::failed(Failure::new("not a cloud module"));
        };
        self.carry_out(run, unit, &**module, &args).await.unwrap_or_else(UnitOutcome::failed)
    }

    async fn carry_out(
        &self,
        run: &Arc<Run>,
        unit: &CloudUnit,
        module: &dyn CloudModule,
        args: &Args,
    ) -> Result<UnitOutcome, Failure> {
        let check = run.check()
            || evaluated_flag(run, &self.cx.keywords.check_mode, &unit.scope, false)
                .map_err(Failure::from)?;
        let diff = evaluated_flag(run, &self.cx.keywords.diff, &unit.scope, run.options.diff)
            .map_err(Failure::from)?;
        let access = super::access::of_task(run, &self.cx.keywords, args, &unit.scope)?;
        let controller = TaskController::new(Arc::clone(run), Arc::clone(&unit.scope), check, diff);
        let key = module.key(args);
        let bare = super::nodes::node(&self.module.spec.name, &key);
        let node = format!("{bare}{}", unit.apart.suffix);
        let also = unit.apart.also.as_ref().map(|also| format!("{bare}{also}"));
        let keep = args.bool("prevent_destroy");
        let stack = super::access::stack(run, &unit.scope)?;
        let expires = super::access::expires(run, &unit.scope)?;
        let identity =
            Identity { stack: stack.clone(), node, run: run.cloud.id.clone(), keep, expires, also };
        let group = self.group(run, &(access.clone(), stack.clone(), bare), module.place(args), unit.index);
        let account = run.cloud.session.account(&access).await?;
        run.cloud.note(&stack, &account, Vec::new());
        if run.options.mode == super::super::options::Mode::Destroy {
            let place = super::access::lock(run, &unit.scope)?;
            locked(&run.cloud.lock_places).insert(stack.clone(), place);
        }
        let title = &self.cx.title;
        let begins = |change: &Change| self.begins(run, unit, change);
        let progress = |message: &str, percent: Option<i32>| self.progress(run, unit, message, percent);
        let (begins, progress, controller) = (&begins, &progress, &controller);
        let cx = Cx { args, account, identity, group, check, title, controller, begins, progress };
        let claims = self.module.claims(args);
        // What only reads excludes nobody.
        if !check && !claims.writes.is_empty() {
            let place = super::access::lock(run, &unit.scope)?;
            super::lock::take(run, &place, &stack, &cx.account).await?;
        }
        let done = module.run(&cx).await?;
        if run.options.orphans.is_some() && cx.group.own.says() {
            let unit = self.unit_name(unit.index);
            locked(&run.cloud.nodes).has(&cx.identity.stack, &cx.identity.node, &unit, &done.things);
        }
        if !done.things.is_empty() {
            run.cloud.note(&cx.identity.stack, &cx.account, done.things);
        }
        let foreseen = check && run.cloud.foresees(done.change.as_ref(), args, claims);
        let mut outcome = UnitOutcome { foreseen, ..UnitOutcome::done(done.change, done.result) };
        outcome.warnings = done.warnings;
        if diff && !self.no_log && outcome.status == Status::Changed {
            let diffs = outcome.change.iter().flat_map(|c| &c.diffs).cloned().collect::<Vec<_>>();
            outcome.result.insert("diff".into(), diff_value("", &diffs));
        }
        Ok(outcome)
    }
}

impl CloudTask {
    /// An effect is about to be made: it is held against the saved plan, and the journal and those who listen have it before.
    fn begins(&self, run: &Run, unit: &CloudUnit, change: &Change) -> Result<(), Failure> {
        run.hold_change(&self.task.host, &self.cx, (unit.index, unit.label.as_ref()), change)?;
        let reason = if self.no_log { "" } else { &change.reason };
        run.journal_begin(&self.task.host, &self.task.name, &self.cx.step, &self.task.action, reason);
        if self.no_log {
            return Ok(());
        }
        let item = unit.label.as_ref().map(|l| run.redactor.value(l));
        let change =
            Change { action: change.action, reason: run.redactor.text(&change.reason), diffs: Vec::new() };
        run.emit(Event::Effect { task: self.task.clone(), item, change });
        Ok(())
    }
}

impl CloudTask {
    fn progress(&self, run: &Run, unit: &CloudUnit, message: &str, percent: Option<i32>) {
        if self.no_log {
            return;
        }
        let item = unit.label.as_ref().map(|l| run.redactor.value(l));
        let message = run.redactor.text(message);
        run.emit(Event::Progress { task: self.task.clone(), item, message, percent });
    }
}

/// A variable as text, where it is set.
pub fn variable(run: &Run, scope: &TaskScope, name: &str) -> Result<Option<String>, Failure> {
    let Some(value) = scope.get(name) else { return Ok(None) };
    let value = run.engine.evaluate(&value, scope).map_err(|e| Failure::new(format!("{name}: {e}")))?;
    Ok(Some(crate::spec::to_text(&value)).filter(|t| !t.is_empty()))
}
