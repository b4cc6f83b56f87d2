//! Carrying out the units of one task: probe, decide, send effects, and collect them later.
//!
//! Jobs of one shell run in the order they were sent. So a unit's effects need not be awaited before the next
//! unit is decided: a probe sent after an effect sees it. Only what was probed *before* an effect that touches
//! it is stale; [`Host::disturb`] marks it, and it is probed again.

use super::host::{Host, TaskContext};
use super::landing::{NotDone, Why};
use super::outcome::{Status, UnitOutcome, diff_value};
use super::planned::{forget_output, leave_open};
use super::probes::{Effect, await_all};
use super::saved::Made;
use super::unit::{Applying, Prepared, Stage, Unit};
use crate::base::{Map, Value};
use crate::modules::{Behaviour, Call, Failure, Procedure, ProcedureError, Staged};
use crate::plan::{Change, Decision};
use crate::remote::files::found_changed;
use crate::remote::{Job, Output, RemoteError, Status as JobStatus};
use std::sync::Arc;

/// A unit after its decision.
pub enum Flying {
    Landed(UnitOutcome),
    Applying { ready: Box<Prepared>, applying: Applying },
}

/// Where a decision is carried out.
struct At<'a> {
    cx: &'a TaskContext,
    unit: &'a Unit,
    chain: Option<u64>,
    /// It rests on what earlier planned changes leave.
    foreseen: bool,
}

impl Host {
    /// Decides one unit and sends its effects. Probes it first where that was not done or is stale.
    pub async fn launch(&mut self, mut unit: Unit, cx: &TaskContext, chain: Option<u64>) -> (Unit, Flying) {
        let landed = match &unit.stage {
            Stage::Skip(condition) => Some(UnitOutcome::unmet(condition.clone())),
            Stage::Fail(failure) => Some(UnitOutcome::failed(failure.clone())),
            Stage::Unknown(why) => Some(UnitOutcome::unknown(&**why)),
            Stage::Ready(_) => None,
        };
        if let Some(outcome) = landed {
            self.may_do_anything(cx, &outcome);
            return (unit, Flying::Landed(outcome));
        }
        let mut observed = unit.observed().await;
        if matches!(observed, Err(RemoteError::Lost(_))) {
            // A look changes nothing: over a new connection it is had again.
            observed = unit.observed().await;
        }
        if let (Err(RemoteError::Become(_)), Stage::Ready(ready)) = (&observed, &mut unit.stage)
            && self.will_be_there(ready)
        {
            // A user that the plan makes cannot look yet: root does.
            observed = unit.observed().await;
        }
        // The probe may have failed the unit.
        let stage = std::mem::replace(&mut unit.stage, Stage::Skip(Value::Null));
        let ready = match stage {
            Stage::Ready(ready) => ready,
            Stage::Fail(failure) => return (unit, Flying::Landed(UnitOutcome::failed(failure))),
            Stage::Unknown(why) => {
                let outcome = UnitOutcome::unknown(&*why);
                self.may_do_anything(cx, &outcome);
                return (unit, Flying::Landed(outcome));
            }
            _ => return (unit, Flying::Landed(UnitOutcome::failed(Failure::new("not probed")))),
        };
        let flying = match (&ready.module.behaviour, observed) {
            (_, Err(error)) => Flying::Landed(self.not_asked(error)),
            (Behaviour::Staged(module), Ok(seen)) => {
                let module = Arc::clone(module);
                let (seen, foreseen) = self.foresee(&ready, &*module, seen);
                if let Some(unknown) = self.not_yet_true(&ready, cx, foreseen || module.predicts()) {
                    return (unit, Flying::Landed(unknown));
                }
                let flying = match module.decide(&ready.args, &seen, &*ready.controller) {
                    Ok(decision) if decision.change.is_some() => {
                        let at = At { cx, unit: &unit, chain, foreseen };
                        self.change(ready, decision, at).await
                    }
                    Ok(decision) => self.carry_out(ready, decision, At { cx, unit: &unit, chain, foreseen }),
                    Err(failure) => Flying::Landed(self.unless_it_comes(&ready, failure)),
                };
                match flying {
                    Flying::Landed(outcome) => {
                        self.may_do_anything(cx, &outcome);
                        Flying::Landed(UnitOutcome { foreseen, ..outcome })
                    }
                    applying => applying,
                }
            }
            (Behaviour::Procedure(_), Ok(_)) => Flying::Landed(self.run_procedure(ready, cx, &unit).await),
            (Behaviour::Control | Behaviour::Cloud(_), Ok(_)) => {
                Flying::Landed(UnitOutcome::failed(Failure::new("control modules run on the controller")))
            }
        };
        (unit, flying)
    }

