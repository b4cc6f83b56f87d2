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
    pending: Vec<Pending>,
}

/// What a unit looks at.
struct Pending {
    jobs: Vec<Job>,
    claims: Claims,
    /// Its effects have removed it.
    gone: bool,
}

impl Looks {
    /// Adds jobs that only read what this unit's effects leave; `gone`: that it is not there any more.
    pub fn add(&mut self, ready: &Prepared, gone: bool, jobs: Vec<Job>) -> Vec<JobFuture> {
        if !jobs.is_empty() {
            self.pending.push(Pending { jobs: jobs.clone(), claims: ready.looks.clone(), gone });
        }
        jobs.into_iter().map(|job| self.survey.add(&ready.remote, &ready.who, job)).collect()
    }

    /// Effects with these claims are next: whoever would look at what they touch has to look before.
    pub fn before(&mut self, effect: &Claims) {
        let touched = |look: &Pending| match Looked::of(&look.jobs, &look.claims) {
            Looked::Paths(paths) if !look.gone => paths.iter().any(|path| effect.rewrites(path)),
            looked => looked.touched_by(effect),
        };
        if self.pending.iter().any(touched) {
            self.send();
        }
    }

    /// Sends all, for one is waited for.
    pub fn send(&mut self) {
        std::mem::take(self).survey.send();
    }
}
