//! Carrying out the units of one task: probe, decide, send effects, and collect them later.
//!
//! Jobs of one shell run in the order they were sent. So a unit's effects need not be awaited before the next
//! unit is decided: a probe sent after an effect sees it. Only what was probed *before* an effect that touches
//! it is stale; [`Host::disturb`] marks it, and it is probed again.

use super::host::Host;
use super::outcome::{Status, UnitOutcome, diff_value};
use super::unit::{Applying, Prepared, Stage, Unit, await_all};
use crate::base::Value;
use crate::modules::{Behaviour, Call, Failure, Staged};
use crate::plan::{Action, Change, Claims, Decision};
use crate::remote::{Job, RemoteError, Status as JobStatus};
use std::sync::Arc;

/// A unit after its decision.
pub enum Flying {
    Landed(UnitOutcome),
    Applying { ready: Box<Prepared>, applying: Applying },
}

impl Host {
    /// Decides one unit and sends its effects. Probes it first where that was not done or is stale.
    pub async fn launch(&mut self, mut unit: Unit, task: &str, chain: Option<u64>) -> (Unit, Flying) {
        let landed = match &unit.stage {
            Stage::Skip(why) => Some(UnitOutcome::skipped(why.as_str())),
            Stage::Fail(failure) => Some(UnitOutcome::failed(failure.clone())),
            Stage::Unknown(why) => Some(UnitOutcome::unknown(&**why)),
            Stage::Ready(_) => None,
        };
        if let Some(outcome) = landed {
            return (unit, Flying::Landed(outcome));
        }
        let observed = unit.observed().await;
        // `send_probe` may have failed the unit.
        let stage = std::mem::replace(&mut unit.stage, Stage::Skip(String::new()));
        let ready = match stage {
            Stage::Ready(ready) => ready,
            Stage::Fail(failure) => return (unit, Flying::Landed(UnitOutcome::failed(failure))),
            _ => return (unit, Flying::Landed(UnitOutcome::failed(Failure::new("not probed")))),
        };
        let flying = match (&ready.module.behaviour, observed) {
            // The user to become may be one that the plan would make.
            (_, Err(RemoteError::Become(why))) => {
                let user = Claims { reads: vec!["user:*".into(), "package:*".into()], writes: Vec::new() };
                Flying::Landed(self.unless_planned(&user, Failure::new(why)))
            }
            (_, Err(error)) => Flying::Landed(remote_failure(error)),
            (Behaviour::Staged(module), Ok(seen)) => {
                let module = Arc::clone(module);
                match module.decide(&ready.args, &seen, &*ready.controller) {
                    Ok(decision) => self.carry_out(ready, &*module, decision, task, chain),
                    Err(failure) => Flying::Landed(self.unless_planned(&ready.claims, failure)),
                }
            }
            (Behaviour::Procedure(_), Ok(_)) => Flying::Landed(self.run_procedure(ready, task).await),
            (Behaviour::Control | Behaviour::Cloud(_), Ok(_)) => {
                Flying::Landed(UnitOutcome::failed(Failure::new("control modules run on the controller")))
            }
        };
        (unit, flying)
    }

    /// On a plan, a failure that an earlier planned effect may prevent is not one: it is unknown until then.
    fn unless_planned(&self, claims: &Claims, failure: Failure) -> UnitOutcome {
        match self.planned.iter().rev().find(|(_, planned)| planned.disturbs(claims)) {
            // What may depend on anything has no one cause that could be named.
            Some(_) if claims.reads.iter().any(|read| &**read == "*") => {
                UnitOutcome::unknown(format!("the changes before it are made; now: {}", failure.message))
            }
            Some((task, _)) => UnitOutcome::unknown(format!("`{task}` has run; now: {}", failure.message)),
            None => UnitOutcome::failed(failure),
        }
    }

    fn carry_out(
        &mut self,
        ready: Prepared,
        module: &dyn Staged,
        decision: Decision,
        task: &str,
        chain: Option<u64>,
    ) -> Flying {
        let Some(change) = decision.change.clone() else {
            return Flying::Landed(finished(decision, None));
        };
        if ready.check {
            self.planned.push((task.to_string(), ready.claims.clone()));
            let mut outcome = predicted(&ready, decision, change);
            if self.run.options.mode == super::options::Mode::Plan {
                forget_output(&mut outcome, task);
            } else if outcome.result.get("skipped") == Some(&Value::Bool(true)) {
                // As Ansible: what cannot tell beforehand is skipped in check mode.
                outcome.status = Status::Skipped;
                outcome.change = None;
            }
            return Flying::Landed(outcome);
        }
        self.effect_begins(&ready, task, &change);
        let send = |mut job: Job| {
            job.chain = chain.or(job.chain);
            ready.remote.submit(&ready.who, job)
        };
        let effects = decision.effects.clone().into_iter().map(send).collect();
        let verify = if module.verify() {
            let jobs = module.probe(&ready.args, &*ready.controller).unwrap_or_default();
            jobs.into_iter().map(|job| ready.remote.submit(&ready.who, job)).collect()
        } else {
            Vec::new()
        };
        self.disturb(&ready.claims);
        Flying::Applying { ready: Box::new(ready), applying: Applying { decision, effects, verify } }
    }

