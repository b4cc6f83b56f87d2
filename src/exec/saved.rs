//! Saved plans: the decisions of a plan, executed literally or refused as stale.
//!
//! A plan keeps what was decided for each host, step and item, with a fingerprint of all that makes it up: the action,
//! its reason, the diffs, and every job that would be sent with all its inputs. `fitout apply FILE` looks at the
//! hosts again before it begins, and holds each decision of the run against the plan before its effects are sent.
//! What the plan itself could only foresee (a folder that is not there yet) or left unknown is not held against it. A cloud's
//! change that rests on what the run will only make (`open`) may come out otherwise, but removes nothing unforeseen.

use super::host::{Host, TaskContext};
use super::outcome::UnitOutcome;
use super::state::{Run, locked};
use super::unit::{Prepared, Unit};
use crate::base::Value;
use crate::modules::Failure;
use crate::plan::{Action, Change};
use crate::remote::{Content, Job};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Read;

/// What `plan --out` writes: no secret, no file content; changes are compared by fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// Of this format.
    pub version: u32,
    /// [`crate::graph::Program::hash`]: other inputs make the plan stale.
    pub program: String,
    /// Random; goes into every fingerprint, so that a secret cannot be guessed and tried without this file, nor with
    /// a table made beforehand.
    pub salt: String,
    /// How the plan was asked for (playbooks, inventory, limit, tags), so that it can be run again.
    #[serde(default)]
    pub invocation: Vec<String>,
    /// In the order of host, step and item; without those that found nothing to do.
    pub decisions: Vec<SavedDecision>,
}

/// The format of saved plans; a plan of another version is refused, not read.
pub const VERSION: u32 = 3;

/// One decision of a plan as it stands in the file. Contents and secrets are in its fingerprint only.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SavedDecision {
    /// As the inventory names it.
    pub host: String,
    /// The step of the run: play, then indices of the lists of tasks.
    pub step: String,
    /// Which item of a loop.
    pub index: usize,
    /// `file:line:column` of the task.
    pub place: String,
    /// Its name with the role's in front, without secrets.
    pub task: String,
    /// The loop item's label, empty without a loop.
    pub item: String,
    /// `create`, `update` …, or `unknown`.
    pub action: String,
    /// Without secrets; `no_log` hides it.
    pub reason: String,
    /// Rests on what earlier changes will leave, so it may come out otherwise.
    pub foreseen: bool,
    /// Of a cloud, and rests on what the run will only make: it may come out otherwise, but what was not to be removed or
    /// replaced stays.
    #[serde(default)]
    pub open: bool,
    /// SHA-256 over salt, action, reason, diffs and effects; empty for what is unknown.
    pub fingerprint: String,
}

/// In place of a reason that no_log covers.
const HIDDEN: &str = "hidden by no_log";

/// The action of a decision that there is nothing to do as things are now.
const NOTHING: &str = "nothing";

/// A new random salt.
pub fn salt() -> String {
    use rand::RngExt;
    let random: u128 = rand::rng().random();
    format!("{random:032x}")
}

