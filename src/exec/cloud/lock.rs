//! One change of a stack at a time: a lock beside the journal, which ends with its process.

use crate::modules::Failure;
use rustix::fs::{FlockOperation, flock};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// The locks that this run holds, by stack.
#[derive(Default)]
pub struct Locks(Mutex<HashMap<String, File>>);

impl Locks {
    /// Takes the stack's lock, unless this run has it. The error says who has it, and since when.
    pub fn take(&self, run_dir: &Path, run: &str, stack: &str) -> Result<(), Failure> {
        let mut held: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if held.contains_key(stack) {
            return Ok(());
        }
        let folder = run_dir.join("locks");
        let name: String = stack
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' })
            .collect();
        let path = folder.join(format!("{name}.lock"));
        let wrong =
            |e: std::io::Error| Failure::new(format!("cannot lock the stack in {}: {e}", path.display()));
        std::fs::create_dir_all(&folder).map_err(wrong)?;
        let open =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        let mut file = open.map_err(wrong)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            return Err(Failure::new(format!(
                "the stack `{stack}` is being changed by {}\nhint: wait for that run to end, or end it",
                owner.trim()
            )));
        }
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let owner = format!(
            "run {run} (process {} on {host}) since {}\n",
            std::process::id(),
            super::super::journal::now()
        );
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(owner.as_bytes()))
            .map_err(wrong)?;
        held.insert(stack.to_string(), file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_has_it_and_the_end_of_the_first_frees_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Locks::default();
        first.take(dir.path(), "r1", "web").unwrap();
        first.take(dir.path(), "r1", "web").unwrap();
        let second = Locks::default();
        let refused = second.take(dir.path(), "r2", "web").unwrap_err();
        assert!(refused.message.contains("run r1"), "{}", refused.message);
        second.take(dir.path(), "r2", "other").unwrap();
        drop(first);
        second.take(dir.path(), "r2", "web").unwrap();
    }
}
