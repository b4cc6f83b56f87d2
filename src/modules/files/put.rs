//! Bytes put in a file's place: decision, diff and effects, the same for every module that makes content.

use super::attributes::{self, Attributes};
use super::{DIFF_LIMIT, describe, parent, sha1};
use crate::base::Map;
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::{Action, Change, Decision, Diff};
use crate::remote::files::{Expect, FileKind, FileStat, StatOptions, WriteFile, stat_job, write_file_job};
use crate::remote::{Content, Job};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// What is to be in the file.
#[derive(Clone, Debug)]
pub enum Source {
    /// In memory; may be shown in a diff.
    Bytes(Arc<[u8]>),
    /// A large file on the controller and its SHA-1; never held in memory.
    File(PathBuf, String, u64),
}

/// One file as wanted, and as it is.
pub struct Put<'a> {
    /// As the task names it.
    pub path: &'a str,
    /// As a probe with checksum and, for a diff, content found it.
    pub now: &'a FileStat,
    /// What is to be in it.
    pub source: Source,
    /// Owner, group and mode it shall have.
    pub wanted: Attributes,
    /// Header of the new side of the diff.
    pub title: &'a str,
    /// What differs, for the reason; `content differs` where empty.
    pub reason: &'a str,
    /// Keep a copy of what was there.
    pub backup: bool,
    /// A command with `%s` for the temporary file, which may refuse it.
    pub validate: Option<&'a str>,
    /// Where renaming is impossible, overwrite in place.
    pub unsafe_writes: bool,
    /// Write to what a symbolic link points to.
    pub follow: bool,
    /// Contents are secret: no diff.
    pub hidden: bool,
    /// The result has the MD5 of what is written.
    pub tells_md5: bool,
}

impl Source {
    /// The content's SHA-1 in hexadecimal, as Ansible's `checksum` has it.
    pub fn sha1(&self) -> String {
        match self {
            Source::Bytes(b) => sha1(b),
            Source::File(_, sum, _) => sum.clone(),
        }
    }

    /// The content's MD5 in hexadecimal, which Ansible tells of what it wrote; none where it cannot be read again.
    pub fn md5(&self) -> Option<String> {
        use md5::Digest;
        let mut digest = md5::Md5::new();
        match self {
            Source::Bytes(b) => digest.update(b),
            Source::File(path, ..) => {
                let mut file = std::fs::File::open(path).ok()?;
                let mut block = vec![0; 1 << 16];
                loop {
                    match file.read(&mut block).ok()? {
                        0 => break,
                        n => digest.update(&block[..n]),
                    }
                }
            }
        }
        Some(super::hex(&digest.finalize()))
    }

    /// The content's length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Source::Bytes(b) => b.len() as u64,
            Source::File(_, _, size) => *size,
        }
    }

    fn content(&self) -> Content {
        match self {
            Source::Bytes(b) => Content::Bytes(Arc::clone(b)),
            Source::File(path, ..) => Content::File(path.clone()),
        }
    }

    fn text(&self) -> Option<String> {
        let bytes = match self {
            Source::Bytes(b) => b.to_vec(),
            Source::File(path, _, size) if *size <= DIFF_LIMIT => std::fs::read(path).ok()?,
            Source::File(..) => return None,
        };
        shown(&bytes)
    }
}

/// Content as a diff shows it; `None` where it is too large or no text. Bytes of another encoding are marks.
fn shown(bytes: &[u8]) -> Option<String> {
    let text = bytes.len() as u64 <= DIFF_LIMIT && !bytes.contains(&0);
    text.then(|| String::from_utf8_lossy(bytes).into_owned())
}

