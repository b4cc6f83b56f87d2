//! One change of a stack at a time: a lock beside the journal, which ends with its process, or an object in S3, which
//! is seen from everywhere.

use super::super::cancel::Cancel;
use super::super::event::{Event, Sink};
use super::super::state::Run;
use crate::cloud::Account;
use crate::cloud::lock::{Bucket, Holder, Locks as Remote, Taken, Version};
use crate::modules::Failure;
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often a holder is heard of, in seconds.
const RENEWAL: &str = "FITOUT_LOCK_RENEWAL";
const RENEWED: Duration = Duration::from_secs(60);
/// The most that letting go may take at the end of a run.
const RELEASE: Duration = Duration::from_secs(20);

/// Where locks are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LockPlace {
    /// Beside the journal: for one folder of one machine.
    #[default]
    Local,
    /// An object in S3 for each stack, seen from everywhere.
    Bucket(Bucket),
}

impl std::str::FromStr for LockPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<LockPlace, String> {
        if text.is_empty() || text == "local" {
            Ok(LockPlace::Local)
        } else {
            text.parse().map(LockPlace::Bucket)
        }
    }
}

/// Told of what befalls a lock: takeovers, and its loss, after which nothing new may begin.
pub trait Heard: Send + Sync {
    /// Something a user should know, but that does not end the run: an abandoned lock was taken over, or
    /// could not be let go.
    fn warning(&self, message: String);
    /// The lock is another's now, or was not heard of for too long: effects that run are finished, no new one
    /// begins.
    fn lost(&self, message: String);
}

/// The locks that this run holds, by stack.
#[derive(Default)]
pub struct Locks(tokio::sync::Mutex<Held>);

#[derive(Default)]
struct Held {
    files: HashMap<String, File>,
    objects: HashMap<String, Arc<Object>>,
    renewals: JoinSet<()>,
}

/// A lock in S3. Its version changes at each renewal.
struct Object {
    remote: Remote,
    holder: Holder,
    version: tokio::sync::Mutex<Option<Version>>,
}

impl Locks {
    /// Takes the stack's lock, unless this run has it. The error says who has it, and since when.
    pub async fn take(
        &self,
        place: &LockPlace,
        run_dir: &Path,
        run: &str,
        stack: &str,
        account: &Account,
        heard: &Arc<dyn Heard>,
    ) -> Result<(), Failure> {
        let mut held = self.0.lock().await;
        if held.files.contains_key(stack) || held.objects.contains_key(stack) {
            return Ok(());
        }
        let LockPlace::Bucket(bucket) = place else {
            let file = local(run_dir, run, stack)?;
            held.files.insert(stack.to_string(), file);
            return Ok(());
        };
        let remote = Remote::new(&account.config, Arc::clone(&account.manner), bucket.clone());
        let holder = Holder::here(stack, run);
        let place = remote.place(stack);
        let version = match remote.take(&holder).await? {
            Taken::Theirs(other) => return Err(busy(stack, &other.described(Timestamp::now()), &place)),
            Taken::Mine(version, None) => version,
            Taken::Mine(version, Some(why)) => {
                heard.warning(format!("the lock {place} was left over and is taken over: {why}"));
                version
            }
        };
        let object = Arc::new(Object { remote, holder, version: tokio::sync::Mutex::new(Some(version)) });
        held.renewals.spawn(renew(Arc::clone(&object), Arc::clone(heard)));
        held.objects.insert(stack.to_string(), object);
        Ok(())
    }

    /// Lets go of what others can see. Files are let go by the process's end.
    pub async fn release(&self) {
        let mut held = self.0.lock().await;
        held.renewals.abort_all();
        for (stack, object) in held.objects.drain() {
            if let Some(version) = object.version.lock().await.take() {
                // What remains is taken over by the next run on this machine, or removed by `unlock`.
                let _ = tokio::time::timeout(RELEASE, object.remote.release(&stack, &version)).await;
            }
        }
    }
}

fn busy(stack: &str, holder: &str, place: &str) -> Failure {
    Failure::new(format!(
        "the stack `{stack}` is being changed by {holder} ({place})\nhint: wait for that run to end, or end it; `fitout \
         unlock {stack}` frees a lock that was left over"
    ))
}

