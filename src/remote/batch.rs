//! Writing much at once. A file costs three processes to write, and a loop writes many into one folder: new files that follow
//! each other, with the same owner and mode, travel as one job that takes each step for all of them.

use super::files::WRITE;
use super::job::{Content, Job, Output, Script, Status};
use super::{Become, RemoteError};
use std::sync::{Arc, LazyLock};
use tokio::sync::oneshot;

static WRITE_MANY: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("files.write_many", include_str!("scripts/write_files.sh")));

/// How many files, and bytes of them, one job has at most: all of it is in the text that the shell reads.
const FILES: usize = 64;
const BYTES: usize = 64 << 10;

/// Who waits for a job.
pub type Reply = oneshot::Sender<Result<Output, RemoteError>>;

/// Writes that wait for more of their kind.
#[derive(Default)]
pub struct Batch {
    who: Become,
    jobs: Vec<(Job, Reply)>,
}

/// A write of a new file, taken apart.
struct New<'a> {
    item: &'a [u8],
    folder: &'a [u8],
    name: &'a [u8],
    content: &'a [u8],
}

impl Batch {
    /// Adds a job, if it may wait and go with those that do; else gives it back.
    ///
    /// # Errors
    /// It has to be sent by itself, after these.
    pub fn add(&mut self, who: &Become, job: Job, reply: Reply) -> Result<(), (Job, Reply)> {
        let fits = match (New::of(&job), self.jobs.first()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(new), Some((first, _))) => self.who == *who && alike(first, &job) && self.has_room(&new),
        };
        if !fits {
            return Err((job, reply));
        }
        self.who = who.clone();
        self.jobs.push((job, reply));
        Ok(())
    }

    /// Another file of the same folder.
    fn has_room(&self, new: &New) -> bool {
        let mut all = self.jobs.iter().filter_map(|(job, _)| New::of(job));
        let bytes: usize = all.clone().map(|one| one.content.len()).sum();
        self.jobs.len() < FILES
            && bytes + new.content.len() <= BYTES
            && all.all(|one| one.folder == new.folder && one.name != new.name)
    }

    /// What waited, in its order.
    pub fn take(&mut self) -> (Become, Vec<(Job, Reply)>) {
        let Batch { who, jobs } = std::mem::take(self);
        (who, jobs)
    }
}

impl<'a> New<'a> {
    fn of(job: &'a Job) -> Option<New<'a>> {
        let var = |name: &str| job.vars.iter().find(|(n, _)| &**n == name).map(|(_, value)| value.as_slice());
        let unset = ["backup", "validate", "unsafe", "follow"].iter().all(|name| var(name) == Some(b""));
        let octal = var("mode")?.iter().all(|digit| (b'0'..=b'7').contains(digit));
        let content = match &job.stdin {
            None => &[][..],
            Some(Content::Bytes(bytes)) => bytes,
            Some(Content::File(_)) => return None,
        };
        let path = var("path")?;
        let slash = path.iter().rposition(|b| *b == b'/')?;
        let (folder, name) = (&path[..slash], &path[slash + 1..]);
        let plain = !folder.is_empty() && name.first().is_some_and(|b| *b != b'.');
        let fits = Arc::ptr_eq(&job.script, &WRITE)
            && job.chain.is_some()
            && job.timeout.is_none()
            && var("expect") == Some(b"absent")
            && content.len() <= BYTES / 2
            && !content.contains(&0);
        (fits && unset && octal && plain).then_some(New { item: var("item")?, folder, name, content })
    }
}

/// Whether two writes differ in the file and its content alone.
fn alike(one: &Job, other: &Job) -> bool {
    let own = |name: &str| ["item", "path", "size", super::files::CHANCE].contains(&name);
    let vars = |job: &Job| job.vars.iter().filter(|(n, _)| !own(n)).cloned().collect::<Vec<_>>();
    one.chain == other.chain && one.env == other.env && vars(one) == vars(other)
}

/// One job that does these; `None`: there is only one.
pub fn merged(jobs: &[(Job, Reply)]) -> Option<Job> {
    let (first, _) = jobs.first().filter(|_| jobs.len() > 1)?;
    let mut merged = Job::new(&WRITE_MANY).var("folder", New::of(first)?.folder);
    let kept = ["mode", "owner", "group", super::files::CHANCE];
    merged.vars.extend(first.vars.iter().filter(|(name, _)| kept.contains(&&**name)).cloned());
    (merged.chain, merged.env) = (first.chain, first.env.clone());
    for new in jobs.iter().filter_map(|(job, _)| New::of(job)) {
        merged.args.extend([new.item, new.name, new.content].map(<[u8]>::to_vec));
    }
    Some(merged)
}

/// Hands each its part: the first that was not written has failed, and those behind it did not run.
pub fn share(jobs: Vec<(Job, Reply)>, output: Result<Output, RemoteError>) {
    let output = match output {
        Ok(output) => output,
        // Nobody may be waiting any more.
        error => return jobs.into_iter().for_each(|(_, reply)| drop(reply.send(error.clone()))),
    };
    let mut failed = output.status == Status::Skipped;
    for (job, reply) in jobs {
        let item = New::of(&job).map(|new| new.item.to_vec()).unwrap_or_default();
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
