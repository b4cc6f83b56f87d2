//! Writing much at once. A file costs three processes to write, and a loop writes many into one folder: new files that follow
//! each other, with the same owner and mode, travel as one job that takes each step for all of them. So do folders. Of edits
//! that follow each other in one file only the last is written.

use super::files::{FOLDERS, WRITE, sha1};
use super::job::{Content, Job, Output, Script, Status};
use super::{Become, RemoteError};
use std::sync::{Arc, LazyLock};
use tokio::sync::oneshot;

static WRITE_MANY: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("files.write_many", include_str!("scripts/write_files.sh")));

/// How many jobs, and bytes of theirs, wait at most.
const JOBS: usize = 64;
const BYTES: usize = 1 << 20;
/// How many bytes new files may have that travel together: all of it is in the text that the shell reads.
const TEXT: usize = 64 << 10;

/// Who waits for a job.
pub type Reply = oneshot::Sender<Result<Output, RemoteError>>;

/// What waits for more of its kind.
#[derive(Default)]
pub struct Batch {
    who: Become,
    jobs: Vec<(Job, Reply)>,
    /// Known where there is more than one.
    kind: Option<Kind>,
}

/// How jobs can be one.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Kind {
    /// New files of one folder.
    Files,
    Folders,
    /// Each is of what the one before it leaves in the same file.
    Edits,
}

/// A write of a file, taken apart.
struct Write<'a> {
    item: &'a [u8],
    path: &'a [u8],
    content: &'a [u8],
    /// `absent`, a sum, or empty.
    expect: &'a [u8],
    /// No other folder or link decides where it goes, and nobody else what becomes of it.
    plain: bool,
}

impl Batch {
    /// Adds a job, if it may wait and go with those that do; else gives it back.
    ///
    /// # Errors
    /// It has to be sent by itself, after these.
    pub fn add(&mut self, who: &Become, job: Job, reply: Reply) -> Result<(), (Job, Reply)> {
        let Some((last, _)) = self.jobs.last() else {
            if is_folder(&job) || Write::of(&job).is_some() {
                self.who = who.clone();
                self.jobs.push((job, reply));
                return Ok(());
            }
            return Err((job, reply));
        };
        let kind = kind(last, &job).filter(|_| self.who == *who && alike(last, &job));
        if kind.is_none_or(|kind| self.kind.is_some_and(|k| k != kind) || !self.has_room(&job, kind)) {
            return Err((job, reply));
        }
        self.kind = kind;
        self.jobs.push((job, reply));
        Ok(())
    }

    fn has_room(&self, job: &Job, kind: Kind) -> bool {
        let all = || self.jobs.iter().map(|(job, _)| job);
        let bytes: usize = all().chain([job]).map(size).sum();
        let limit = if kind == Kind::Edits { BYTES } else { TEXT };
        // A name that comes twice is no new file the second time.
        let beside = Write::of(job).is_none_or(|new| all().filter_map(Write::of).all(|w| w.path != new.path));
        self.jobs.len() < JOBS && bytes <= limit && (kind != Kind::Files || beside)
    }

    /// What waited, in its order.
    pub fn take(&mut self) -> (Become, Vec<(Job, Reply)>) {
        let Batch { who, jobs, .. } = std::mem::take(self);
        (who, jobs)
    }
}

