//! What jobs that change files leave: the same few jobs for all modules.

use super::Forecast;
use crate::modules::files::{mode, parent};
use crate::remote::files::{FileKind, FileStat};
use crate::remote::{Content, Job};
use std::sync::Arc;

/// What planned changes set of a path; `None`: as it is, or as a new one gets it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    kind: Option<FileKind>,
    /// Octal or symbolic.
    mode: Option<String>,
    owner: Option<String>,
    group: Option<String>,
    bytes: Option<Arc<[u8]>>,
    /// It is written, but with what is not kept in memory.
    large: bool,
}

/// A path without repeated and trailing slashes.
pub fn tidy(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

fn text<'a>(job: &'a Job, name: &str) -> &'a str {
    job.value(name).and_then(|v| std::str::from_utf8(v).ok()).unwrap_or("")
}

fn given(job: &Job, name: &str) -> Option<String> {
    Some(text(job, name)).filter(|v| !v.is_empty()).map(str::to_string)
}

impl Forecast {
    pub(super) fn learn_files(&mut self, job: &Job) {
        let paths = || job.args.iter().filter_map(|a| std::str::from_utf8(a).ok().map(str::to_string));
        match &*job.script.name {
            "files.write" => {
                let patch = self.patch(text(job, "path"), job);
                patch.kind = Some(FileKind::File);
                (patch.bytes, patch.large) = match &job.stdin {
                    Some(Content::Bytes(bytes)) => (Some(Arc::clone(bytes)), false),
                    Some(Content::File(_)) => (None, true),
                    None => (Some(Arc::from([])), false),
                };
            }
            "kit.remove" => paths().for_each(|path| self.gone(&path)),
            "files.attributes" => paths().for_each(|path| {
                self.patch(&path, job);
            }),
            "files.folders" => {
                paths().for_each(|path| self.patch(&path, job).kind = Some(FileKind::Directory));
            }
            "file.make" => match text(job, "state") {
                "absent" => self.gone(text(job, "path")),
                "touch" => {
                    self.patch(text(job, "path"), job);
                }
                // What a link leads to only the host knows.
                _ => {}
            },
            _ => {}
        }
    }

    /// The patch of a path, with the attributes that a job sets.
    fn patch(&mut self, path: &str, job: &Job) -> &mut Patch {
        let patch = self.there(path);
        for (name, field) in
            [("mode", &mut patch.mode), ("owner", &mut patch.owner), ("group", &mut patch.group)]
        {
            if let Some(value) = given(job, name) {
                *field = Some(value);
            }
        }
        patch
    }

    fn there(&mut self, path: &str) -> &mut Patch {
        self.files.entry(tidy(path)).or_default().get_or_insert_default()
    }

    pub(super) fn folder(&mut self, path: &str) {
        self.there(path).kind = Some(FileKind::Directory);
    }

    pub(super) fn gone(&mut self, path: &str) {
        let path = tidy(path);
        self.files.retain(|known, _| !known.starts_with(&format!("{path}/")));
        self.files.insert(path, None);
    }

    /// A path as it will be, from what it is; `None`: nothing planned concerns it.
    pub(super) fn file(&self, path: &str, is: &FileStat) -> Option<(FileStat, Option<Arc<[u8]>>)> {
        let path = tidy(path);
        let patch = match self.files.get(&path) {
            Some(Some(patch)) => patch,
            Some(None) => return Some((FileStat::default(), None)),
            None if is.exists => {
                return self.below_gone(&path).then(|| (FileStat::default(), None));
            }
            None => {
                let below = |known: &String| known.starts_with(&format!("{}/", path.trim_end_matches('/')));
                let needed = self.files.iter().any(|(k, left)| below(k) && left.is_some());
                return needed.then(|| (fresh(FileKind::Directory), None));
            }
        };
        let kind = patch.kind.unwrap_or(if is.exists { is.kind } else { FileKind::File });
        let mut will = if is.exists && is.kind == kind { is.clone() } else { fresh(kind) };
        if let Some(bits) =
            patch.mode.as_ref().and_then(|m| mode::apply(m, will.mode, kind == FileKind::Directory))
        {
            will.mode = bits;
        }
        owned(&patch.owner, &mut will.owner, &mut will.uid);
        owned(&patch.group, &mut will.group, &mut will.gid);
        if patch.large {
            (will.sha1, will.sha256, will.content) = (None, None, None);
        }
        Some((will, patch.bytes.clone()))
    }

    fn below_gone(&self, path: &str) -> bool {
        let mut at = path;
        while at != "/" && at != "." {
            at = parent(at);
            match self.files.get(at) {
                Some(None) => return true,
                Some(Some(_)) => return false,
                None => {}
            }
        }
        false
    }
}

/// A new file or folder as root makes it.
fn fresh(kind: FileKind) -> FileStat {
    let mode = if kind == FileKind::Directory { 0o755 } else { 0o644 };
    let root = || "root".to_string();
    FileStat { exists: true, kind, mode, owner: root(), group: root(), nlink: 1, ..FileStat::default() }
}

/// The number of a name is not known here, but that it is another.
fn owned(wanted: &Option<String>, name: &mut String, id: &mut u32) {
    let Some(wanted) = wanted else { return };
    if let Ok(number) = wanted.parse() {
        if *id != number {
            (*id, *name) = (number, String::new());
        }
    } else if wanted != name {
        (*id, *name) = (if wanted == "root" { 0 } else { u32::MAX - 1 }, wanted.clone());
    }
}
