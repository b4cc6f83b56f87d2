//! Looking at what was changed. What follows an effect and only reads need not come right behind it: looks wait until
//! something has to know, or is going to touch what they look at, and then travel merged.

use super::unit::Prepared;
use crate::plan::Claims;
use crate::remote::{Job, JobFuture, Survey};

/// Reads that belong behind effects which were sent.
#[derive(Default)]
pub struct Looks {
    survey: Survey,
    /// What they look at.
    claims: Vec<Claims>,
}

impl Looks {
    /// Adds jobs that only read what this unit's effects make.
    pub fn add(&mut self, ready: &Prepared, jobs: impl IntoIterator<Item = Job>) -> Vec<JobFuture> {
        let added: Vec<_> =
            jobs.into_iter().map(|job| self.survey.add(&ready.remote, &ready.who, job)).collect();
        if !added.is_empty() {
            self.claims.push(ready.claims.clone());
        }
        added
    }

    /// Effects with these claims are next: whoever would look at what they touch has to look before.
    pub fn before(&mut self, effect: &Claims) {
        if self.claims.iter().any(|look| effect.disturbs(look)) {
            self.send();
        }
    }

    /// Sends all, for one is waited for.
    pub fn send(&mut self) {
        std::mem::take(self).survey.send();
    }
}
