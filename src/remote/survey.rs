//! Reading much at once. Hundreds of probes wait for the same few programs on a host, and starting one takes longer than
//! its work: probes of one script that looks at each of its arguments by itself are merged into one job, and what is asked
//! twice is asked once.

use super::job::{Job, MIXED, Output, Status};
use super::{Become, JobFuture, Remote, RemoteError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::oneshot;

/// How many arguments, and bytes of them, a merged job has at most: what it tells stays far below what is kept of a
/// job's output, and its arguments below what a program takes.
const ARGS: usize = 256;
const BYTES: usize = 64 << 10;
/// How many of the last groups are considered for a job; bounds the comparisons.
const WINDOW: usize = 256;

/// Jobs that only read, gathered to be sent together. Their order among each other is free.
#[derive(Default)]
pub struct Survey {
    groups: Vec<Group>,
}

struct Group {
    remote: Arc<dyn Remote>,
    who: Become,
    jobs: Vec<(Job, oneshot::Sender<JobFuture>)>,
}

impl Survey {
    /// Adds a job that changes nothing. Its output comes after [`Survey::send`].
    pub fn add(&mut self, remote: &Arc<dyn Remote>, who: &Become, job: Job) -> JobFuture {
        let fits = |group: &Group| {
            let (first, _) = &group.jobs[0];
            Arc::ptr_eq(&group.remote, remote)
                && group.who == *who
                && mergeable(first, &job)
                && group.has_room(&job)
        };
        let (reply, answer) = oneshot::channel();
        match self.groups.iter_mut().rev().take(WINDOW).find(|group| fits(group)) {
            Some(group) => group.jobs.push((job, reply)),
            None => {
                let (remote, who) = (Arc::clone(remote), who.clone());
                self.groups.push(Group { remote, who, jobs: vec![(job, reply)] });
            }
        }
        Box::pin(async move {
            match answer.await {
                Ok(output) => output.await,
                Err(_) => Err(RemoteError::Protocol("a probe was not sent".into())),
            }
        })
    }

    /// Sends all that was gathered.
    pub fn send(self) {
        self.groups.into_iter().for_each(Group::send);
    }
}

impl Group {
    fn has_room(&self, job: &Job) -> bool {
        let all = || self.jobs.iter().map(|(job, _)| job).chain([job]).flat_map(|job| &job.args);
        all().count() <= ARGS && all().map(Vec::len).sum::<usize>() <= BYTES
    }

    fn send(mut self) {
        // Nobody may be waiting any more: that a reply cannot be given is no fault.
        if self.jobs.len() == 1 {
            for (job, reply) in self.jobs {
                let _ = reply.send(self.remote.submit(&self.who, job));
            }
            return;
        }
        let mixed = self.jobs.iter().any(|(job, _)| job.vars != self.jobs[0].0.vars);
        let mut merged = self.jobs[0].0.clone();
        if merged.script.each {
            let mut seen = HashSet::new();
            let args = self.jobs.iter().flat_map(|(job, _)| arguments(job, mixed));
            merged.args = args.filter(|arg| seen.insert(arg.clone())).collect();
        }
        if mixed {
            merged.vars.retain(|(name, _)| !merged.script.own.contains(&&**name) && &**name != MIXED);
            merged = merged.flag(MIXED, true);
        }
        let same = !merged.script.each;
        let found = self.remote.submit(&self.who, merged);
        let found = found.map(move |output| Arc::new(output.map(|output| Found::of(output, same))));
        let found: Shared<BoxFuture<'static, _>> = found.boxed().shared();
        for (job, reply) in self.jobs.drain(..) {
            let (found, remote, who) = (found.clone(), Arc::clone(&self.remote), self.who.clone());
            let output = async move {
                match &*found.await {
                    Ok(Found::Each(records)) => Ok(told(records, &job, mixed)),
                    Ok(Found::Same(output)) => Ok(output.clone()),
                    // What fails for one is told by its own job, as it would be without the others.
                    Ok(Found::Unclear) => remote.submit(&who, job).await,
                    Err(error) => Err(error.clone()),
                }
            };
            let _ = reply.send(output.boxed());
        }
    }
}

/// Whether one job can answer for both: they are the same, or differ in arguments that stand for themselves and what is asked
/// for of each.
fn mergeable(one: &Job, other: &Job) -> bool {
    let alone = |job: &Job| job.stdin.is_some() || job.chain.is_some();
    let each = one.script.each && !one.args.is_empty() && !other.args.is_empty();
    one.script == other.script
        && (each || one.args == other.args)
        && shared(one).eq(shared(other))
        && (&one.env, one.timeout) == (&other.env, other.timeout)
        && !alone(one)
        && !alone(other)
}

/// The variables that all arguments of the job's script have in common.
fn shared(job: &Job) -> impl Iterator<Item = &(Arc<str>, Vec<u8>)> {
    job.vars.iter().filter(|(name, _)| !job.script.own.contains(&&**name))
}

/// The arguments of a job, with its own variables in front where jobs are mixed.
fn arguments(job: &Job, mixed: bool) -> impl Iterator<Item = Vec<u8>> {
    let values = job.script.own.iter().filter(|_| mixed).map(|name| job.value(name));
    let front: Vec<u8> = values.flat_map(|value| [value.unwrap_or_default(), b":"].concat()).collect();
    job.args.iter().map(move |arg| [front.as_slice(), arg].concat())
}

/// A key with its value.
type Record = (Vec<u8>, Vec<u8>);

/// The answer to a merged job.
enum Found {
    /// Keys and values of each item, as they were written.
    Each(HashMap<Vec<u8>, Vec<Record>>),
    /// It failed, or was cut short.
    Unclear,
    /// All asked the same.
    Same(Output),
}

impl Found {
    fn of(output: Output, same: bool) -> Found {
        if same {
            return Found::Same(output);
        }
        if !output.ok() || output.truncated || !output.stderr.is_empty() {
            return Found::Unclear;
        }
        let mut each: HashMap<Vec<u8>, Vec<Record>> = HashMap::new();
        for (item, key, value) in output.records() {
            each.entry(item.to_vec()).or_default().push((key.to_vec(), value.to_vec()));
        }
        Found::Each(each)
    }
}

/// What concerns the arguments of one job, as it would have told it.
fn told(records: &HashMap<Vec<u8>, Vec<Record>>, job: &Job, mixed: bool) -> Output {
    let mut stdout = Vec::new();
    let mut seen = HashSet::new();
    for (item, arg) in arguments(job, mixed).zip(&job.args).filter(|(_, arg)| seen.insert(*arg)) {
        for (key, value) in records.get(&item).into_iter().flatten() {
            [arg, key, value].iter().for_each(|field| stdout.extend([field.as_slice(), b"\0"].concat()));
        }
    }
    Output { status: Status::Done, rc: 0, stdout, stderr: Vec::new(), truncated: false }
}
