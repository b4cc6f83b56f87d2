//! Source files and positions in them: every value read from a file can say where it stands.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, RwLock};

/// Index of a file in [`Sources`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

/// A range of bytes in one file; `start..end`, both offsets from the file's first byte.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file, among those of one [`Sources`].
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One behind the last byte.
    pub end: u32,
}

impl Span {
    /// From byte offsets, the end exclusive. Offsets beyond 4 GiB are clamped, not refused.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { file, start: clamp(start), end: clamp(end) }
    }
}

/// One file's path and text, with the starts of its lines.
#[derive(Debug)]
pub struct SourceFile {
    /// The path as it is to be shown: relative to the working directory where that is shorter.
    pub path: PathBuf,
    /// All of it, as offsets count.
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceFile {
    fn new(path: PathBuf, text: Arc<str>) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|(i, _)| u32::try_from(i + 1).unwrap_or(u32::MAX)))
            .collect();
        SourceFile { path, text, line_starts }
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.line_starts.partition_point(|s| *s <= offset).max(1);
        let start = self.line_starts[line - 1] as usize;
        let end = (offset as usize).clamp(start, self.text.len());
        let column = self.text.get(start..end).map_or(end - start, |s| s.chars().count());
        (line, column + 1)
    }

    /// Byte offset at which a line (from 1) begins.
    pub fn line_start(&self, line: usize) -> Option<u32> {
        self.line_starts.get(line.checked_sub(1)?).copied()
    }
}

/// All files read in a run. Cheap to clone; append-only, so a [`Span`] never goes stale.
#[derive(Clone, Debug, Default)]
pub struct Sources(
    Arc<RwLock<Vec<Arc<SourceFile>>>>,
    Arc<RwLock<HashMap<PathBuf, StandIn>>>,
    /// Folders of links.
    Arc<RwLock<Vec<PathBuf>>>,
);

/// What is read instead of a file, and what of it counts in a hash.
#[derive(Clone, Debug)]
struct StandIn {
    text: Arc<str>,
    hashed: Arc<str>,
}