    /// Carries out a change, and has it confirmed where the task asks for that.
    async fn change(&mut self, ready: Prepared, mut decision: Decision, at: At<'_>) -> Flying {
        if ready.check {
            let lacks = self.names_that_lack(&ready, &decision.effects).await;
            decision.warnings.extend(lacks);
        } else {
            // A user that still has processes cannot be removed or renamed.
            for user in ready.claims.writes.iter().filter_map(|w| w.strip_prefix("user:")) {
                ready.remote.leave(user).await;
            }
        }
        match self.arm(&ready, &decision.effects, at.cx, &at.unit.scope).await {
            Ok(None) => self.carry_out(ready, decision, at),
            Ok(Some(armed)) => {
                let flying = self.carry_out(ready, decision, at);
                Flying::Landed(self.confirm(armed, flying).await)
            }
            Err(outcome) => Flying::Landed(*outcome),
        }
    }

    fn carry_out(&mut self, ready: Prepared, decision: Decision, at: At<'_>) -> Flying {
        let At { cx, unit, chain, foreseen } = at;
        let Behaviour::Staged(module) = ready.module.behaviour.clone() else {
            return Flying::Landed(UnitOutcome::failed(Failure::new("only staged modules decide")));
        };
        let Some(change) = decision.change.clone() else {
            return Flying::Landed(finished(decision, None));
        };
        let made = Made { cx, unit, change: &change, effects: &decision.effects, foreseen };
        if ready.check {
            self.note_decision(&ready, &made);
            // Where only this task is a check, those after it see the host as it is.
            if !ready.delegated && self.run.check() {
                self.planned.push((cx.title.clone(), ready.claims.clone()));
                self.forecast.learn(&decision.effects, module.leaves(&ready.args, &decision));
            }
            let mut outcome = predicted(&ready, decision, change);
            outcome.claims = Some(ready.claims.clone());
            if self.run.options.mode == super::options::Mode::Plan {
                forget_output(&mut outcome, &cx.title, self.wants_background(cx));
                leave_open(&mut outcome, &ready, &cx.title);
            } else if outcome.result.get("skipped") == Some(&Value::Bool(true)) {
                // As Ansible: what cannot tell beforehand is skipped in check mode.
                outcome.status = Status::Skipped;
                outcome.change = None;
            }
            return Flying::Landed(outcome);
        }
        if let Err(failure) = self.hold_against_plan(&made) {
            return Flying::Landed(UnitOutcome::failed(failure));
        }
        self.effect_begins(&ready, cx, &change);
        self.looks.before(&ready, &decision);
        let send = |mut job: Job| {
            job.chain = chain.or(job.chain);
            ready.remote.submit(&ready.who, job)
        };
        let probe = module.probe(&ready.args, &*ready.controller).unwrap_or_default();
        // What tells at the end how things are now.
        let tells = |job: &&Job| job.script.each || probe.contains(job);
        let reads = decision.effects.iter().rev().take_while(tells).count();
        let mut effects = decision.effects.clone();
        let told = self.looks.tell(&ready, &decision, effects.split_off(effects.len() - reads));
        let effects = effects.into_iter().map(send).collect();
        let verify = if module.verify() { probe } else { Vec::new() };
        let verify = self.looks.verify(&ready, &decision, verify);
        // What follows it in another chain would run although it has failed.
        let effect = match chain.is_some() && chain == self.chain {
            true => Effect::sent(&ready.claims, &decision, module.leaves(&ready.args, &decision)),
            false => Effect::of(&ready.claims),
        };
        self.disturb(effect);
        Flying::Applying { ready: Box::new(ready), applying: Applying { decision, effects, told, verify } }
    }

