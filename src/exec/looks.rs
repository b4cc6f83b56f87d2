//! Looking at what was changed. What follows an effect and only reads need not come right behind it: looks wait until
//! something has to know, or is going to touch what they look at, and then travel merged.

use super::probes::Looked;
use super::unit::Prepared;
use crate::plan::Claims;
use crate::remote::{Job, JobFuture, Survey};

/// Reads that belong behind effects which were sent.
#[derive(Default)]
pub struct Looks {
    survey: Survey,
    /// The looks of each unit, and its claims.
    pending: Vec<(Vec<Job>, Claims)>,
}

impl Looks {
    /// Adds jobs that only read what this unit's effects make.
    pub fn add(&mut self, ready: &Prepared, jobs: impl IntoIterator<Item = Job>) -> Vec<JobFuture> {
        let jobs: Vec<Job> = jobs.into_iter().collect();
        if !jobs.is_empty() {
            self.pending.push((jobs.clone(), ready.claims.clone()));
        }
        jobs.into_iter().map(|job| self.survey.add(&ready.remote, &ready.who, job)).collect()
    }

    /// Effects with these claims are next: whoever would look at what they touch has to look before.
    pub fn before(&mut self, effect: &Claims) {
        if self.pending.iter().any(|(jobs, claims)| Looked::of(jobs, claims).touched_by(effect)) {
            self.send();
        }
    }

    /// Sends all, for one is waited for.
    pub fn send(&mut self) {
        std::mem::take(self).survey.send();
    }
}