impl Sources {
    /// Takes a file that was read; each call makes a new id, also for a path that is known. Paths below the
    /// working directory are shown relative to it.
    pub fn add(&self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> FileId {
        let file = Arc::new(SourceFile::new(self.shown(path.into()), text.into()));
        let mut files = self.0.write().unwrap_or_else(|e| e.into_inner());
        files.push(file);
        FileId(u32::try_from(files.len() - 1).unwrap_or(u32::MAX))
    }

    /// A text that is read instead of a file of this path, which need not be there. `hashed`: what stands for it where
    /// runs are compared, as without the moment at which it was made.
    pub fn stand_in(&self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>, hashed: impl Into<Arc<str>>) {
        let text = StandIn { text: text.into(), hashed: hashed.into() };
        self.1.write().unwrap_or_else(|e| e.into_inner()).insert(key(&path.into()), text);
    }

    /// What of a file counts in a hash.
    pub fn hashed(&self, file: &SourceFile) -> Arc<str> {
        let all = self.1.read().unwrap_or_else(|e| e.into_inner());
        let found = all.get(&key(&file.path));
        found.map_or_else(|| Arc::clone(&file.text), |stands| Arc::clone(&stands.hashed))
    }

    /// What stands for a file, where something does.
    pub fn standing_in(&self, path: &Path) -> Option<Arc<str>> {
        self.1
            .read()
            .unwrap_or_else(|e| e.into_inner())
            .get(&key(path))
            .map(|stands| Arc::clone(&stands.text))
    }

    /// The file of an id of this collection; ids of another one panic or give another file.
    pub fn get(&self, id: FileId) -> Arc<SourceFile> {
        let files = self.0.read().unwrap_or_else(|e| e.into_inner());
        Arc::clone(&files[id.0 as usize])
    }

    /// A temporary folder of links to files elsewhere: what is read there goes by the names of those.
    pub fn staged(&self, folder: &Path) {
        self.2.write().unwrap_or_else(|e| e.into_inner()).push(folder.to_path_buf());
    }

    fn shown(&self, path: PathBuf) -> PathBuf {
        let staged = self.2.read().unwrap_or_else(|e| e.into_inner()).iter().any(|f| path.starts_with(f));
        shown_path(if staged { path.canonicalize().unwrap_or(path) } else { path })
    }

    /// The file that was read from a path.
    pub fn find(&self, path: &Path) -> Option<FileId> {
        let shown = self.shown(path.to_path_buf());
        let files = self.0.read().unwrap_or_else(|e| e.into_inner());
        let at = files.iter().position(|f| f.path == shown)?;
        u32::try_from(at).ok().map(FileId)
    }

    /// Every file read so far, in the order of reading.
    pub fn all(&self) -> Vec<Arc<SourceFile>> {
        self.0.read().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// `path:line:column` of a span's start.
    pub fn location(&self, span: Span) -> String {
        let file = self.get(span.file);
        let (line, column) = file.line_column(span.start);
        format!("{}:{line}:{column}", file.path.display())
    }
}

/// Parts of names whose values are not shown.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "login_pass",
];

/// A line of a playbook with what looks like a secret's value starred out, its length kept: `password: *****`.
pub fn without_secrets(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find([':', '=']) {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let name = before[..at].trim_end_matches(['"', '\'', ' ']);
        let start =
            name.rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.')).map_or(0, |i| i + 1);
        let name = name[start..].to_ascii_lowercase();
        if !SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
            continue;
        }
        let lead = rest.len() - rest.trim_start().len();
        out.push_str(&rest[..lead]);
        rest = &rest[lead..];
        let length = value_length(rest, before.ends_with('='));
        // A template names a variable, which is no secret; its value is redacted elsewhere.
        if rest.starts_with("{{") || rest.starts_with("\"{{") || rest.starts_with("'{{") {
            continue;
        }
        out.extend(rest[..length].chars().map(|_| '*'));
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// How many bytes of a line are the value it begins with.
fn value_length(text: &str, word: bool) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].find(quote).map_or(text.len(), |i| i + 2),
        _ if word => text.find(char::is_whitespace).unwrap_or(text.len()),
        _ => text.find([',', '}']).unwrap_or(text.len()),
    }
}

/// One name for a file, however it is reached.
fn key(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
    }
    out
}

fn shown_path(path: PathBuf) -> PathBuf {
    let Ok(here) = std::env::current_dir() else { return path };
    let shown = path.strip_prefix(&here).unwrap_or(&path);
    shown.strip_prefix(".").unwrap_or(shown).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_in_by_any_name_of_its_path() {
        let sources = Sources::default();
        sources.stand_in("./a/../b.yml", "text", "hashed");
        assert_eq!(sources.standing_in(Path::new("b.yml")).as_deref(), Some("text"));
        let file = sources.add("b.yml", "text");
        assert_eq!(&*sources.hashed(&sources.get(file)), "hashed");
    }

    #[test]
    fn values_of_secrets_are_starred_out() {
        let cases = [
            ("  password: hunter2", "  password: *******"),
            (
                "- user: name=bob password=hunter2 state=present",
                "- user: name=bob password=******* state=present",
            ),
            ("  login_password: 'a b', x: 1", "  login_password: *****, x: 1"),
            ("  {api_token: t, b: c}", "  {api_token: *, b: c}"),
            ("  password: \"{{ vaulted }}\"", "  password: \"{{ vaulted }}\""),
            ("  name: password reset", "  name: password reset"),
            ("  dest: /etc/motd", "  dest: /etc/motd"),
        ];
        for (line, shown) in cases {
            assert_eq!(without_secrets(line), shown);
        }
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let sources = Sources::default();
        let id = sources.add("x.yml", "a: é b\nc: d\n");
        let at = |offset| sources.get(id).line_column(offset);
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(6), (1, 6), "é is two bytes and one column");
        assert_eq!(at(8), (2, 1));
        assert_eq!(sources.location(Span::new(id, 11, 12)), "x.yml:2:4");
    }
}