    async fn run_procedure(&mut self, ready: Prepared, cx: &TaskContext, unit: &Unit) -> UnitOutcome {
        let task = cx.title.as_str();
        let Behaviour::Procedure(module) = ready.module.behaviour.clone() else {
            return UnitOutcome::failed(Failure::new("not a procedure"));
        };
        if !ready.check {
            match self.foresee_procedure(&ready, &*module, cx, unit).await {
                Ok(()) => {}
                Err(ProcedureError::Remote(error)) => return remote_failure(error),
                Err(ProcedureError::Failed(failure)) => return UnitOutcome::failed(failure),
            }
            self.run.journal_begin(&self.name, task, &cx.step, &ready.module.spec.name, "procedure");
        }
        let call = Call {
            args: &ready.args,
            remote: &*ready.remote,
            become_user: &ready.who,
            controller: &*ready.controller,
        };
        match module.run(call).await {
            Ok(outcome) => {
                if let Some(change) = &outcome.change {
                    if ready.check {
                        let made = Made { cx, unit, change, effects: &[], foreseen: false };
                        self.note_decision(&ready, &made);
                        self.planned.push((task.to_string(), ready.claims.clone()));
                    } else {
                        self.disturb(Effect::of(&ready.claims));
                    }
                }
                let mut done = UnitOutcome::done(outcome.change, outcome.result);
                done.warnings = outcome.warnings;
                if done.change.is_none() && done.result.get("skipped") == Some(&Value::Bool(true)) {
                    done.status = Status::Skipped;
                    if self.run.options.mode == super::options::Mode::Plan {
                        leave_open(&mut done, &ready, task);
                    }
                }
                done
            }
            // However it ended, what it had done by then is not known.
            Err(error) => {
                self.disturb(Effect::of(&ready.claims));
                match error {
                    ProcedureError::Remote(error) => self.not_asked(error),
                    ProcedureError::Failed(failure) => self.unless_it_comes(&ready, failure),
                }
            }
        }
    }

    /// Before a procedure runs for a saved plan it is asked what it would do.
    async fn foresee_procedure(
        &mut self,
        ready: &Prepared,
        module: &dyn Procedure,
        cx: &TaskContext,
        unit: &Unit,
    ) -> Result<(), ProcedureError> {
        if self.run.options.saved.is_none() {
            return Ok(());
        }
        let controller = ready.controller.predicting();
        let (remote, become_user) = (&*ready.remote, &ready.who);
        let foreseen =
            module.run(Call { args: &ready.args, remote, become_user, controller: &controller }).await?;
        let Some(change) = &foreseen.change else { return Ok(()) };
        Ok(self.hold_against_plan(&Made { cx, unit, change, effects: &[], foreseen: false })?)
    }

    /// Awaits a unit's effects.
    ///
    /// # Errors
    /// They are to be begun again.
    pub async fn land(&mut self, flying: Flying) -> Result<UnitOutcome, NotDone> {
        let (ready, applying) = match flying {
            Flying::Landed(outcome) => return Ok(outcome),
            Flying::Applying { ready, applying } => (ready, applying),
        };
        let Behaviour::Staged(module) = ready.module.behaviour.clone() else {
            return Ok(UnitOutcome::failed(Failure::new("only staged modules have effects in flight")));
        };
        let Applying { decision, effects, told, verify } = applying;
        self.looks.send();
        let mut outputs = match await_all(effects).await {
            Ok(outputs) => outputs,
            Err(error) => return cut_off(*ready, &*module, error, decision.change),
        };
        if outputs.iter().all(|o| o.status == JobStatus::Skipped) && !outputs.is_empty() {
            return Err(NotDone { ready: *ready, why: Why::Skipped });
        }
        match await_all(told).await {
            Ok(told) => outputs.extend(told),
            Err(error) => return cut_off(*ready, &*module, error, decision.change),
        }
        let (change, warnings) = (decision.change.clone(), decision.warnings.clone());
        let overtaken = overtaken(&decision.effects, &outputs);
        let cut = cut_short(&outputs);
        let late = outputs.iter().any(|o| o.status == JobStatus::TimedOut);
        let mut outcome = match module.finish(&ready.args, decision, &outputs) {
            // An effect that found nothing to change after all (a download with the same content).
            Ok(result) if result.get("changed") == Some(&Value::Bool(false)) => {
                UnitOutcome::done(None, result)
            }
            Ok(result) => finished(Decision { change: None, result, ..Decision::default() }, change),
            Err(failure) => UnitOutcome { change, ..UnitOutcome::failed(failure) },
        };
        if let Some(begun) = overtaken {
            return Err(NotDone { ready: *ready, why: Why::Overtaken { failed: Box::new(outcome), begun } });
        }
        outcome.warnings.splice(0..0, warnings);
        if let (true, Some(limit)) = (late, ready.limit) {
            let seconds = limit.as_secs_f64();
            outcome.message =
                format!("Timed out after {seconds} second(s); it and what it started were ended");
            let period = Value::from(
                [("period".into(), Value::Int(limit.as_secs().cast_signed()))].into_iter().collect::<Map>(),
            );
            outcome.result.insert("timedout".into(), period);
            outcome.result.insert("msg".into(), outcome.message.as_str().into());
        }
        outcome.warnings.extend(cut);
        if outcome.status == Status::Changed && !verify.is_empty() {
            self.verify(&ready, &*module, verify, &mut outcome).await;
        }
        if ready.controller.diff() && !ready.no_log && !outcome.result.contains_key("diff") {
            let diffs = outcome.change.iter().flat_map(|c| &c.diffs).cloned().collect::<Vec<_>>();
            outcome.result.insert("diff".into(), diff_value(&ready.module.spec.name, &diffs));
        }
        Ok(outcome)
    }

