//! Ctrl-C: the first stops cleanly, the second at once.

use crate::exec::cancel::Cancel;
use tokio::signal::unix::{SignalKind, signal};

/// Raises `cancel` at each SIGINT and SIGTERM while the run lasts.
pub fn watch(cancel: &Cancel) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let cancel = cancel.clone();
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            if !cancel.requested() {
                eprintln!("stopping: what runs is finished, nothing new begins; once more stops at once");
            }
            cancel.raise();
        }
    }))
}