impl<'a> Put<'a> {
    /// With the usual arguments: `owner`, `group`, `mode`, `backup`, `validate`, `unsafe_writes`, `follow`.
    pub fn new(args: &'a Args, path: &'a str, now: &'a FileStat, content: impl Into<Vec<u8>>) -> Put<'a> {
        Put::from_source(args, path, now, Source::Bytes(Arc::from(content.into())))
    }

    /// Content for `path`, with owner, mode, `backup`, `validate` and the like as the task's arguments have
    /// them.
    pub fn from_source(args: &'a Args, path: &'a str, now: &'a FileStat, source: Source) -> Put<'a> {
        Put {
            path,
            now,
            source,
            wanted: Attributes::of(args),
            title: path,
            reason: "",
            backup: args.bool("backup"),
            validate: args.opt_str("validate"),
            unsafe_writes: args.bool("unsafe_writes"),
            follow: args.bool("follow"),
            hidden: false,
            tells_md5: false,
        }
    }

    /// The options of a probe for a file that will be put: `full` fetches the content whatever its size up to
    /// what can be edited, else only what a diff would show.
    pub fn probe(args: &Args, follow: bool, full: bool, diff: bool) -> StatOptions {
        let limit = if full { Some(super::EDIT_LIMIT) } else { diff.then_some(DIFF_LIMIT) };
        StatOptions {
            follow,
            sha1: true,
            content: limit,
            labels: Attributes::labels(args),
            ..StatOptions::default()
        }
    }

    /// Whether the bytes on the host are the wanted ones.
    pub fn same_content(&self) -> bool {
        self.now.exists
            && self.now.kind == FileKind::File
            && self.now.sha1.as_deref() == Some(&self.source.sha1())
    }

    /// The decision for this one file. `result` begins with what the module knows.
    pub fn decide(self, result: Map) -> Result<Decision, Failure> {
        if self.now.exists && self.now.kind == FileKind::Directory {
            return Err(Failure::new(format!("{} is a directory", self.path)));
        }
        if self.now.unreadable {
            return Err(Failure::new(format!(
                "{} cannot be read by this user; does the task need `become`?",
                self.path
            )));
        }
        if let Some(command) = self.validate.filter(|v| !v.contains("%s")) {
            return Err(Failure::new(format!("validate must contain %s: {command}")));
        }
        let (change, mut effects) = self.change()?;
        let mut decision = Decision { change, result, ..Decision::default() };
        if decision.change.is_none() {
            describe(self.now, &mut decision.result);
            return Ok(decision);
        }
        effects.push(stat_job([self.path], &StatOptions { follow: true, ..StatOptions::default() }));
        decision.effects = effects;
        self.predict(&mut decision.result)?;
        if self.tells_md5
            && !self.same_content()
            && let Some(sum) = self.source.md5()
        {
            decision.result.insert("md5sum".into(), sum.into());
        }
        Ok(decision)
    }

    /// The change, if any, and the jobs that make it.
    pub fn change(&self) -> Result<(Option<Change>, Vec<Job>), Failure> {
        let differences = if self.now.exists { self.wanted.differences(self.now)? } else { Vec::new() };
        if self.same_content() {
            if differences.is_empty() {
                return Ok((None, Vec::new()));
            }
            let change = Change {
                action: Action::Update,
                reason: attributes::reason(&differences),
                diffs: vec![attributes::diff(self.path, &differences)],
            };
            return Ok((Some(change), vec![Attributes::job(&differences, false, [self.path])]));
        }
        let (action, reason) = match (self.now.exists, self.reason) {
            (false, _) => (Action::Create, format!("{} is absent", self.path)),
            (true, "") => (Action::Update, "content differs".to_string()),
            (true, why) => (Action::Update, why.to_string()),
        };
        let mut diffs = vec![self.diff()];
        let mut reasons = vec![reason];
        if !differences.is_empty() {
            reasons.push(attributes::reason(&differences));
            diffs.push(attributes::diff(self.path, &differences));
        }
        let change = Change { action, reason: reasons.join("; "), diffs };
        let mut effects = vec![self.write()?];
        // The file is a new one, whatever the former was labelled.
        effects.extend(self.wanted.label_job(self.path)?);
        Ok((Some(change), effects))
    }

    fn write(&self) -> Result<Job, Failure> {
        let base = if self.now.exists && self.now.kind != FileKind::Link { self.now.mode } else { 0o644 };
        let expect = match (&self.now.sha1, self.now.exists) {
            (_, false) => Expect::Absent,
            (Some(sum), true) => Expect::Sha1(sum.clone()),
            (None, true) => Expect::Any,
        };
        Ok(write_file_job(WriteFile {
            mode: self.wanted.octal(base, false)?,
            owner: self.wanted.owner.clone(),
            group: self.wanted.group.clone(),
            backup: self.backup,
            validate: self.validate.map(String::from),
            expect,
            unsafe_writes: self.unsafe_writes,
            follow: self.follow,
            ..WriteFile::new(self.path, self.source.content())
        }))
    }

    fn diff(&self) -> Diff {
        let hidden = |size: u64| format!("({size} bytes, not shown)\n");
        let before = match &self.now.content {
            _ if !self.now.exists => String::new(),
            Some(content) if !self.hidden => shown(content).unwrap_or_else(|| hidden(self.now.size)),
            _ => hidden(self.now.size),
        };
        let after = match self.source.text() {
            Some(text) if !self.hidden => text,
            _ => hidden(self.source.size()),
        };
        Diff { before_header: self.path.into(), after_header: self.title.into(), before, after }
    }

    /// What the result will be, for plans; the stat after the effects puts the truth in its place.
    fn predict(&self, result: &mut Map) -> Result<(), Failure> {
        let base = if self.now.exists { self.now.mode } else { 0o644 };
        let bits = self.wanted.bits(base, false)?.unwrap_or(base);
        result.insert("state".into(), "file".into());
        result.insert("mode".into(), super::mode_word(bits).into());
        result.insert("size".into(), self.source.size().into());
        for (name, wanted, is) in
            [("owner", &self.wanted.owner, &self.now.owner), ("group", &self.wanted.group, &self.now.group)]
        {
            if let Some(value) = wanted.as_ref().or((self.now.exists && !is.is_empty()).then_some(is)) {
                result.insert(name.into(), value.as_str().into());
            }
        }
        Ok(())
    }
}

/// Fails where a file cannot be created because its folder is missing.
pub fn need_folder(path: &str, folder: &FileStat) -> Result<(), Failure> {
    if folder.exists {
        return Ok(());
    }
    Err(Failure::new(format!("Destination directory {} does not exist", parent(path))))
}