/// One number for all that a decision is made of.
pub fn fingerprint(salt: &str, change: &Change, effects: &[Job]) -> String {
    let mut hash = Sha256::new();
    let mut feed = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    feed(salt.as_bytes());
    feed(action_word(change.action).as_bytes());
    feed(change.reason.as_bytes());
    for diff in &change.diffs {
        feed(diff.before.as_bytes());
        feed(diff.after.as_bytes());
    }
    for job in effects {
        feed(job.script.text.as_bytes());
        let inputs = job.vars.iter().chain(&job.env);
        for (name, value) in inputs.filter(|(name, _)| **name != *crate::remote::files::CHANCE) {
            feed(name.as_bytes());
            feed(value);
        }
        job.args.iter().for_each(|arg| feed(arg));
        match &job.stdin {
            None => feed(b""),
            Some(Content::Bytes(bytes)) => feed(&Sha256::digest(bytes)),
            Some(Content::File(path)) => feed(file_sum(path).unwrap_or_default().as_slice()),
        }
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The SHA-256 of a file of any size.
fn file_sum(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().to_vec()),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Whether a decision is the one of the saved plan.
pub type Held = Box<dyn FnOnce(&Change, &[Job]) -> Result<(), Failure> + Send>;

/// An item of a loop: its index and label.
pub type Item<'a> = (usize, Option<&'a Value>);

/// A decision where it was made.
pub struct Made<'a> {
    /// The task, as it stands in the host's walk.
    pub cx: &'a TaskContext,
    /// The item of its loop.
    pub unit: &'a Unit,
    /// What is to be changed, with secrets still.
    pub change: &'a Change,
    /// The jobs that it would send; empty of a procedure, whose jobs follow from each other.
    pub effects: &'a [Job],
    /// It rests on what earlier changes will leave.
    pub foreseen: bool,
}

impl Host {
    /// Notes a plan's decision.
    pub fn note_decision(&self, ready: &Prepared, made: &Made<'_>) {
        let mut noted = self.named(made.cx, made.unit);
        noted.action = action_word(made.change.action).into();
        noted.reason = if ready.no_log { HIDDEN.into() } else { self.run.redactor.text(&made.change.reason) };
        noted.foreseen = made.foreseen;
        if let Some(salt) = &self.run.options.salt {
            noted.fingerprint = fingerprint(salt, made.change, made.effects);
        }
        locked(&self.run.decisions).push(noted);
    }

    /// Notes a change that is not made by jobs on a host.
    pub fn note_change(
        &self,
        cx: &TaskContext,
        index: usize,
        unit: &UnitOutcome,
        change: &Change,
        hidden: bool,
    ) {
        let mut noted = self.run.named(&self.name, cx, index, unit.label.as_ref());
        noted.open = unit.foreseen;
        noted.action = action_word(change.action).into();
        noted.reason = if hidden { HIDDEN.into() } else { self.run.redactor.text(&change.reason) };
        if let Some(salt) = &self.run.options.salt {
            noted.fingerprint = fingerprint(salt, change, &[]);
        }
        locked(&self.run.decisions).push(noted);
    }

    /// Notes that a plan cannot tell.
    pub fn note_unknown(&self, cx: &TaskContext, index: usize, label: Option<&Value>) {
        let named = self.run.named(&self.name, cx, index, label);
        locked(&self.run.decisions).push(SavedDecision { action: "unknown".into(), ..named });
    }

    /// Notes that there is nothing to do, unless an earlier change of the run makes it so.
    pub fn note_open(&self, cx: &TaskContext, index: usize, label: Option<&Value>) {
        let named = self.run.named(&self.name, cx, index, label);
        locked(&self.run.decisions).push(SavedDecision { action: NOTHING.into(), open: true, ..named });
    }

    /// Whether a saved plan has this decision; asked before its effects are sent.
    ///
    /// # Errors
    /// It is another one, or was not part of the plan.
    pub fn hold_against_plan(&self, made: &Made<'_>) -> Result<(), Failure> {
        match &self.run.options.saved {
            Some(saved) => saved.hold(&self.named(made.cx, made.unit), made.change, made.effects),
            None => Ok(()),
        }
    }

    /// The same for a job that will decide on its own: what it is to ask then, where there is a saved plan.
    pub fn held(&self, cx: &TaskContext, unit: &Unit) -> Option<Held> {
        let (saved, key) = (self.run.options.saved.clone()?, self.named(cx, unit));
        Some(Box::new(move |change, effects| saved.hold(&key, change, effects)))
    }

    fn named(&self, cx: &TaskContext, unit: &Unit) -> SavedDecision {
        self.run.named(&self.name, cx, unit.index, unit.label.as_ref())
    }
}

