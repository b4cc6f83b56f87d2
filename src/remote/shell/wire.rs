//! The loop of one shell: queued jobs go out in bursts, what comes back is read, and the end is noticed.

use super::aside::GRACE;
use super::{Driver, Kind, Request};
use crate::remote::session::{Channel, Reader, Writer};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long one that is to stop waits for a shell's first word: a job may have begun before it was read.
const FIRST_WORD: Duration = Duration::from_secs(1);

pub(super) struct Running {
    pub driver: Driver,
    pub channel: Channel,
    pub bursts: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Running {
    pub async fn run(self, mut queue: mpsc::UnboundedReceiver<Request>) {
        let Running { mut driver, channel, bursts } = self;
        let Channel { stdin, mut stdout, mut stderr, hold, .. } = channel;
        tokio::spawn(write_all(stdin, bursts));
        let (mut stopped, mut left) = (None, None);
        let mut open = (true, true);
        let (mut out, mut err) = (vec![0; 64 << 10], vec![0; 16 << 10]);
        let mut ends: Option<Instant> = None;
        driver.flush();
        while open.0 || open.1 {
            let deadline = ends.or_else(|| driver.deadline());
            let late = tokio::time::sleep_until(deadline.unwrap_or_else(|| Instant::now() + GRACE));
            tokio::select! {
                request = queue.recv(), if driver.input.is_some() && stopped.is_none() => {
                    let mut next = request;
                    if next.is_none() {
                        driver.retire(&mut ends);
                    }
                    while let Some(request) = next {
                        match request {
                            Request::Run(job, reply) => driver.take(*job, reply),
                            Request::Stop(done) => {
                                stopped = Some(done);
                                break;
                            }
                            Request::Leave(done) => {
                                left = Some(done);
                                driver.flush();
                                driver.retire(&mut ends);
                                break;
                            }
                        }
                        next = queue.try_recv().ok();
                    }
                    if stopped.is_none() {
                        driver.flush();
                    }
                }
                read = read(&mut stdout, &mut out), if open.0 => match read {
                    0 => {
                        open.0 = false;
                        ends.get_or_insert(Instant::now() + Duration::from_secs(1));
                    }
                    n => driver.out.feed(&out[..n]).into_iter().for_each(|m| driver.on_out(m)),
                },
                read = read(&mut stderr, &mut err), if open.1 => match read {
                    0 => open.1 = false,
                    n => driver.read_stderr(&err[..n]),
                },
                () = late, if deadline.is_some() => {
                    if ends.is_some() || !driver.overdue() {
                        if stopped.is_some() {
                            driver.stop().await;
                        }
                        break;
                    }
                }
            }
            driver.settle();
            if stopped.is_some() {
                if driver.knows_whom_to_end() {
                    driver.stop().await;
                    break;
                }
                ends.get_or_insert(Instant::now() + FIRST_WORD);
            }
            if driver.input.is_none() && driver.pending.is_empty() && ends.is_none() {
                ends = Some(Instant::now() + GRACE);
            }
        }
        queue.close();
        while let Ok(Request::Run(job, reply)) = queue.try_recv() {
            driver.take(*job, reply);
        }
        driver.bury();
        drop(hold);
        for done in stopped.into_iter().chain(left) {
            // Whoever asked for the end may have gone.
            let _ = done.send(());
        }
    }
}

impl Driver {
    fn read_stderr(&mut self, bytes: &[u8]) {
        for mark in self.err.feed(bytes) {
            if mark.kind == Kind::Hello {
                self.said = mark.body.clone();
            }
            self.on_err(mark);
        }
    }

    /// Nobody will send a job any more: the shell may end after those it has.
    fn retire(&mut self, ends: &mut Option<Instant>) {
        self.input = None;
        if self.pending.is_empty() {
            *ends = Some(Instant::now() + GRACE);
        }
    }
}

/// Reads some; an error is an end too.
async fn read(from: &mut Reader, buffer: &mut [u8]) -> usize {
    from.read(buffer).await.unwrap_or(0)
}

async fn write_all(mut stdin: Writer, mut bursts: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(burst) = bursts.recv().await {
        if stdin.write_all(&burst).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}
