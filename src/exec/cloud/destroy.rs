//! `destroy`: what the playbook's cloud tasks own, and whatever else carries their stack's tag, goes in reverse.
//!
//! The plays were walked as in a plan, so that the stacks and the ways of access are known. Tags say what is there: a
//! lost journal, or a task that can no longer be read, leaves nothing behind. Also here: what a run replaced goes at its
//! end.

use super::super::event::{Doomed, Event};
use super::super::options::Mode;
use super::super::state::{Run, locked};
use super::Used;
use crate::cloud::identity::{KEEP, NODE, STACK};
use crate::cloud::remove::ORDER;
use crate::cloud::{Account, Tags, Thing, together};
use std::sync::Arc;

/// One thing and where it is.
struct Target {
    account: Arc<Account>,
    thing: Thing,
    tags: Tags,
}

impl Target {
    fn doomed(&self, redact: impl Fn(&str) -> String) -> Doomed {
        let tag = |name: &str| self.tags.get(name).map(|t| redact(t)).unwrap_or_default();
        let name = tag("Name");
        Doomed {
            kind: self.thing.kind.to_string(),
            id: self.thing.id.clone(),
            name: if name.is_empty() { tag(NODE) } else { name },
            stack: tag(STACK),
            region: self.account.region.clone(),
            kept: self.tags.contains_key(KEEP),
        }
    }

    /// The row of the order it goes with; unknown kinds use what others are.
    fn row(&self) -> usize {
        ORDER.iter().position(|row| row.contains(&self.thing.kind)).unwrap_or(0)
    }
}

/// What remains to be done with clouds at the end of a run; the number of things that would not go.
pub async fn finish(run: &Arc<Run>) -> usize {
    match run.options.mode {
        Mode::Destroy => destroy(run).await,
        _ if run.check() => 0,
        _ => deposed(run).await,
    }
}

async fn destroy(run: &Arc<Run>) -> usize {
    let used: Vec<Used> = std::mem::take(&mut *locked(&run.cloud.used));
    let mut targets: Vec<Target> = Vec::new();
    let mut looked: Vec<(String, usize)> = Vec::new();
    let mut add = |account: &Arc<Account>, thing: Thing, tags: Tags| {
        if !targets.iter().any(|t| t.thing == thing && t.account.region == account.region) {
            targets.push(Target { account: Arc::clone(account), thing, tags });
        }
    };
    let mut failed = 0;
    for one in used {
        let place = (one.stack.clone(), Arc::as_ptr(&one.account).addr());
        if !looked.contains(&place) {
            looked.push(place);
            match one.account.tagged(Some(&one.stack)).await {
                Ok(things) => things.into_iter().for_each(|(thing, tags)| add(&one.account, thing, tags)),
                Err(error) => {
                    failed += 1;
                    run.emit(Event::Warning { message: error.to_string(), place: None });
                }
            }
        }
        for (thing, tags) in one.things {
            if tags.get(STACK) == Some(&one.stack) {
                add(&one.account, thing, tags);
            }
        }
    }
    targets.sort_by_key(|t| (t.row(), t.thing.clone()));
    let things: Vec<Doomed> = targets.iter().map(|t| t.doomed(|x| run.redactor.text(x))).collect();
    run.emit(Event::ToRemove { things });
    targets.retain(|t| !t.tags.contains_key(KEEP));
    let sure = run.options.confirm.as_ref().is_some_and(|ask| (ask.0)(targets.len()));
    if targets.is_empty() || !sure || run.cancel.requested() {
        return failed + targets.len();
    }
    for target in &targets {
        let stack = target.tags.get(STACK).map(String::as_str).unwrap_or_default();
        if let Err(held) = run.cloud.locks.take(&run.options.run_dir, &run.cloud.id, stack) {
            run.emit(Event::Warning { message: held.message, place: None });
            return failed + targets.len();
        }
    }
    failed + remove(run, targets).await
}

/// Row by row, each row together.
async fn remove(run: &Arc<Run>, targets: Vec<Target>) -> usize {
    let mut failed = 0;
    for row in 0..ORDER.len() {
        let one = |target: &Target| {
            let (account, thing) = (Arc::clone(&target.account), target.thing.clone());
            let doomed = target.doomed(|x| run.redactor.text(x));
            async move {
                let done = account.remove_thing(&thing).await;
                let error = done.err().map(|e| e.to_string());
                let ok = error.is_none();
                run.emit(Event::Removed { thing: doomed, error });
                ok
            }
        };
        let done = together(targets.iter().filter(|t| t.row() == row).map(one).collect()).await;
        failed += done.iter().filter(|ok| !**ok).count();
    }
    failed
}

/// What was replaced, and what this run's stack had inside of it.
async fn deposed(run: &Arc<Run>) -> usize {
    let mut targets = Vec::new();
    for account in run.cloud.session.accounts() {
        for thing in account.take_deposed() {
            if let Ok(inside) = account.inside(&thing).await {
                let inside = inside.into_iter().map(|(thing, tags)| (Arc::clone(&account), thing, tags));
                targets.extend(inside.map(|(account, thing, tags)| Target { account, thing, tags }));
            }
            targets.push(Target { account: Arc::clone(&account), thing, tags: Tags::new() });
        }
    }
    targets.sort_by_key(|t| (t.row(), t.thing.clone()));
    targets.retain(|t| !t.tags.contains_key(KEEP));
    remove(run, targets).await
}
