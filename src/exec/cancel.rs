//! Stopping a run: once cleanly (no new task begins), twice at once (running jobs are ended).

use std::sync::Arc;
use tokio::sync::watch;

/// How much of a stop was asked for; it only ever rises.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    #[default]
    No,
    /// Finish the jobs that run, begin no new ones.
    Cleanly,
    /// End what runs.
    Now,
}

/// Cloneable handle; the command line raises it at SIGINT and SIGTERM.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<watch::Sender<Stop>>);

impl Default for Cancel {
    fn default() -> Self {
        Cancel(Arc::new(watch::channel(Stop::No).0))
    }
}

impl Cancel {
    /// From running to stopping cleanly, from there to stopping now.
    pub fn raise(&self) {
        self.0.send_modify(|stop| *stop = if *stop == Stop::No { Stop::Cleanly } else { Stop::Now });
    }

    /// What has been asked for so far, without waiting.
    pub fn state(&self) -> Stop {
        *self.0.borrow()
    }

    /// Whether no new task may begin, for either reason.
    pub fn requested(&self) -> bool {
        self.state() != Stop::No
    }

    /// Ends when at least `level` was asked for.
    pub async fn wait(&self, level: Stop) {
        let mut changes = self.0.subscribe();
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = changes.wait_for(|stop| *stop >= level).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_request_is_the_urgent_one() {
        let cancel = Cancel::default();
        assert!(!cancel.requested());
        cancel.raise();
        assert_eq!(cancel.state(), Stop::Cleanly);
        cancel.raise();
        assert_eq!(cancel.state(), Stop::Now);
    }
}
