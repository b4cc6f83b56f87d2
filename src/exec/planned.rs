//! What a plan knows of effects that were not made: what they leave, what they may prevent, what only they could tell.

use super::flight::remote_failure;
use super::host::{Host, TaskContext};
use super::outcome::{Status, UnitOutcome};
use super::probes::Observed;
use super::unit::Prepared;
use crate::base::Value;
use crate::graph::Act;
use crate::modules::{ArgsExt, Behaviour, Failure, Staged};
use crate::plan::{Action, Claims};
use crate::remote::{Become, Output, RemoteError};
use std::path::Path;
use std::sync::Arc;

/// On a plan: what would be changed on the controller.
#[derive(Default)]
pub struct OnController {
    /// The first task that would change anything there.
    first: Option<Arc<str>>,
    /// Tasks, and the files that they name.
    writes: Vec<(Arc<str>, Claims)>,
}

impl OnController {
    /// `base`: where relative paths of what is fetched begin; those of other tasks begin where the program was started.
    pub fn add(&mut self, task: &str, claims: Option<&Claims>, base: &Path) {
        let why: Arc<str> = format!("`{task}` has run").into();
        self.first.get_or_insert_with(|| Arc::clone(&why));
        let named = |write: &String| {
            let (path, base) = match write.split_once(':')? {
                ("file", path) => (path, Path::new("")),
                ("controller", path) => (path, base),
                _ => return None,
            };
            let whole = match path.starts_with('~') {
                true => path.to_string(),
                false => std::path::absolute(base.join(path)).ok()?.display().to_string(),
            };
            Some(format!("file:{whole}"))
        };
        let writes: Vec<String> = claims.iter().flat_map(|c| &c.writes).filter_map(named).collect();
        if !writes.is_empty() {
            self.writes.push((why, Claims { reads: Vec::new(), writes }));
        }
    }

    /// After what it is known what is at this path: anything may make what is not there; of what is there, only what names it
    /// is taken to change it.
    pub fn before(&self, path: &Path) -> Option<Arc<str>> {
        if self.first.is_none() || !path.exists() {
            return self.first.clone();
        }
        let path = std::path::absolute(path).ok()?;
        let read = Claims { reads: vec![format!("file:{}", path.display())], writes: Vec::new() }.plainly();
        self.writes.iter().rev().find(|(_, write)| write.disturbs(&read)).map(|(why, _)| Arc::clone(why))
    }
}

impl Host {
    /// On a plan: of what is unknown it is known only then whether it does something, and what.
    pub fn may_do_anything(&mut self, cx: &TaskContext, outcome: &UnitOutcome) {
        // What works on the controller alone leaves the host as it is.
        let apart = matches!(&cx.node.act, Act::Module { module, .. } if matches!(module.behaviour, Behaviour::Control));
        let told = |(task, claims): &(String, Claims)| *task == cx.title && *claims == Claims::everything();
        if !self.run.check()
            || outcome.status != Status::Unknown
            // It only looks.
            || outcome.foreseen
            || apart
            || self.planned.last().is_some_and(told)
        {
            return;
        }
        self.planned.push((cx.title.clone(), Claims::everything()));
    }

    /// What was found, with what earlier planned changes will leave laid over it; whether that made a difference.
    pub fn foresee(&self, ready: &Prepared, module: &dyn Staged, seen: Observed) -> (Vec<Output>, bool) {
        let Observed { jobs, mut outputs } = seen;
        if ready.delegated || self.forecast.is_empty() {
            return (outputs, false);
        }
        let mut foreseen = false;
        for (job, output) in jobs.iter().zip(&mut outputs) {
            foreseen |= self.forecast.amend(job, output);
        }
        foreseen |= module.foresee(&ready.args, &mut outputs, &self.forecast);
        (outputs, foreseen)
    }

    /// On a plan: what a task that only looks has found may be otherwise when what is planned before it has run. Where it was
    /// foreseen, or is to be looked at now whatever the plan, it counts.
    pub fn not_yet_true(&self, ready: &Prepared, cx: &TaskContext, foreseen: bool) -> Option<UnitOutcome> {
        let only_looks = ready.claims.writes.is_empty();
        let plans = self.run.options.mode == super::options::Mode::Plan;
        if !plans || !only_looks || foreseen || ready.delegated || cx.keywords.check_mode.is_some() {
            return None;
        }
        let (task, _) = self.planned.iter().rev().find(|(_, planned)| planned.disturbs(&ready.claims))?;
        Some(UnitOutcome { foreseen: true, ..UnitOutcome::unknown(format!("`{task}` has run")) })
    }

    /// Whether the user to become is one that the plan makes; then root is to look in its place.
    pub fn will_be_there(&self, ready: &mut Prepared) -> bool {
        match &mut ready.who {
            Become::User { user, .. } if self.forecast.has(&format!("user:{user}")) => {
                *user = "root".into();
                true
            }
            _ => false,
        }
    }

    /// Why the host was not asked. The user to become may be one that the plan would make.
    pub fn not_asked(&self, error: RemoteError) -> UnitOutcome {
        match error {
            RemoteError::Become(why) => {
                let user = Claims { reads: vec!["user:*".into(), "package:*".into()], writes: Vec::new() };
                self.unless_planned(&user, Failure::new(why))
            }
            other => remote_failure(other),
        }
    }

    /// On a plan, a file of the controller that is missed may be one that an earlier task makes.
    pub fn unless_it_comes(&self, ready: &Prepared, failure: Failure) -> UnitOutcome {
        match ready.controller.awaits() {
            Some(why) => UnitOutcome::unknown(format!("{why}; now: {}", failure.message)),
            None => self.unless_planned(&ready.claims, failure),
        }
    }

    /// On a plan, a failure that an earlier planned effect may prevent is not one: it is unknown until then.
    pub fn unless_planned(&self, claims: &Claims, failure: Failure) -> UnitOutcome {
        match self.planned.iter().rev().find(|(_, planned)| planned.disturbs(claims)) {
            // What may depend on anything has no one cause that could be named.
            Some(_) if claims.reads.iter().any(|read| &**read == "*") => {
                UnitOutcome::unknown(format!("the changes before it are made; now: {}", failure.message))
            }
            Some((task, _)) => UnitOutcome::unknown(format!("`{task}` has run; now: {}", failure.message)),
            None => UnitOutcome::failed(failure),
        }
    }
}

/// What a module will return that a plan does not carry out, and that its decision could not tell.
pub fn leave_open(outcome: &mut UnitOutcome, ready: &Prepared, task: &str) {
    let comes = |name: &str| !name.contains('.') && (name != "backup_file" || ready.args.bool("backup"));
    for name in ready.module.spec.returns.keys().filter(|name| comes(name)) {
        let unknown = || Value::Unknown(format!("`{task}` has run").into());
        outcome.result.entry(name.as_str().into()).or_insert_with(unknown);
        if matches!(name.as_str(), "stdout" | "stderr") {
            outcome.result.entry(format!("{name}_lines").into()).or_insert_with(unknown);
        }
    }
}

/// What a command will print, and how it will end, is known when it has run.
pub fn forget_output(outcome: &mut UnitOutcome, task: &str, background: bool) {
    let runs = outcome.change.as_ref().is_some_and(|c| c.action == Action::Run);
    let output = ["rc", "stdout", "stdout_lines", "stderr", "stderr_lines", "start", "end", "delta"];
    let job = ["ansible_job_id", "started", "finished"];
    for name in output.iter().filter(|_| runs).chain(job.iter().filter(|_| background)) {
        outcome.result.insert((*name).into(), Value::Unknown(format!("`{task}` has run").into()));
    }
}