    /// A second look after the effects: what still differs is said, for it would be changed on every run.
    async fn verify(
        &mut self,
        ready: &Prepared,
        module: &dyn Staged,
        verify: Vec<crate::remote::JobFuture>,
        outcome: &mut UnitOutcome,
    ) {
        let Ok(seen) = await_all(verify).await else { return };
        if let Ok(Decision { change: Some(still), .. }) =
            module.decide(&ready.args, &seen, &*ready.controller)
        {
            let warning = format!("applied, but a second look still finds: {}", still.reason);
            outcome.warnings.push(warning);
        }
    }

    /// An effect is on its way: everything probed before that it can touch is stale.
    pub fn disturb(&mut self, effect: Effect) {
        self.ahead.disturb(&effect);
        self.recent.push(effect);
    }
}

/// The outcome of a decision that changes nothing.
pub fn predicted_alone(decision: Decision) -> UnitOutcome {
    finished(decision, None)
}

fn finished(decision: Decision, change: Option<Change>) -> UnitOutcome {
    let mut outcome = UnitOutcome::done(change, decision.result);
    outcome.warnings = decision.warnings;
    outcome
}

/// The warning of an output that was too long.
pub fn cut_short(outputs: &[Output]) -> Option<String> {
    let limit = crate::remote::job::OUTPUT_LIMIT >> 20;
    let cut = outputs.iter().any(|o| o.truncated);
    cut.then(|| format!("the output is longer than {limit} MiB: what came after was dropped"))
}

fn predicted(ready: &Prepared, decision: Decision, change: Change) -> UnitOutcome {
    let diffs = change.diffs.clone();
    let mut outcome = finished(decision, Some(change));
    if ready.controller.diff() && !ready.no_log && !outcome.result.contains_key("diff") {
        outcome.result.insert("diff".into(), diff_value(&ready.module.spec.name, &diffs));
    }
    outcome
}

/// What becomes of a unit whose effects have no answer. A command whose end nobody has seen is not begun again.
fn cut_off(
    ready: Prepared,
    module: &dyn Staged,
    error: RemoteError,
    change: Option<Change>,
) -> Result<UnitOutcome, NotDone> {
    match error {
        RemoteError::Lost(_) if module.begins_again() => {
            Err(NotDone { ready, why: Why::Lost(error, change) })
        }
        other => Ok(remote_failure(other)),
    }
}

/// Whether the effects ended at a file that somebody else had changed since the look, and if so whether any was done before.
fn overtaken(effects: &[Job], outputs: &[Output]) -> Option<bool> {
    let at = effects.iter().zip(outputs).position(|(job, output)| found_changed(job, output))?;
    Some(at > 0)
}

/// A connection's end is `unreachable`; a refused change of user is a failure of the task.
pub fn remote_failure(error: RemoteError) -> UnitOutcome {
    match error {
        RemoteError::Become(why) => UnitOutcome::failed(Failure::new(why)),
        other => UnitOutcome::unreachable(other.to_string()),
    }
}
