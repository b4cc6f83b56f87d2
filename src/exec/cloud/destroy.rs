//! `destroy`: what the playbook's cloud tasks own, and whatever else carries their stack's tag, goes in reverse.
//!
//! The plays were walked as in a plan, so that the stacks and the ways of access are known. Tags say what is there: a
//! lost journal, or a task that can no longer be read, leaves nothing behind. `gc PLAYBOOK` is the same walk, of which
//! only orphans go. Also here: what a run replaced goes at its end.

use super::super::event::Event;
use super::super::options::Mode;
use super::super::state::{Run, locked};
use super::Used;
use super::removal::{Target, Teller, remove, shown};
use crate::cloud::identity::STACK;
use crate::cloud::{Account, Tags, Thing};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Teller for Run {
    fn tell(&self, event: Event) {
        self.emit(event);
    }

    fn redact(&self, text: &str) -> String {
        self.redactor.text(text)
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

fn warn(run: &Run, message: String) {
    run.emit(Event::Warning { message, place: None });
}

async fn destroy(run: &Arc<Run>) -> usize {
    let (mut targets, failed) = owned(run).await;
    if let Some(orphans) = &run.options.orphans {
        if failed > 0 || super::super::report_failed(run) {
            warn(
                run,
                "nothing was removed: what the playbook's tasks are is known only when all can be read"
                    .into(),
            );
            return failed.max(1);
        }
        let (nodes, now) = (locked(&run.cloud.nodes).clone(), jiff::Timestamp::now());
        targets.retain_mut(|t| match orphans.why(&t.thing, &t.tags, Some(&nodes), now) {
            Some(why) => {
                t.why = why;
                true
            }
            None => false,
        });
    }
    let targets = shown(&**run, targets);
    let sure = run.options.confirm.as_ref().is_some_and(|ask| (ask.0)(targets.len()));
    if targets.is_empty() || !sure || run.cancel.requested() {
        return failed + targets.len();
    }
    let mut done = BTreeSet::new();
    for target in targets.iter().filter(|t| done.insert(t.stack())) {
        let stack = target.stack();
        let place = locked(&run.cloud.lock_places).get(stack).cloned();
        let place = place.unwrap_or_else(|| run.options.lock.clone());
        if let Err(held) = super::lock::take(run, &place, stack, &target.account).await {
            warn(run, held.message);
            return failed + targets.len();
        }
    }
    failed + remove(&**run, &targets).await
}

/// Everything of the stacks that the walk met; and how many looks failed.
async fn owned(run: &Arc<Run>) -> (Vec<Target>, usize) {
    let used: Vec<Used> = std::mem::take(&mut *locked(&run.cloud.used));
    let mut targets: Vec<Target> = Vec::new();
    let mut looked: Vec<(String, usize)> = Vec::new();
    let mut unseen: BTreeSet<String> = BTreeSet::new();
    let mut add = |account: &Arc<Account>, thing: Thing, tags: Tags| {
        let one = Target { account: Arc::clone(account), thing, tags, why: String::new() };
        if !targets.iter().any(|t| t.thing == one.thing && t.region() == one.region()) {
            targets.push(one);
        }
    };
    let mut failed = 0;
    for one in used {
        let place = (one.stack.clone(), Arc::as_ptr(&one.account).addr());
        if !looked.contains(&place) {
            looked.push(place);
            match one.account.tagged(Some(&one.stack)).await {
                Ok(census) => {
                    census.things.into_iter().for_each(|(thing, tags)| add(&one.account, thing, tags));
                    unseen.extend(census.unseen);
                }
                Err(error) => {
                    failed += 1;
                    warn(run, error.to_string());
                }
            }
        }
        for (thing, tags) in one.things {
            if tags.get(STACK) == Some(&one.stack) {
                add(&one.account, thing, tags);
            }
        }
    }
    unseen.into_iter().for_each(|why| warn(run, format!("there may be more: {why}")));
    (targets, failed)
}

/// What was replaced, and what its stack had inside of it. It has its tag, so that a later run removes what this one, which
/// failed, may still need.
async fn deposed(run: &Arc<Run>) -> usize {
    let (mut targets, mut left) = (Vec::new(), 0);
    let stays = super::super::report_failed(run) || run.cancel.requested();
    for account in run.cloud.session.accounts() {
        let target = |thing, tags| Target { account: Arc::clone(&account), thing, tags, why: String::new() };
        for (thing, tags) in account.take_deposed() {
            let name = format!("{} {}", thing.kind, thing.id);
            if stays {
                warn(run, format!("{name} was replaced; it stays until a run comes to a good end"));
                continue;
            }
            let inside = match account.inside(&thing).await {
                Ok(inside) => inside,
                Err(error) => {
                    warn(
                        run,
                        format!("{name} was replaced and stays, since nobody knows what is in it: {error}"),
                    );
                    left += 1;
                    continue;
                }
            };
            let (own, others): (Vec<_>, Vec<_>) =
                inside.into_iter().partition(|(_, inner)| inner.get(STACK) == tags.get(STACK));
            targets.extend(own.into_iter().map(|(thing, tags)| target(thing, tags)));
            match others.first() {
                None => targets.push(target(thing, Tags::new())),
                Some((other, of)) => {
                    let stack = of.get(STACK).map(String::as_str).unwrap_or_default();
                    let other = format!("{} {} of the stack `{stack}`", other.kind, other.id);
                    warn(run, format!("{name} was replaced and stays, since {other} is in it"));
                    left += 1;
                }
            }
        }
    }
    targets.retain(|t| !t.kept());
    targets.sort_by_key(|t| t.thing.clone());
    left + remove(&**run, &targets).await
}
