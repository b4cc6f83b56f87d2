//! Ctrl-C: the first stops cleanly, the second at once.

use crate::exec::cancel::Cancel;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

static TERMINATED: AtomicBool = AtomicBool::new(false);

/// The exit code of a command that a signal has stopped: 143 for SIGTERM, else 130.
pub fn interrupted() -> u8 {
    if TERMINATED.load(Ordering::SeqCst) { 143 } else { super::fail::code::INTERRUPTED }
}

/// Raises `cancel` at each SIGINT and SIGTERM while the run lasts.
pub fn watch(cancel: &Cancel) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let cancel = cancel.clone();
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => TERMINATED.store(true, Ordering::SeqCst),
            }
            if !cancel.requested() {
                eprintln!("stopping: what runs is finished, nothing new begins; once more stops at once");
            }
            cancel.raise();
        }
    }))
}
