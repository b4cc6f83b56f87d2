//! Plays and their batches: which hosts take part, how many at a time, and when to stop.

use super::event::Event;
use super::flow::Flow;
use super::host::Host;
use super::lockstep::Lockstep;
use super::scope::PlayScope;
use super::state::{Lost, Run, locked};
use crate::base::{Map, Value};
use crate::graph::PlayPlan;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs one play; `false` when nothing after it is to run.
pub async fn run_play(run: &Arc<Run>, plan: &Arc<PlayPlan>, number: usize) -> Result<bool, String> {
    let mut hosts = super::world::play_hosts(run, plan)?;
    let name = super::world::play_name(run, plan);
    let pattern = super::world::play_pattern(run, plan)?;
    if let Some(why) = run.cloud.are_to_come(&pattern) {
        run.emit(Event::HostsUnknown { play: name.clone(), pattern: pattern.clone(), why });
        if hosts.is_empty() {
            return Ok(true);
        }
    }
    if hosts.is_empty() {
        run.emit(Event::NoHosts { play: name, pattern });
        return Ok(true);
    }
    let prompts = Arc::new(super::prompt::play_prompts(run, plan)?);
    let (all, ordered) = (super::world::play_hosts_unordered(run, plan)?, hosts.clone());
    {
        let lost = locked(&run.lost);
        hosts.retain(|h| !lost.contains_key(h));
    }
    run.emit(Event::PlayStarted { name: name.clone(), hosts: hosts.clone() });
    let mut go_on = true;
    // Who failed before takes no part, but has a place in the batch that it would be in.
    let mut batches = batches(run, plan, ordered)?;
    let left: HashSet<&Arc<str>> = hosts.iter().collect();
    batches.iter_mut().for_each(|batch| batch.retain(|host| left.contains(host)));
    batches.retain(|batch| !batch.is_empty() || hosts.is_empty());
    let mut batches = batches.into_iter();
    while let Some(batch) = batches.next() {
        match run_batch(run, (plan, number), &prompts, &all, batch).await? {
            BatchEnd::Next => {}
            BatchEnd::PlayEnds => break,
            BatchEnd::RunEnds => {
                go_on = false;
                not_begun(run, &name, batches.flatten().collect());
                break;
            }
        }
    }
    run.emit(Event::PlayEnded { name });
    Ok(go_on && !run.cancel.requested())
}

/// Tells what hosts a play has left, when the run ends before it.
pub fn leave(run: &Arc<Run>, plan: &Arc<PlayPlan>) {
    let mut hosts = super::world::play_hosts(run, plan).unwrap_or_default();
    let lost = locked(&run.lost);
    hosts.retain(|host| !lost.contains_key(host));
    drop(lost);
    not_begun(run, &super::world::play_name(run, plan), hosts);
}

fn not_begun(run: &Run, play: &str, hosts: Vec<Arc<str>>) {
    if !hosts.is_empty() {
        run.emit(Event::NotBegun { play: play.to_string(), hosts });
    }
}

#[derive(PartialEq)]
enum BatchEnd {
    Next,
    PlayEnds,
    RunEnds,
}

async fn run_batch(
    run: &Arc<Run>,
    (plan, number): (&Arc<PlayPlan>, usize),
    prompts: &Arc<Map>,
    all: &[Arc<str>],
    batch: Vec<Arc<str>>,
) -> Result<BatchEnd, String> {
    let files = super::vars_files::of_play(run, plan, prompts)?;
    let keyword = |value: &Option<Value>| match value {
        Some(value) => super::world::play_value(run, plan, value).map(|v| Some(v).filter(|v| !v.is_null())),
        None => Ok(None),
    };
    let max_failed = keyword(&plan.max_fail_percentage)?.map(|v| percentage(&v)).transpose()?;
    let forces_handlers = keyword(&plan.force_handlers)?.and_then(|v| crate::spec::to_bool(&v));
    let scope = Arc::new(PlayScope {
        plan: Arc::clone(plan),
        number,
        prompts: Arc::clone(prompts),
        files: Arc::new(files.vars),
        late_files: files.late,
        all_hosts: all.to_vec(),
        lost: locked(&run.lost).keys().cloned().collect(),
        batch: batch.clone(),
        max_failed,
        forces_handlers,
        start_at: run.starts_in(number),
    });
    let lockstep = Arc::new(Lockstep::new(&batch));
    let forks = Arc::new(Semaphore::new(run.options.forks.max(1)));
    let mut walks = JoinSet::new();
    for name in &batch {
        let host = Host::new(Arc::clone(run), Arc::clone(&scope), Arc::clone(&lockstep), Arc::clone(name));
        let (forks, lockstep, name) = (Arc::clone(&forks), Arc::clone(&lockstep), Arc::clone(name));
        let known = Arc::clone(run);
        // Hosts that wait for each other at barriers must all be walking, so barriers lift the limit.
        let unlimited = plan.has_barriers() || run.options.any_errors_fatal;
        // Asked for here, so that hosts begin in the play's order.
        let permit = if unlimited { None } else { forks.acquire_owned().await.ok() };
        walks.spawn(async move {
            let (flow, undone) = host.walk().await;
            let lost = lost(&flow);
            // Before the others go on: they may look at it (`clear_host_errors`).
            if let Some(lost) = lost {
                locked(&known.lost).insert(Arc::clone(&name), lost);
            }
            match flow {
                Flow::Next => lockstep.finish(&name),
                _ => lockstep.leave(&name, lost.is_some()),
            }
            drop(permit);
            (name, flow, undone)
        });
    }
    let mut play_ends = false;
    let mut failed = 0;
    while let Some(joined) = walks.join_next().await {
        let (name, flow, undone) = joined.map_err(|e| format!("fitout failed at a host: {e}"))?;
        failed += usize::from(host_done(run, &name, &flow, undone));
        play_ends |= matches!(flow, Flow::EndPlay);
    }
    Ok(verdict(run, max_failed, &lockstep, failed, batch.len(), play_ends))
}

