//! Looking at what was changed. What follows an effect and only reads need not come right behind it: looks wait until
//! something has to know, or is going to touch what they look at, and then travel merged.

use super::probes::{Looked, only_effect};
use super::unit::Prepared;
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Become, Job, JobFuture, Remote, RemoteError, Survey};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Reads that belong behind effects which were sent.
#[derive(Default)]
pub struct Looks(Vec<Pending>);

/// What a unit looks at.
struct Pending {
    remote: Arc<dyn Remote>,
    who: Become,
    jobs: Vec<Job>,
    /// One for each job.
    replies: Vec<oneshot::Sender<JobFuture>>,
    claims: Claims,
    /// Its effects have removed it.
    gone: bool,
    /// A second look at the file that the unit has written.
    verifies: Option<Vec<u8>>,
}

impl Looks {
    /// Adds the jobs that tell what this unit's effects leave.
    pub fn tell(&mut self, ready: &Prepared, decision: &Decision, jobs: Vec<Job>) -> Vec<JobFuture> {
        self.add(ready, decision, jobs, None)
    }

    /// Adds a second look at what a unit was to change.
    pub fn verify(&mut self, ready: &Prepared, decision: &Decision, jobs: Vec<Job>) -> Vec<JobFuture> {
        let written = written(decision).and_then(|job| job.value("path")).map(<[u8]>::to_vec);
        self.add(ready, decision, jobs, written)
    }

    fn add(
        &mut self,
        ready: &Prepared,
        decision: &Decision,
        jobs: Vec<Job>,
        verifies: Option<Vec<u8>>,
    ) -> Vec<JobFuture> {
        if jobs.is_empty() {
            return Vec::new();
        }
        let (replies, answers): (Vec<_>, Vec<_>) = jobs.iter().map(|_| oneshot::channel()).unzip();
        let gone = decision.change.as_ref().is_some_and(|change| change.action == Action::Delete);
        let (remote, who, claims) = (Arc::clone(&ready.remote), ready.who.clone(), ready.looks.clone());
        self.0.push(Pending { remote, who, jobs, replies, claims, gone, verifies });
        answers.into_iter().map(answered).collect()
    }

    /// A unit's effects are next: whoever would look at what they touch has to look before. A write that is carried out
    /// only where the file still is what an earlier one on the same host was to leave is itself the second look at it.
    pub fn before(&mut self, ready: &Prepared, decision: &Decision) {
        let sum = |job: &&Job| job.value("expect").is_some_and(|sum| sum.len() == 40);
        let expected = written(decision).filter(sum).and_then(|job| job.value("path"));
        let mut due = Looks::default();
        for look in std::mem::take(&mut self.0) {
            let here = Arc::ptr_eq(&look.remote, &ready.remote);
            if !look.touched_by(&ready.claims) {
                self.0.push(look);
            } else if !here || look.verifies.is_none() || look.verifies.as_deref() != expected {
                due.0.push(look);
            }
        }
        due.send();
    }

    /// Sends all, for one is waited for.
    pub fn send(&mut self) {
        let mut survey = Survey::default();
        for Pending { remote, who, jobs, replies, .. } in self.0.drain(..) {
            for (job, reply) in jobs.into_iter().zip(replies) {
                // Nobody may be waiting any more.
                let _ = reply.send(survey.add(&remote, &who, job));
            }
        }
        survey.send();
    }
}

impl Pending {
    fn touched_by(&self, effect: &Claims) -> bool {
        match Looked::of(&self.jobs, &self.claims) {
            Looked::Paths(paths) if !self.gone => paths.iter().any(|path| effect.rewrites(path)),
            looked => looked.touched_by(effect),
        }
    }
}

/// The only job of a decision, where it writes a file.
fn written(decision: &Decision) -> Option<&Job> {
    only_effect(decision).filter(|job| &*job.script.name == "files.write")
}

fn answered(answer: oneshot::Receiver<JobFuture>) -> JobFuture {
    Box::pin(async move {
        match answer.await {
            Ok(output) => output.await,
            Err(_) => Err(RemoteError::Protocol("nobody looks at it any more".into())),
        }
    })
}
