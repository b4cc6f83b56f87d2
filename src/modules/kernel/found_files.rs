//! The files that a probe found: what is read at boot, links resolved, one of them replaced by what it shall be.

use super::boot::{self, Boot, BootFile};
use crate::modules::text::TextFile;
use crate::remote::Output;

/// What is read at boot, as the probe found it.
pub struct Files {
    files: Vec<BootFile>,
    /// Links among them: path and what it comes to.
    links: Vec<(String, String)>,
    last: Option<String>,
}

impl Files {
    pub fn read(output: &Output) -> Files {
        let listed = output.field("boot", "files").unwrap_or_default();
        let lines = output.field("boot", "lines").unwrap_or_default();
        let mut files: Vec<BootFile> = Vec::new();
        for path in listed.lines().filter(|p| !p.is_empty()) {
            let own = lines.lines().filter_map(|l| l.strip_prefix(path)?.strip_prefix(':')?.split_once(':'));
            let own = own.filter_map(|(n, text)| Some((n.parse().ok()?, text)));
            let own = own.flat_map(|(n, text)| boot::parts(text).map(move |part| (n, part)));
            files.push(BootFile { path: path.to_string(), lines: own.collect() });
        }
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let links = output.records().filter(|(item, _, _)| *item == b"link");
        let links = links.map(|(_, path, target)| (text(path), text(target))).collect();
        Files { files, links, last: output.field("boot", "last") }
    }

    /// The outcome when the file had this content.
    pub fn with(&self, file: &TextFile, content: &str) -> Boot {
        let is_it = |path: &str| {
            path == file.path || self.links.iter().any(|(link, target)| link == path && *target == file.path)
        };
        let mut files = self.files.clone();
        let mut there = false;
        for one in files.iter_mut().filter(|f| is_it(&f.path)) {
            there = true;
            one.lines = BootFile::new("", content).lines;
        }
        if !there {
            files.push(BootFile::new(&file.path, content));
        }
        boot::effective(
            &files,
            self.last.as_slice().iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
        )
    }

    /// Those that count, in their order.
    pub fn read_at_boot(&self) -> Vec<&BootFile> {
        boot::order(&self.files)
    }

    /// Why a file that looks as if it was read at boot is not; `None` for files elsewhere.
    pub fn unread(&self, path: &str) -> Option<String> {
        let (dir, name) = path.rsplit_once('/')?;
        if path == "/etc/sysctl.conf" {
            return Some("as nothing in /etc/sysctl.d links to it (Debian 13 and later)".into());
        }
        if !boot::DIRS.contains(&dir) {
            return None;
        }
        if !name.ends_with(".conf") {
            return Some("as its name does not end in .conf".into());
        }
        let other = self.files.iter().find(|f| f.path != path && boot::base(&f.path) == name);
        other.map(|f| format!("as {} hides it", f.path))
    }
}