impl Run {
    /// As [`Host::hold_against_plan`], of a change that is not made by jobs on a host.
    ///
    /// # Errors
    /// It is another one, or was not part of the plan.
    pub fn hold_change(
        &self,
        host: &str,
        cx: &TaskContext,
        at: Item<'_>,
        change: &Change,
    ) -> Result<(), Failure> {
        match &self.options.saved {
            Some(saved) => saved.hold(&self.named(host, cx, at.0, at.1), change, &[]),
            None => Ok(()),
        }
    }

    fn named(&self, host: &str, cx: &TaskContext, index: usize, label: Option<&Value>) -> SavedDecision {
        SavedDecision {
            host: host.to_string(),
            step: cx.step.clone(),
            index,
            place: self.engine.sources().location(cx.node.span),
            task: self.redactor.text(&cx.title),
            item: self.redactor.text(&label.map(crate::spec::to_text).unwrap_or_default()),
            ..SavedDecision::default()
        }
    }
}

/// The word in saved plans, events and the journal.
pub fn action_word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Run => "run",
    }
}

impl SavedPlan {
    /// Whether a decision is the one of this plan.
    fn hold(&self, key: &SavedDecision, change: &Change, effects: &[Job]) -> Result<(), Failure> {
        let stale = |why: String| {
            let message = format!("stale: {why}; it was not done\nhint: plan again with `fitout plan --out`");
            Failure::new(message)
        };
        let reason = &change.reason;
        match self.decisions.iter().find(|d| d.same_object(key)) {
            None => Err(stale(format!("this change was not part of the plan ({reason})"))),
            Some(known) if known.open && known.covers(change.action) => Ok(()),
            Some(known) if known.foreseen || known.fingerprint.is_empty() && !known.open => Ok(()),
            Some(known) if known.fingerprint == fingerprint(&self.salt, change, effects) => Ok(()),
            Some(known) if known.action == NOTHING => {
                Err(stale(format!("the plan was to leave it, now it is: {reason}")))
            }
            Some(known) => Err(stale(format!(
                "the plan was to {} ({}), now it is: {reason}",
                known.action, known.reason
            ))),
        }
    }

    /// What differs between this plan and a fresh look at the same hosts, in a user's words; empty: still true.
    pub fn drift(&self, now: &SavedPlan) -> Vec<String> {
        let mut found = Vec::new();
        if self.program != now.program {
            found.push(
                "the playbook, its files, variables or inventory changed since the plan was made".into(),
            );
        }
        for saved in self.decisions.iter().filter(|d| !d.foreseen && d.action != NOTHING) {
            let at = format!("{}: `{}`", saved.host, saved.title());
            match now.decisions.iter().find(|d| d.same_object(saved)) {
                None => found.push(format!("{at} needs no change any more")),
                Some(d) if d.fingerprint != saved.fingerprint => {
                    found.push(format!("{at} would change otherwise: {}", d.reason));
                }
                Some(_) => {}
            }
        }
        let is_new =
            |d: &&SavedDecision| d.action != NOTHING && !self.decisions.iter().any(|s| s.same_object(d));
        found.extend(
            now.decisions
                .iter()
                .filter(is_new)
                .map(|d| format!("{}: `{}` was not part of the plan: {}", d.host, d.title(), d.reason)),
        );
        found
    }
}

impl SavedDecision {
    fn title(&self) -> String {
        if self.item.is_empty() { self.task.clone() } else { format!("{} ({})", self.task, self.item) }
    }

    /// Whether an action is no worse than the planned one.
    fn covers(&self, action: Action) -> bool {
        !matches!(action, Action::Delete | Action::Replace) || self.action == action_word(action)
    }

    fn same_object(&self, other: &Self) -> bool {
        let key = |d: &Self| (d.host.clone(), d.step.clone(), d.index, d.item.clone());
        key(self) == key(other)
    }
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
