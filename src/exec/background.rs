//! `async` with `poll: 0`: a task that runs on while the play goes on, and `async_status` to ask for it.
//!
//! The job has a connection of its own, so that it holds up no other. It lives as long as the run: what is still
//! running when the plays are done is waited for, up to its own time limit.

use super::flight::{predicted_alone, remote_failure};
use super::host::{Host, TaskContext};
use super::outcome::{TaskOutcome, UnitOutcome};
use super::probes::await_all;
use super::saved::Held;
use super::state::{Run, locked};
use super::unit::{Prepared, Stage};
use crate::base::{Map, Value};
use crate::modules::{Args, ArgsExt, Behaviour, Call, Failure, Module};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// Jobs in the background by their ids.
pub type Jobs = HashMap<String, watch::Receiver<Option<UnitOutcome>>>;

/// The number of the next job.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Host {
    /// Whether the task asks for `poll: 0`.
    pub fn wants_background(&self, cx: &TaskContext) -> bool {
        let number = |value: &Option<Value>| {
            let text = super::unit::evaluated_text(&self.run, value, &cx.scope).ok().flatten();
            text.and_then(|t| t.parse::<f64>().ok())
        };
        number(&cx.keywords.async_).is_some_and(|s| s > 0.0) && number(&cx.keywords.poll) == Some(0.0)
    }

    /// What a job says of itself that was waited for (`async` with a `poll` of its own).
    pub fn tell_waited_for(&self, cx: &TaskContext, result: &mut Map) {
        if cx.keywords.async_.is_none() || self.run.check() {
            return;
        }
        let id = format!("j{}.{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let told = [("ansible_job_id", Value::from(id)), ("started", true.into()), ("finished", true.into())];
        result.extend(told.into_iter().map(|(name, value)| (name.into(), value)));
    }

    /// Starts every unit on a connection of its own and leaves it.
    pub fn start_background(
        &mut self,
        cx: &Arc<TaskContext>,
        module: &Arc<Module>,
        args: &Map,
    ) -> TaskOutcome {
        let plan = self.plan_units(cx, module, args);
        let (looped, loop_var, no_log) = (plan.looped, plan.loop_var, plan.no_log);
        let start = |mut unit: super::unit::Unit| {
            let held = self.held(cx, &unit);
            let outcome = match std::mem::replace(&mut unit.stage, Stage::Skip(Value::Null)) {
                Stage::Skip(condition) => UnitOutcome::unmet(condition),
                Stage::Fail(failure) => UnitOutcome::failed(failure),
                Stage::Unknown(why) => UnitOutcome::unknown(&*why),
                Stage::Ready(ready) => self.leave(cx, ready, &unit.scope, held),
            };
            let looped = super::loops::told(&self.run, cx, &unit.scope);
            UnitOutcome { label: unit.label, item: unit.item, looped, ..outcome }
        };
        let units = plan.units.into_iter().map(start).collect();
        TaskOutcome { units, looped, loop_var, no_log }
    }

    fn leave(
        &self,
        cx: &TaskContext,
        mut ready: Prepared,
        scope: &Arc<super::scope::TaskScope>,
        held: Option<Held>,
    ) -> UnitOutcome {
        if ready.check {
            let mut skipped = UnitOutcome::skipped("remote jobs are not started in check mode");
            // Whoever asks for the job is not told that there is none, but that it cannot be known.
            let why = Value::Unknown("a job in the background".into());
            skipped.result.insert("ansible_job_id".into(), why);
            return skipped;
        }
        match super::connect::separate(&self.run, &cx.keywords, scope) {
            Ok(remote) => ready.remote = remote,
            Err(message) => return UnitOutcome::failed(Failure::new(message)),
        }
        let id = format!("j{}.{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let (tell, told) = watch::channel(None);
        locked(&self.run.background).insert(id.clone(), told);
        let module = &ready.module.spec.name;
        self.run.journal_begin(&self.name, &cx.title, &cx.step, module, "in the background");
        tokio::spawn(async move {
            let outcome = run_alone(ready, held).await;
            // Nobody may be left to ask.
            let _ = tell.send(Some(outcome));
        });
        let result = [
            ("ansible_job_id".into(), Value::from(id)),
            ("started".into(), 1.into()),
            ("finished".into(), 0.into()),
        ];
        let mut outcome = UnitOutcome::done(None, result.into_iter().collect());
        outcome.status = super::outcome::Status::Changed;
        outcome
    }
}

/// One unit with nothing before or behind it.
async fn run_alone(ready: Prepared, held: Option<Held>) -> UnitOutcome {
    match ready.module.behaviour.clone() {
        Behaviour::Staged(module) => {
            let submit = |jobs: Vec<crate::remote::Job>| {
                await_all(jobs.into_iter().map(|job| ready.remote.submit(&ready.who, job)).collect())
            };
            let probes = match module.probe(&ready.args, &*ready.controller) {
                Ok(jobs) => jobs,
                Err(failure) => return UnitOutcome::failed(failure),
            };
            let seen = match submit(probes).await {
                Ok(seen) => seen,
                Err(error) => return remote_failure(error),
            };
            let decision = match module.decide(&ready.args, &seen, &*ready.controller) {
                Ok(decision) => decision,
                Err(failure) => return UnitOutcome::failed(failure),
            };
            let Some(change) = decision.change.clone() else { return predicted_alone(decision) };
            if let Some(Err(failure)) = held.map(|held| held(&change, &decision.effects)) {
                return UnitOutcome::failed(failure);
            }
            let chain = super::host::new_chain();
            let effects = decision.effects.clone().into_iter().map(|job| job.chain(chain)).collect();
            match submit(effects).await {
                Ok(outputs) => match module.finish(&ready.args, decision, &outputs) {
                    Ok(result) => UnitOutcome::done(Some(change), result),
                    Err(failure) => UnitOutcome::failed(failure),
                },
                Err(error) => remote_failure(error),
            }
        }
        Behaviour::Procedure(module) => {
            if held.is_some() {
                let why = "stale: what this module does in the background cannot be held against a plan";
                return UnitOutcome::failed(Failure::new(why));
            }
            let (args, controller) = (&ready.args, &*ready.controller);
            let call = Call { args, remote: &*ready.remote, become_user: &ready.who, controller };
            match module.run(call).await {
                Ok(outcome) => UnitOutcome::done(outcome.change, outcome.result),
                Err(failure) => UnitOutcome::failed(failure),
            }
        }
        Behaviour::Control | Behaviour::Cloud(_) => {
            UnitOutcome::failed(Failure::new("control modules cannot run in the background"))
        }
    }
}

/// `async_status`: how a job stands.
pub fn status(run: &Run, args: &Args) -> Result<UnitOutcome, Failure> {
    let id = args.str("jid");
    let mut jobs = locked(&run.background);
    let Some(job) = jobs.get(id) else {
        return Err(Failure::new(format!("could not find job `{id}`: it was not started in this run")));
    };
    let named = |mut result: Map, finished: i32| {
        result.insert("ansible_job_id".into(), id.into());
        result.insert("started".into(), 1.into());
        result.insert("finished".into(), finished.into());
        result
    };
    let outcome = job.borrow().clone();
    if args.str("mode") == "cleanup" {
        jobs.remove(id);
        return Ok(UnitOutcome::done(None, [("erased".into(), id.into())].into_iter().collect()));
    }
    Ok(match outcome {
        None => UnitOutcome::done(None, named(Map::new(), 0)),
        Some(outcome) => UnitOutcome { result: named(outcome.result.clone(), 1), ..outcome },
    })
}

/// Waits for what is still running when the plays are done.
pub async fn settle(run: &Run) {
    let jobs: Vec<_> = locked(&run.background).drain().map(|(_, job)| job).collect();
    for mut job in jobs {
        tokio::select! {
            // An error means that the job's task is gone: nothing to wait for.
            _ = job.wait_for(Option::is_some) => {}
            () = run.cancel.wait(super::cancel::Stop::Cleanly) => return,
        }
    }
}
