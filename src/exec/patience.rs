//! `until`, `retries`, `delay` and the pause after an item: a unit that is tried again until it is right.

use super::flight::Flying;
use super::host::{Host, TaskContext};
use super::outcome::{Status, UnitOutcome};
use super::scope::TaskScope;
use super::unit::{Unit, conditions, prepare};
use crate::base::{Map, Value};
use crate::eval::Truth;
use crate::modules::{Failure, Module};
use std::sync::Arc;
use std::time::Duration;

impl Host {
    /// Repeats a unit until its `until` holds.
    pub async fn until_satisfied(
        &mut self,
        cx: &Arc<TaskContext>,
        unit: &Unit,
        flying: Flying,
        module: &Arc<Module>,
        args: &Arc<Map>,
    ) -> UnitOutcome {
        let scope = Arc::clone(&unit.scope);
        let mut patience = Patience::new(&self.run, cx, &scope);
        let mut outcome = self.landed(flying, unit, cx).await;
        loop {
            outcome = match patience.judge(&self.run, cx, &scope, outcome) {
                Ok(outcome) => {
                    if !patience.pause.is_zero() {
                        self.interrupted_while(patience.pause).await;
                    }
                    self.attempt = 1;
                    return outcome;
                }
                Err(outcome) => outcome,
            };
            self.tell_retry(cx, patience.attempt, patience.retries, &outcome);
            if self.interrupted_while(patience.delay).await {
                self.attempt = 1;
                return UnitOutcome::failed(Failure::new("interrupted"));
            }
            patience.attempt += 1;
            self.attempt = patience.attempt;
            let stage = prepare(&self.run, &cx.keywords, module, args, &scope);
            let (again, flying) = self.launch(unit.again(stage), cx, None).await;
            outcome = self.landed(flying, &again, cx).await;
        }
    }

    /// Waits; `true` when the run is being stopped.
    pub async fn interrupted_while(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            () = self.run.cancel.wait(super::cancel::Stop::Cleanly) => true,
        }
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
        if !cx.keywords.repeats() || !judged || self.retries == 0 {
            return Ok(outcome);
        }
        // Without `until` a task is tried again as long as it fails.
        let fails = cx.keywords.until.is_empty() && outcome.status == Status::Failed;
        outcome.attempts = self.attempt;
        outcome.result.insert("attempts".into(), self.attempt.into());
        let seen = Arc::new(scope.with_result(cx.keywords.register.as_ref(), outcome.registered()));
        match conditions(run, &cx.keywords.until, &seen) {
            Ok(Truth::True) if fails && self.attempt <= self.retries => Err(outcome),
            Ok(Truth::True) if fails => {
                outcome.result.insert("attempts".into(), self.retries.into());
                Ok(outcome)
            }
            Ok(Truth::True) => Ok(outcome),
            Ok(Truth::Unknown(why)) => Ok(UnitOutcome::unknown(&*why)),
            Err(message) => Ok(UnitOutcome::failed(Failure::new(format!("until: {message}")))),
            Ok(Truth::False) if self.attempt > self.retries => {
                outcome.result.insert("attempts".into(), self.retries.into());
                // `failed_when` has the last word; the result says that it was in vain.
                if outcome.result.get("failed_when_result") == Some(&false.into()) {
                    outcome.result.insert("failed".into(), true.into());
                    return Ok(outcome);
                }
                outcome.status = Status::Failed;
                outcome.message = format!("`until` is still false after {} attempts", self.attempt);
                Ok(outcome)
            }
            Ok(Truth::False) => Err(outcome),
        }
    }
}
