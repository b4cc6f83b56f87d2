//! What a shell's driver does over other channels: end jobs past their time, fill fifos.

use super::super::frame::Mark;
use super::super::{END_JOBS, RemoteError, upload};
use super::{Driver, Job, Request, Script, Shell};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

static KILL: LazyLock<Arc<Script>> = LazyLock::new(|| Script::new("remote.kill", END_JOBS));

/// Between TERM and KILL, and after that until the shell is given up.
pub(super) const GRACE: Duration = Duration::from_secs(5);

impl Driver {
    pub(super) fn start_upload(&mut self, mark: &Mark) {
        let (context, who) = (Arc::clone(&self.context), self.who.clone());
        let Some((gzip, path)) = mark.rest.split_once(':') else { return };
        let (gzip, path) = (gzip == "z", path.to_string());
        let (wanted, waits) = oneshot::channel();
        let Some(pending) = self.find(mark.seq) else { return };
        pending.filled = Some(waits);
        let Some(content) = pending.stdin.take() else { return };
        let killer = self.killer();
        let pid = self.shell_pid.clone();
        tokio::spawn(async move {
            let failed = upload::fill(&context, &who, content, &path, gzip).await.is_err();
            if failed && !wanted.is_closed() {
                // The job would wait for ever at its fifo; with its shell it comes back as lost.
                end(&killer, &pid, "", "KILL").await;
            }
        });
    }

    pub(super) fn killer(&mut self) -> Shell {
        let start = || Shell::start(Arc::clone(&self.context), self.who.clone());
        match &self.killer {
            Some(killer) if killer.alive() => killer.clone(),
            _ => self.killer.insert(start()).clone(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.greeted.0 {
            return Some(self.opened + self.context.login_limit());
        }
        self.pending.iter().filter_map(|p| p.deadline).min()
    }

    /// Ends what is past its time. `false` when the shell must be given up.
    pub(super) fn overdue(&mut self) -> bool {
        let now = Instant::now();
        if !self.greeted.0 {
            self.failure = Some(self.context.session.explain("the shell gave no answer: timed out"));
            return now < self.opened + self.context.login_limit();
        }
        let Some(late) = self.pending.iter_mut().find(|p| p.deadline.is_some_and(|d| d <= now)) else {
            return true;
        };
        let signal = match late.signals {
            0 => "TERM",
            1 => "KILL",
            _ => return false,
        };
        late.signals += 1;
        late.deadline = Some(now + GRACE);
        let group = late.group.clone().unwrap_or_default();
        let (killer, pid) = (self.killer(), self.shell_pid.clone());
        tokio::spawn(async move { end(&killer, &pid, &group, signal).await });
        true
    }

    /// Whether nothing runs, or the shell has said which process it is.
    pub(super) fn knows_whom_to_end(&self) -> bool {
        self.greeted.0 || self.pending.is_empty()
    }

    /// Ends the running job's process group and the shell.
    pub(super) async fn stop(&mut self) {
        let host = &self.context.target.inventory_hostname;
        self.failure = Some(RemoteError::Lost(format!("{host}: stopped")));
        if self.greeted.0 && !self.pending.is_empty() {
            let (killer, pid) = (self.killer(), self.shell_pid.clone());
            let _ = tokio::time::timeout(2 * GRACE, end(&killer, &pid, "", "TERM")).await;
        }
        self.input = None;
    }
}

/// Has another shell of the same user end a job (`group`) or a whole shell.
async fn end(killer: &Shell, pid: &str, group: &str, signal: &str) {
    let job = Job::new(&KILL).var("shell", pid).var("group", group).var("signal", signal);
    let (reply, answer) = oneshot::channel();
    if killer.send(Request::Run(Box::new(job), reply)).is_ok() {
        // Where it fails the deadline that follows gives the shell up.
        let _ = answer.await;
    }
}
