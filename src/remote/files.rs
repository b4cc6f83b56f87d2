//! Files on a host: what is there, and putting content in place atomically.

use super::job::{Content, Job, MIXED, Output, Script, Status};
use base64::Engine;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

static STAT: LazyLock<Arc<Script>> = LazyLock::new(|| {
    let text = concat!(include_str!("scripts/take.sh"), include_str!("scripts/stat.sh"));
    Script::for_each_with("files.stat", text, &["follow", "sums", "max", "labels"])
});
pub(super) static WRITE: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("files.write", include_str!("scripts/write_file.sh")));

pub(super) static FOLDERS: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("files.folders", include_str!("scripts/make_folders.sh")));

/// Exit status of [`write_file_job`]: the folder is missing.
pub const RC_NO_DIRECTORY: i32 = 70;
/// Exit status of [`write_file_job`]: a directory is in the file's place.
pub const RC_IS_DIRECTORY: i32 = 71;
/// Exit status of [`write_file_job`]: the `validate` command refused the content.
pub const RC_INVALID: i32 = 72;
/// Exit status of [`write_file_job`]: the file is not what `expect` says; nothing was written.
pub const RC_CHANGED: i32 = 75;

/// What must still be in a file's place for it to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there, or nothing.
    #[default]
    Any,
    /// Nothing is there.
    Absent,
    /// The hexadecimal SHA-1 of the content that the decision was made on.
    Sha1(String),
}

/// A file to be put in place with all its content. Of the rest, what is `None` stays as it is; a new file gets 0644 and the
/// shell's user.
#[derive(Clone, Debug)]
pub struct WriteFile {
    /// Any bytes but NUL; a `~user/` in front is resolved on the host.
    pub path: Vec<u8>,
    /// In the place of all that is in it.
    pub content: Content,
    /// Octal or symbolic, as `chmod` takes it.
    pub mode: Option<String>,
    /// A name or a number.
    pub owner: Option<String>,
    /// A name or a number.
    pub group: Option<String>,
    /// Keep a copy of what was there; its name is emitted as `backup_file`.
    pub backup: bool,
    /// A command with `%s` for the temporary file, run without a shell's expansions.
    pub validate: Option<String>,
    /// Looked at on the host, directly before the file is put in place.
    pub expect: Expect,
    /// Where renaming is impossible (a file mounted by itself), overwrite in place.
    pub unsafe_writes: bool,
    /// Write to what a symbolic link points to instead of replacing the link.
    pub follow: bool,
}

impl WriteFile {
    /// A write of `content` to `path` (any bytes but NUL) and nothing else, whatever is there.
    pub fn new(path: impl AsRef<[u8]>, content: Content) -> WriteFile {
        WriteFile {
            path: path.as_ref().to_vec(),
            content,
            mode: None,
            owner: None,
            group: None,
            backup: false,
            validate: None,
            expect: Expect::Any,
            unsafe_writes: false,
            follow: false,
        }
    }
}

/// The variable that holds a random word for the temporary file: two jobs that differ in it alone do the same.
pub const CHANCE: &str = "temp";

/// Whether a job that writes a file found it changed since it was looked at, and left it as it was.
pub fn found_changed(job: &Job, output: &Output) -> bool {
    job.script.name == WRITE.name && output.status == Status::Done && output.rc == RC_CHANGED
}

/// The job that writes a file: temporary beside it, synced, owner and mode set, validated, renamed.
///
/// It emits, under the path given, `backup_file` and `written`. A file that changed meanwhile ends it with
/// [`RC_CHANGED`]. A content file that cannot be read fails when the job is submitted.
pub fn write_file_job(file: WriteFile) -> Job {
    let size = match &file.content {
        Content::Bytes(bytes) => Some(bytes.len() as u64),
        Content::File(path) => std::fs::metadata(path).ok().map(|m| m.len()),
    };
    let expect = match &file.expect {
        Expect::Any => "",
        Expect::Absent => "absent",
        Expect::Sha1(sum) => sum,
    };
    Job::new(&WRITE)
        .var("item", &file.path)
        .var("path", &file.path)
        .var(CHANCE, format!("{:016x}", rand::random::<u64>()))
        .var("size", size.map(|s| s.to_string()).unwrap_or_default())
        .var("mode", file.mode.unwrap_or_default())
        .var("owner", file.owner.unwrap_or_default())
        .var("group", file.group.unwrap_or_default())
        .flag("backup", file.backup)
        .var("validate", file.validate.map(|v| validation(&v)).unwrap_or_default())
        .var("expect", expect)
        .flag("unsafe", file.unsafe_writes)
        .flag("follow", file.follow)
        .stdin(file.content)
}

