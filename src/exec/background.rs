//! `async` with `poll: 0`: a task that runs on while the play goes on, and `async_status` to ask for it.
//!
//! The job has a connection of its own, so that it holds up no other. What is one command on the host is detached from
//! it, and goes on when the run is over, up to its own time limit. The rest is waited for when the plays are done: what
//! takes several steps, reads what the controller sends, or would leave what is hidden in a file.

use super::flight::{predicted_alone, remote_failure};
use super::host::{Host, TaskContext};
use super::outcome::{TaskOutcome, UnitOutcome};
use super::probes::await_all;
use super::saved::Held;
use super::state::{Run, locked};
use super::unit::{Prepared, Stage};
use crate::base::{Map, Value};
use crate::modules::{Args, ArgsExt, Behaviour, Call, Failure, Module, ProcedureError};
use crate::remote::{END_JOBS, Job, Output, RemoteError, Script, Status};
use crate::script;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Jobs in the background by their ids.
pub type Jobs = HashMap<String, Started>;

/// A job that was started.
pub struct Started {
    told: watch::Receiver<Standing>,
    /// `async_status` with `mode: cleanup` has forgotten it; if it runs it runs on.
    erased: bool,
}

/// How a job in the background stands.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It needs this run.
    Attended,
    /// It goes on by itself.
    Detached,
    Done(Arc<UnitOutcome>),
}

/// What a host may take to end a job that is over its limit.
const GRACE: Duration = Duration::from_secs(30);

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
            Err(blocked) => return blocked.into(),
        }
        let id = format!("j{}.{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let (tell, told) = watch::channel(Standing::Attended);
        locked(&self.run.background).insert(id.clone(), Started { told, erased: false });
        let module = &ready.module.spec.name;
        self.run.journal_begin(&self.name, &cx.title, &cx.step, module, "in the background");
        tokio::spawn(async move {
            let outcome = run_alone(ready, held, &tell).await;
            // Nobody may be left to ask.
            let _ = tell.send(Standing::Done(Arc::new(outcome)));
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
async fn run_alone(ready: Prepared, held: Option<Held>, tell: &watch::Sender<Standing>) -> UnitOutcome {
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
            let outputs = match detachable(&ready, &decision.effects) {
                Some((effect, limit)) => detach(&ready, effect, limit, tell).await,
                None => {
                    let chain = super::host::new_chain();
                    submit(decision.effects.iter().cloned().map(|job| job.chain(chain)).collect()).await
                }
            };
            match outputs {
                Ok(outputs) => {
                    let mut warnings = decision.warnings.clone();
                    warnings.extend(super::flight::cut_short(&outputs));
                    let outcome = match module.finish(&ready.args, decision, &outputs) {
                        Ok(result) => UnitOutcome::done(Some(change), result),
                        Err(failure) => UnitOutcome::failed(failure),
                    };
                    UnitOutcome { warnings, ..outcome }
                }
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
                Err(ProcedureError::Remote(error)) => remote_failure(error),
                Err(ProcedureError::Failed(failure)) => UnitOutcome::failed(failure),
            }
        }
        Behaviour::Control | Behaviour::Cloud(_) => {
            UnitOutcome::failed(Failure::new("control modules cannot run in the background"))
        }
    }
}

/// The one effect that can go on without this run, and the time it has for that.
fn detachable<'a>(ready: &Prepared, effects: &'a [Job]) -> Option<(&'a Job, Duration)> {
    let [effect] = effects else { return None };
    let alone = effect.stdin.is_none() && !ready.no_log;
    ready.limit.filter(|_| alone).map(|limit| (effect, limit))
}

/// Starts an effect detached, and waits for its end.
async fn detach(
    ready: &Prepared,
    effect: &Job,
    limit: Duration,
    tell: &watch::Sender<Standing>,
) -> Result<Vec<Output>, RemoteError> {
    let most = limit.as_secs_f64().ceil();
    let text = format!(
        "fo_most={most}\ndetached() {{\n{}\n}}\nended() (\n{}\n)\n{}",
        effect.script.text,
        END_JOBS,
        include_str!("detach.sh")
    );
    let start =
        Job { script: Script::new(format!("{}.detached", effect.script.name), text), ..effect.clone() };
    let begun = ready.remote.submit(&ready.who, start).await?;
    let Some(dir) = begun.field("", "dir") else { return Ok(vec![begun]) };
    let _ = tell.send(Standing::Detached);
    // The host ends it at its limit, and whoever attends it tidies up.
    let (began, patience) = (Instant::now(), limit + GRACE);
    let attend = Job::new(script!("background.attend", "attend.sh")).var("dir", dir).timeout(Some(patience));
    let mut ended = ready.remote.submit(&ready.who, attend).await?;
    if !ended.ok() && began.elapsed() >= limit {
        ended.status = Status::TimedOut;
    }
    Ok(vec![ended])
}

/// `async_status`: how a job stands.
pub fn status(run: &Run, args: &Args) -> Result<UnitOutcome, Failure> {
    let id = args.str("jid");
    let mut jobs = locked(&run.background);
    let Some(job) = jobs.get_mut(id) else {
        return Err(Failure::new(format!("could not find job `{id}`: it was not started in this run")));
    };
    if job.erased {
        return Err(Failure::new(format!("could not find job `{id}`: it was cleaned up")));
    }
    let named = |mut result: Map, finished: i32| {
        result.insert("ansible_job_id".into(), id.into());
        result.insert("started".into(), 1.into());
        result.insert("finished".into(), finished.into());
        result
    };
    if args.str("mode") == "cleanup" {
        job.erased = true;
        return Ok(UnitOutcome::done(None, [("erased".into(), id.into())].into_iter().collect()));
    }
    let standing = job.told.borrow().clone();
    Ok(match standing {
        Standing::Done(outcome) => {
            UnitOutcome { result: named(outcome.result.clone(), 1), ..UnitOutcome::clone(&outcome) }
        }
        Standing::Attended | Standing::Detached => UnitOutcome::done(None, named(Map::new(), 0)),
    })
}

/// Waits for what needs this run when the plays are done.
pub async fn settle(run: &Run) {
    let jobs: Vec<_> = locked(&run.background).drain().map(|(_, job)| job.told).collect();
    for mut job in jobs {
        tokio::select! {
            // An error means that the job's task is gone: nothing to wait for.
            _ = job.wait_for(|standing| !matches!(standing, Standing::Attended)) => {}
            () = run.cancel.wait(super::cancel::Stop::Cleanly) => return,
        }
    }
}
