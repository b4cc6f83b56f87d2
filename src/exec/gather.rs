//! Facts: gathered at the start of a play, with only the subsets that the compiled play can use.

use super::flow::Flow;
use super::host::Host;
use super::scope::{PlayScope, TaskScope};
use super::state::Run;
use crate::base::{Map, Value};
use crate::graph::TaskKeywords;
use crate::modules::facts::{self, FactNeeds};
use crate::remote::{Job, JobFuture};
use std::sync::Arc;

/// Whether the play gathers: `gather_facts` is on, and something can use facts.
pub fn wanted(run: &Run, play: &PlayScope) -> bool {
    let said = play.plan.gather_facts.as_ref().and_then(crate::spec::to_bool);
    let off = !said.unwrap_or(run.options.gathers);
    let unused = play.plan.facts_used.as_ref().is_some_and(Vec::is_empty);
    // With -v a person may look for them in the output; nothing else can see facts that no expression names.
    run.options.mode != super::options::Mode::Destroy && !off && (!unused || run.options.verbosity > 1)
}

/// Sends the gathering job.
pub fn send(host: &mut Host) -> Result<JobFuture, Flow> {
    let keywords = Arc::clone(&host.play.plan.keywords);
    let gathering = gathering_keywords(&keywords);
    let scope = host.scope(&gathering, &super::flow::Frame::default(), None);
    let (remote, who) = match super::connect::for_task(&host.run, &gathering, &scope, None) {
        Ok(target) => target,
        Err(blocked) => return Err(host.play_failed(&blocked.to_string())),
    };
    let remote = match super::manner::for_gathering(&host.run, &gathering, &scope, remote) {
        Ok(remote) => remote,
        Err(blocked) => return Err(host.play_failed(&blocked.to_string())),
    };
    let needs = match &host.play.plan.facts_used {
        Some(names) => FactNeeds::Names(names.iter().map(|n| n.to_string()).collect()),
        None => FactNeeds::All,
    };
    match job(host, &needs, &scope) {
        Ok(job) => Ok(remote.submit(&who, job)),
        Err(message) => Err(host.play_failed(&message)),
    }
}

/// With the play's `gather_subset` and `fact_path`.
fn job(host: &Host, needs: &FactNeeds, scope: &Arc<TaskScope>) -> Result<Job, String> {
    let play = &host.play.plan;
    let path = super::unit::evaluated_text(&host.run, &play.fact_path, scope).map_err(|e| e.to_string())?;
    let subset = match &play.gather_subset {
        Some(value) => host.run.engine.evaluate(value, &**scope).map_err(|e| e.to_string())?,
        None => Value::Null,
    };
    let subset: Vec<&str> = match &subset {
        Value::List(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    facts::gather_job(needs, &subset, path.as_deref())
}

fn gathering_keywords(play: &TaskKeywords) -> TaskKeywords {
    TaskKeywords { when: Vec::new(), ..play.clone() }
}

/// Takes the facts in.
pub async fn receive(host: &mut Host, gathering: JobFuture) -> Flow {
    let output = match gathering.await {
        Ok(output) => output,
        Err(error) => {
            let outcome = super::flight::remote_failure(error);
            return match outcome.status {
                super::outcome::Status::Unreachable => host.play_unreachable(outcome.message),
                _ => host.play_failed(&outcome.message),
            };
        }
    };
    match facts::parse(&output) {
        Ok(found) => {
            host.remember(|memory| memory.learn(&prefixed(found)));
            host.run.count(&host.name, |r| r.ok += 1);
            Flow::Next
        }
        Err(failure) => host.play_failed(&format!("facts cannot be gathered: {}", failure.message)),
    }
}

fn prefixed(found: Map) -> Map {
    let name = |key: crate::base::Key| match key.as_str() {
        Some(k) if !k.starts_with("ansible_") => format!("ansible_{k}").into(),
        _ => key,
    };
    found.into_iter().map(|(k, v): (_, Value)| (name(k), v)).collect()
}