    async fn run_procedure(&mut self, ready: Prepared, task: &str) -> UnitOutcome {
        let Behaviour::Procedure(module) = ready.module.behaviour.clone() else {
            return UnitOutcome::failed(Failure::new("not a procedure"));
        };
        if !ready.check {
            self.run.journal_begin(&self.name, task, &ready.module.spec.name, "procedure");
        }
        let call = Call {
            args: &ready.args,
            remote: &*ready.remote,
            become_user: &ready.who,
            controller: &*ready.controller,
        };
        match module.run(call).await {
            Ok(outcome) => {
                if outcome.change.is_some() {
                    if ready.check {
                        self.planned.push((task.to_string(), ready.claims.clone()));
                    } else {
                        self.disturb(&ready.claims);
                    }
                }
                let mut done = UnitOutcome::done(outcome.change, outcome.result);
                done.warnings = outcome.warnings;
                done
            }
            Err(failure) => {
                self.disturb(&ready.claims);
                self.unless_planned(&ready.claims, failure)
            }
        }
    }

    /// Awaits a unit's effects; `Err` when its chain was broken by an earlier failure, so that it did not run.
    pub async fn land(&mut self, flying: Flying) -> Result<UnitOutcome, Prepared> {
        let (ready, applying) = match flying {
            Flying::Landed(outcome) => return Ok(outcome),
            Flying::Applying { ready, applying } => (ready, applying),
        };
        let Behaviour::Staged(module) = ready.module.behaviour.clone() else {
            return Ok(UnitOutcome::failed(Failure::new("only staged modules have effects in flight")));
        };
        let Applying { decision, effects, verify } = applying;
        let outputs = match await_all(effects).await {
            Ok(outputs) => outputs,
            Err(error) => return Ok(remote_failure(error)),
        };
        if outputs.iter().all(|o| o.status == JobStatus::Skipped) && !outputs.is_empty() {
            return Err(*ready);
        }
        let (change, warnings) = (decision.change.clone(), decision.warnings.clone());
        let cut = outputs.iter().any(|o| o.truncated);
        let late = outputs.iter().any(|o| o.status == JobStatus::TimedOut);
        let mut outcome = match module.finish(&ready.args, decision, &outputs) {
            // An effect that found nothing to change after all (a download with the same content).
            Ok(result) if result.get("changed") == Some(&Value::Bool(false)) => {
                UnitOutcome::done(None, result)
            }
            Ok(result) => finished(Decision { change: None, result, ..Decision::default() }, change),
            Err(failure) => UnitOutcome { change, ..UnitOutcome::failed(failure) },
        };
        outcome.warnings.splice(0..0, warnings);
        if let (true, Some(limit)) = (late, ready.limit) {
            let seconds = limit.as_secs_f64();
            outcome.message = format!("timed out after {seconds} s; it and what it started were ended");
            outcome.result.insert("msg".into(), outcome.message.as_str().into());
        }
        if cut {
            let limit = crate::remote::job::OUTPUT_LIMIT >> 20;
            outcome
                .warnings
                .push(format!("the output is longer than {limit} MiB: what came after was dropped"));
        }
        if outcome.status == Status::Changed && !verify.is_empty() {
            self.verify(&ready, &*module, verify, &mut outcome).await;
        }
        if ready.controller.diff() && !ready.no_log {
            let diffs = outcome.change.iter().flat_map(|c| &c.diffs).cloned().collect::<Vec<_>>();
            outcome.result.insert("diff".into(), diff_value(&diffs));
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
    pub fn disturb(&mut self, claims: &Claims) {
        self.ahead.disturb(claims);
        self.recent.push(claims.clone());
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

/// What a command will print, and how it will end, is known when it has run.
fn forget_output(outcome: &mut UnitOutcome, task: &str) {
    if outcome.change.as_ref().is_some_and(|c| c.action == Action::Run) {
        for name in ["rc", "stdout", "stdout_lines", "stderr", "stderr_lines", "start", "end", "delta"] {
            outcome.result.insert(name.into(), Value::Unknown(format!("`{task}` has run").into()));
        }
    }
}

fn predicted(ready: &Prepared, decision: Decision, change: Change) -> UnitOutcome {
    let diffs = change.diffs.clone();
    let mut outcome = finished(decision, Some(change));
    if ready.controller.diff() && !ready.no_log {
        outcome.result.insert("diff".into(), diff_value(&diffs));
    }
    outcome
}

/// A connection's end is `unreachable`; a refused change of user is a failure of the task.
pub fn remote_failure(error: RemoteError) -> UnitOutcome {
    match error {
        RemoteError::Become(why) => UnitOutcome::failed(Failure::new(why)),
        other => UnitOutcome::unreachable(other.to_string()),
    }
}