/// Says again and again that the holder is there.
async fn renew(object: Arc<Object>, heard: Arc<dyn Heard>) {
    let pause = std::env::var(RENEWAL).ok().and_then(|s| s.parse().ok()).map_or(RENEWED, Duration::from_secs);
    loop {
        tokio::time::sleep(pause).await;
        let mut version = object.version.lock().await;
        let Some(now) = version.clone() else { return };
        match object.remote.renew(&object.holder, &now).await {
            Ok(Some(next)) => *version = Some(next),
            Ok(None) => {
                *version = None;
                let place = object.remote.place(&object.holder.stack);
                return heard.lost(format!("the lock {place} was taken away: nothing new begins"));
            }
            // The next attempt may succeed; until then the lock is not old.
            Err(_) => {}
        }
    }
}

/// Takes a stack's lock for a run.
pub async fn take(run: &Arc<Run>, place: &LockPlace, stack: &str, account: &Account) -> Result<(), Failure> {
    let heard: Arc<dyn Heard> =
        Arc::new(RunHears { sink: Arc::clone(&run.sink), cancel: run.cancel.clone() });
    run.cloud.locks.take(place, &run.options.run_dir, &run.cloud.id, stack, account, &heard).await
}

/// For a run: its warnings, and its end where a lock is lost.
pub struct RunHears {
    /// Gets the warnings.
    pub sink: Arc<dyn Sink>,
    /// Stopped where a lock is lost.
    pub cancel: Cancel,
}

impl Heard for RunHears {
    fn warning(&self, message: String) {
        self.sink.event(&Event::Warning { message, place: None });
    }

    fn lost(&self, message: String) {
        self.warning(message);
        if !self.cancel.requested() {
            self.cancel.raise();
        }
    }
}

/// The file of a stack's local lock.
pub fn file_of(run_dir: &Path, stack: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
    run_dir.join("locks").join(format!("{}.lock", stack.chars().map(plain).collect::<String>()))
}

fn local(run_dir: &Path, run: &str, stack: &str) -> Result<File, Failure> {
    let path = file_of(run_dir, stack);
    let wrong = |e: std::io::Error| Failure::new(format!("cannot lock the stack in {}: {e}", path.display()));
    std::fs::create_dir_all(run_dir.join("locks")).map_err(wrong)?;
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
    let mut file = open.map_err(wrong)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(busy(stack, &described(&mut file), &path.display().to_string()));
    }
    let holder = serde_json::to_vec(&Holder::here(stack, run)).map_err(|e| wrong(e.into()))?;
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&holder)).map_err(wrong)?;
    Ok(file)
}

fn described(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    let holder = serde_json::from_str::<Holder>(&text);
    holder.map_or_else(|_| "another run".into(), |h| h.described(Timestamp::now()))
}

/// Who holds a local lock; `None`: nobody.
pub fn local_holder(run_dir: &Path, stack: &str) -> Option<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(file_of(run_dir, stack)).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => None,
        Err(_) => Some(described(&mut file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_has_it_and_the_end_of_the_first_frees_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = local(dir.path(), "r1", "web").unwrap();
        let refused = local(dir.path(), "r2", "web").unwrap_err();
        assert!(refused.message.contains("run r1"), "{}", refused.message);
        assert!(local_holder(dir.path(), "web").unwrap().contains("run r1"));
        local(dir.path(), "r2", "other").unwrap();
        drop(first);
        assert_eq!(local_holder(dir.path(), "web"), None);
        local(dir.path(), "r2", "web").unwrap();
    }

    #[test]
    fn a_place_is_local_or_a_bucket() {
        assert_eq!("".parse(), Ok(LockPlace::Local));
        assert_eq!("local".parse(), Ok(LockPlace::Local));
        assert!(matches!("s3://b/x".parse(), Ok(LockPlace::Bucket(b)) if b.name == "b"));
        assert!("ftp://b".parse::<LockPlace>().unwrap_err().contains("s3://BUCKET"));
    }
}
