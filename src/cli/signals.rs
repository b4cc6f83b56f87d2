//! Ctrl-C, SIGTERM, and a terminal that goes away: the first stops cleanly, the second at once.

use crate::exec::cancel::Cancel;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

static CODE: AtomicU8 = AtomicU8::new(super::fail::code::INTERRUPTED);

/// The exit code of a command that a signal has stopped: 128 and the last signal's number.
pub fn interrupted() -> u8 {
    CODE.load(Ordering::SeqCst)
}

/// Raises `cancel` at each SIGINT, SIGTERM and SIGHUP while the run lasts.
pub fn watch(cancel: &Cancel) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    let cancel = cancel.clone();
    Ok(tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = int.recv() => 130,
                _ = term.recv() => 143,
                () = next(&mut hangup) => 129,
            };
            CODE.store(code, Ordering::SeqCst);
            let first = !cancel.requested();
            cancel.raise();
            if first {
                note!("stopping: what runs is finished, nothing new begins; once more stops at once");
            }
        }
    }))
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// As `nohup` asks for it: the run outlives its terminal.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