impl<'a> Write<'a> {
    /// A write in a chain whose content is at hand, and which nothing but the file decides.
    fn of(job: &'a Job) -> Option<Write<'a>> {
        let unset = |names: &[&str]| names.iter().all(|name| job.value(name) == Some(b""));
        let content = match &job.stdin {
            None => &[][..],
            Some(Content::Bytes(bytes)) => bytes,
            Some(Content::File(_)) => return None,
        };
        let waits = Arc::ptr_eq(&job.script, &WRITE)
            && job.chain.is_some()
            && job.timeout.is_none()
            && unset(&["backup", "validate"])
            && content.len() <= BYTES / 2;
        let octal = job.value("mode")?.iter().all(|digit| (b'0'..=b'7').contains(digit));
        let plain = octal && unset(&["unsafe", "follow"]);
        let (item, path, expect) = (job.value("item")?, job.value("path")?, job.value("expect")?);
        waits.then_some(Write { item, path, content, expect, plain })
    }

    /// Folder and name, where the shell can put it there with others.
    fn placed(&self) -> Option<(&'a [u8], &'a [u8])> {
        let slash = self.path.iter().rposition(|b| *b == b'/')?;
        let (folder, name) = (&self.path[..slash], &self.path[slash + 1..]);
        let simple = !folder.is_empty() && name.first().is_some_and(|b| *b != b'.');
        let fits = self.plain && self.expect == b"absent" && self.content.len() <= TEXT / 2;
        (fits && simple && !self.content.contains(&0)).then_some((folder, name))
    }
}

/// It makes one folder, in a chain.
fn is_folder(job: &Job) -> bool {
    Arc::ptr_eq(&job.script, &FOLDERS) && job.args.len() == 1 && job.chain.is_some() && job.timeout.is_none()
}

/// How a job may go with the one before it.
fn kind(last: &Job, job: &Job) -> Option<Kind> {
    if is_folder(last) && is_folder(job) {
        return Some(Kind::Folders);
    }
    let (last, next) = (Write::of(last)?, Write::of(job)?);
    if last.path == next.path {
        return (next.expect == sha1(last.content).as_bytes()).then_some(Kind::Edits);
    }
    (last.placed()?.0 == next.placed()?.0).then_some(Kind::Files)
}

/// The bytes of a write's content, of a folder's name.
fn size(job: &Job) -> usize {
    Write::of(job).map_or_else(|| job.args.iter().map(Vec::len).sum(), |write| write.content.len())
}

/// Whether two differ in the file and what it was and becomes alone, or in the folder.
fn alike(one: &Job, other: &Job) -> bool {
    let own = |name: &str| ["item", "path", "size", "expect", super::files::CHANCE].contains(&name);
    let vars = |job: &Job| job.vars.iter().filter(|(n, _)| !own(n)).cloned().collect::<Vec<_>>();
    Arc::ptr_eq(&one.script, &other.script)
        && one.chain == other.chain
        && one.env == other.env
        && vars(one) == vars(other)
}

/// One job that does these; `None`: there is only one.
pub fn merged(jobs: &[(Job, Reply)]) -> Option<Job> {
    let [(first, _), (second, _), ..] = jobs else { return None };
    match kind(first, second)? {
        Kind::Folders => {
            let args = jobs.iter().flat_map(|(job, _)| job.args.clone()).collect();
            Some(Job { args, ..first.clone() })
        }
        Kind::Edits => {
            let mut last = jobs.last()?.0.clone();
            let (_, expect) = last.vars.iter_mut().find(|(name, _)| &**name == "expect")?;
            *expect = first.value("expect")?.to_vec();
            Some(last)
        }
        Kind::Files => {
            let mut merged = Job::new(&WRITE_MANY).var("folder", Write::of(first)?.placed()?.0);
            let kept = ["mode", "owner", "group", super::files::CHANCE];
            merged.vars.extend(first.vars.iter().filter(|(name, _)| kept.contains(&&**name)).cloned());
            (merged.chain, merged.env) = (first.chain, first.env.clone());
            for write in jobs.iter().filter_map(|(job, _)| Write::of(job)) {
                merged.args.extend([write.item, write.placed()?.1, write.content].map(<[u8]>::to_vec));
            }
            Some(merged)
        }
    }
}

/// Hands each its part: the first that was not made has failed, and those behind it did not run.
pub fn share(jobs: Vec<(Job, Reply)>, output: Result<Output, RemoteError>) {
    let output = match output {
        Ok(output) => output,
        // Nobody may be waiting any more.
        error => return jobs.into_iter().for_each(|(_, reply)| drop(reply.send(error.clone()))),
    };
    let mut failed = output.status == Status::Skipped;
    for (job, reply) in jobs {
        let item = Write::of(&job).map_or_else(|| job.args.concat(), |write| write.item.to_vec());
        let mut own = Vec::new();
        for (_, key, value) in output.records().filter(|(of, _, _)| *of == item) {
            [item.as_slice(), key, value].iter().for_each(|part| own.extend([part, &[0][..]].concat()));
        }
        let part = match (failed, own.is_empty()) {
            (true, _) => Output { status: Status::Skipped, ..Output::done(0, "", "") },
            (false, false) => Output { stdout: own, ..Output::done(0, "", "") },
            // Whatever it ended with, this one is not there.
            (false, true) => Output { stdout: own, rc: output.rc.max(1), ..output.clone() },
        };
        failed |= !part.ok();
        let _ = reply.send(Ok(part));
    }
}
