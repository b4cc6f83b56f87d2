//! A host for tests: answers come from a function, and what was submitted is kept.

use super::job::{Job, Output};
use super::{Become, JobFuture, Remote, RemoteError};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

type Answer = dyn Fn(&Become, &Job) -> Result<Output, RemoteError> + Send + Sync;

/// A [`Remote`] without a host. Chains are honoured: after an output that is not ok the rest is skipped.
pub struct FakeRemote {
    answer: Box<Answer>,
    jobs: Mutex<Vec<(Become, Job)>>,
    broken: Mutex<Vec<u64>>,
    resets: AtomicU64,
}

impl FakeRemote {
    /// A host whose answers are a function of the user to become and the job; an error of it is what the job
    /// comes to.
    pub fn new(
        answer: impl Fn(&Become, &Job) -> Result<Output, RemoteError> + Send + Sync + 'static,
    ) -> Arc<FakeRemote> {
        let (jobs, broken) = (Mutex::default(), Mutex::default());
        Arc::new(FakeRemote { answer: Box::new(answer), jobs, broken, resets: AtomicU64::new(0) })
    }

    /// What was submitted so far, in order.
    pub fn jobs(&self) -> Vec<(Become, Job)> {
        self.jobs.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// How often the session was ended with [`Remote::reset`].
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::SeqCst)
    }
}

impl Remote for FakeRemote {
    fn submit(&self, who: &Become, job: Job) -> JobFuture {
        self.jobs.lock().unwrap_or_else(|e| e.into_inner()).push((who.clone(), job.clone()));
        let mut broken = self.broken.lock().unwrap_or_else(|e| e.into_inner());
        let result = match job.chain {
            Some(chain) if broken.contains(&chain) => {
                Ok(Output { status: super::Status::Skipped, ..Output::done(0, "", "") })
            }
            _ => (self.answer)(who, &job),
        };
        if let (Some(chain), false) = (job.chain, result.as_ref().is_ok_and(Output::ok)) {
            broken.push(chain);
        }
        Box::pin(std::future::ready(result))
    }

    fn round_trips(&self) -> u64 {
        u64::from(!self.jobs.lock().unwrap_or_else(|e| e.into_inner()).is_empty())
    }

    fn reset(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.resets.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}