/// Owner, group and mode of folders that are made. What is `None` is the shell's: its user, and what its umask leaves.
#[derive(Clone, Debug, Default)]
pub struct FolderAttributes {
    /// Octal.
    pub mode: Option<String>,
    /// A name or a number.
    pub owner: Option<String>,
    /// A name or a number.
    pub group: Option<String>,
}

/// The job that makes folders with all that is missing on the way to them; what is there stays as it is.
///
/// It emits `made` under each path given, and ends at the first that cannot be made.
pub fn folders_job<P: AsRef<[u8]>>(paths: impl IntoIterator<Item = P>, attributes: FolderAttributes) -> Job {
    Job::new(&FOLDERS)
        .var("mode", attributes.mode.unwrap_or_default())
        .var("owner", attributes.owner.unwrap_or_default())
        .var("group", attributes.group.unwrap_or_default())
        .args(paths)
}

/// The command as quoted shell words, `%s` standing for the temporary file.
fn validation(command: &str) -> String {
    let words = crate::base::words::split(command).unwrap_or_else(|_| vec![command.to_string()]);
    let quoted = words.iter().map(|word| {
        let parts: Vec<String> = word.split("%s").map(super::quote::quote).collect();
        parts.join("\"$tmp\"")
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// What [`stat_job`] shall find out beside the attributes.
#[derive(Clone, Debug, Default)]
pub struct StatOptions {
    /// Look at what a link points to; a link to nowhere is then absent.
    pub follow: bool,
    /// Of files: the hexadecimal SHA-1 of the content.
    pub sha1: bool,
    /// Of files: the hexadecimal SHA-256 of the content.
    pub sha256: bool,
    /// Fetch the content of files up to so many bytes.
    pub content: Option<u64>,
    /// The SELinux context and the flags that `lsattr` shows.
    pub labels: bool,
}

/// What `lstat` says a path is, or `stat` where links are followed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file; also where nothing is there.
    #[default]
    File,
    /// A folder.
    Directory,
    /// A symbolic link that was not followed.
    Link,
    /// A named pipe.
    Fifo,
    /// A socket of the Unix domain.
    Socket,
    /// A block device.
    Block,
    /// A character device.
    Char,
}

/// One path as [`stat_job`] found it. Times are whole seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileStat {
    /// False: all else is without meaning.
    pub exists: bool,
    /// What it is.
    pub kind: FileKind,
    /// The permission bits, 0o7777 at most.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Empty where the id has no name.
    pub owner: String,
    /// Empty where the id has no name.
    pub group: String,
    /// Bytes; of a link, the length of its text.
    pub size: u64,
    /// Last change of the content; 0 on hosts without `stat`.
    pub mtime: i64,
    /// Last access; 0 on hosts without `stat`.
    pub atime: i64,
    /// Last change of the attributes; 0 on hosts without `stat`.
    pub ctime: i64,
    /// 0 on hosts without `stat`.
    pub inode: u64,
    /// Number of the device that it is on; 0 on hosts without `stat`.
    pub dev: u64,
    /// Hard links.
    pub nlink: u64,
    /// The text of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// Of a file that can be read, where it was asked for.
    pub sha1: Option<String>,
    /// Of a file that can be read, where it was asked for.
    pub sha256: Option<String>,
    /// Of a file that can be read and is not larger than was asked for.
    pub content: Option<Vec<u8>>,
    /// It is a file, but the user cannot read it.
    pub unreadable: bool,
    /// `user:role:type:level`, on hosts with SELinux when labels were asked for.
    pub context: Option<String>,
    /// The letters that `lsattr` shows, when labels were asked for; empty where the file system has none.
    pub flags: Option<String>,
}

/// The job that looks at paths; [`stats`] reads its output.
pub fn stat_job<P: AsRef<[u8]>>(paths: impl IntoIterator<Item = P>, options: &StatOptions) -> Job {
    let sums = match (options.sha1, options.sha256) {
        (true, true) => "sha1 sha256",
        (true, false) => "sha1",
        (false, true) => "sha256",
        (false, false) => "",
    };
    Job::new(&STAT)
        .flag("follow", options.follow)
        .var("sums", sums)
        .var("max", options.content.map(|m| m.to_string()).unwrap_or_default())
        .flag("labels", options.labels)
        .flag(MIXED, false)
        .args(paths)
}

/// The paths of a [`stat_job`] in its output, by path.
pub fn stats(output: &Output) -> BTreeMap<Vec<u8>, FileStat> {
    let mut all: BTreeMap<Vec<u8>, FileStat> = BTreeMap::new();
    for (path, key, value) in output.records() {
        let stat = all.entry(path.to_vec()).or_default();
        let text = || String::from_utf8_lossy(value).into_owned();
        match key {
            b"exists" => stat.exists = value == b"1",
            b"stat" => stat.read_fields(&text()),
            b"ls" => stat.read_listing(&text()),
            b"link" => stat.target = Some(value.to_vec()),
            b"sha1" => stat.sha1 = Some(text()),
            b"sha256" => stat.sha256 = Some(text()),
            b"unreadable" => stat.unreadable = true,
            b"context" => stat.context = Some(text()),
            b"flags" => stat.flags = Some(text().replace('-', "")),
            b"content" => stat.content = Some(value.to_vec()),
            b"content64" => stat.content = unbase64(value),
            b"contentx" => stat.content = unhex(value),
            _ => {}
        }
    }
    all
}

/// The one path of a [`stat_job`] that was given one.
pub fn stat_of(output: &Output) -> FileStat {
    stats(output).into_values().next().unwrap_or_default()
}

/// Hexadecimal SHA-1, Ansible's `checksum`.
pub fn sha1(bytes: &[u8]) -> String {
    hex(&<sha1::Sha1 as sha1::Digest>::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(packed).ok()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    text.split_ascii_whitespace().map(|h| u8::from_str_radix(h, 16).ok()).collect()
}

impl FileStat {
    /// What `stat -c` was asked for, with line ends or colons between: raw mode, uid, gid, size, mtime, atime, ctime,
    /// inode, device, links, owner, group.
    fn read_fields(&mut self, text: &str) {
        let fields: Vec<&str> = text.split(['\n', ':']).collect();
        let number = |i: usize| fields.get(i).and_then(|f| f.parse::<i64>().ok()).unwrap_or_default();
        let positive = |i: usize| u64::try_from(number(i)).unwrap_or_default();
        let id = |i: usize| u32::try_from(number(i)).unwrap_or_default();
        let raw = fields.first().and_then(|f| u32::from_str_radix(f, 16).ok()).unwrap_or_default();
        let name = |i: usize| fields.get(i).filter(|n| **n != "UNKNOWN").unwrap_or(&"").to_string();
        self.mode = raw & 0o7777;
        self.kind = match raw & 0o170_000 {
            0o040_000 => FileKind::Directory,
            0o120_000 => FileKind::Link,
            0o010_000 => FileKind::Fifo,
            0o140_000 => FileKind::Socket,
            0o060_000 => FileKind::Block,
            0o020_000 => FileKind::Char,
            _ => FileKind::File,
        };
        (self.uid, self.gid, self.size) = (id(1), id(2), positive(3));
        (self.mtime, self.atime, self.ctime) = (number(4), number(5), number(6));
        // Inode numbers may use all 64 bits.
        self.inode = fields.get(7).and_then(|f| f.parse().ok()).unwrap_or_default();
        (self.dev, self.nlink) = (positive(8), positive(9));
        (self.owner, self.group) = (name(10), name(11));
    }

    /// A line of `ls -ldn`, for hosts without `stat`; it knows no times.
    fn read_listing(&mut self, line: &str) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(letters) = fields.first().map(|f| f.as_bytes()).filter(|l| l.len() >= 10) else { return };
        self.kind = match letters[0] {
            b'd' => FileKind::Directory,
            b'l' => FileKind::Link,
            b'p' => FileKind::Fifo,
            b's' => FileKind::Socket,
            b'b' => FileKind::Block,
            b'c' => FileKind::Char,
            _ => FileKind::File,
        };
        let special = [(3, 0o4000), (6, 0o2000), (9, 0o1000)];
        self.mode = (1..10)
            .filter(|i| matches!(letters[*i], b'r' | b'w' | b'x' | b's' | b't'))
            .fold(0, |m, i| m | 0o400 >> (i - 1));
        for (i, bit) in special {
            if matches!(letters[i], b's' | b'S' | b't' | b'T') {
                self.mode |= bit;
            }
        }
        let id = |i: usize| fields.get(i).and_then(|f| f.parse().ok()).unwrap_or_default();
        (self.uid, self.gid) = (id(2), id(3));
        self.nlink = fields.get(1).and_then(|f| f.parse().ok()).unwrap_or_default();
        self.size = fields.get(4).and_then(|f| f.parse().ok()).unwrap_or_default();
    }
}