/// How a host is out of the play, if it is.
fn lost(flow: &Flow) -> Option<Lost> {
    match flow {
        Flow::Failed(_) | Flow::Broken => Some(Lost::Failed),
        Flow::Unreachable => Some(Lost::Unreachable),
        _ => None,
    }
}

/// Tells how a host left the play; `true` when it failed.
fn host_done(run: &Run, name: &Arc<str>, flow: &Flow, undone: usize) -> bool {
    let lost = lost(flow);
    run.emit(Event::HostDone { host: Arc::clone(name), failed: lost.is_some(), undone });
    lost.is_some()
}

fn verdict(
    run: &Run,
    limit: Option<f64>,
    lockstep: &Lockstep<super::outcome::TaskOutcome>,
    failed: usize,
    count: usize,
    play_ends: bool,
) -> BatchEnd {
    let over = |limit: f64| 100.0 * failed as f64 / count.max(1) as f64 > limit;
    if lockstep.is_over() && limit.is_none_or(over) {
        return BatchEnd::RunEnds;
    }
    if limit.is_some_and(over) || failed == count || run.cancel.requested() {
        return BatchEnd::RunEnds;
    }
    if play_ends { BatchEnd::PlayEnds } else { BatchEnd::Next }
}

fn percentage(value: &Value) -> Result<f64, String> {
    let text = crate::spec::to_text(value);
    text.trim().parse().map_err(|_| format!("max_fail_percentage: `{text}` is no number"))
}

/// The play's hosts cut by `serial`: a number, a percentage, or a list of them of which the last repeats.
fn batches(run: &Arc<Run>, plan: &Arc<PlayPlan>, hosts: Vec<Arc<str>>) -> Result<Vec<Vec<Arc<str>>>, String> {
    let Some(serial) = &plan.serial else { return Ok(vec![hosts]) };
    let serial = super::world::play_value(run, plan, serial)?;
    let sizes: Vec<Value> = match serial {
        Value::Null | Value::Omit => return Ok(vec![hosts]),
        Value::List(list) => Arc::unwrap_or_clone(list),
        one => vec![one],
    };
    let total = hosts.len();
    let sizes: Vec<usize> = sizes.iter().map(|s| batch_size(s, total)).collect::<Result<_, _>>()?;
    Ok(cut(&hosts, &sizes))
}

fn batch_size(size: &Value, total: usize) -> Result<usize, String> {
    let text = crate::spec::to_text(size);
    let wrong = || format!("serial: `{text}` is neither a number nor a percentage");
    match text.trim().strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
            Ok(((total as f64 * percent / 100.0) as usize).max(1))
        }
        None => {
            let count: i64 = text.trim().parse().map_err(|_| wrong())?;
            Ok(usize::try_from(count).ok().filter(|c| *c > 0).unwrap_or(total))
        }
    }
}

fn cut(hosts: &[Arc<str>], sizes: &[usize]) -> Vec<Vec<Arc<str>>> {
    let mut rest = hosts;
    let mut batches = Vec::new();
    let mut sizes = sizes.iter();
    let mut size = hosts.len();
    while !rest.is_empty() {
        size = sizes.next().copied().unwrap_or(size).clamp(1, rest.len());
        let (batch, after) = rest.split_at(size);
        batches.push(batch.to_vec());
        rest = after;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_cuts_and_its_last_size_repeats() {
        let hosts: Vec<Arc<str>> = (0..10).map(|i| Arc::from(format!("h{i}"))).collect();
        let lengths = |sizes: &[usize]| cut(&hosts, sizes).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[3]), [3, 3, 3, 1]);
        assert_eq!(lengths(&[1, 5]), [1, 5, 4]);
        assert_eq!(lengths(&[20]), [10]);
    }

    #[test]
    fn a_batch_is_a_number_or_a_share() {
        let size = |text: &str| batch_size(&text.into(), 10);
        assert_eq!(size("3"), Ok(3));
        assert_eq!(size("30%"), Ok(3));
        assert_eq!(size("1%"), Ok(1));
        assert_eq!(size("0"), Ok(10));
        assert!(size("many").is_err());
    }
}
