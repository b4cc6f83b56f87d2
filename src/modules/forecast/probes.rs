//! The forecast laid over what the probes of files found.

use super::{Forecast, record};
use crate::modules::files::{hex, parent, sha1};
use crate::remote::files::{FileKind, FileStat, stats};
use crate::remote::{Job, Output};
use base64::Engine;
use sha2::Digest;

impl Forecast {
    pub(super) fn amend_stat(&self, probe: &Job, output: &mut Output) -> bool {
        let seen = stats(output);
        let paths: Vec<String> =
            probe.args.iter().filter_map(|a| String::from_utf8(a.clone()).ok()).collect();
        let mut foreseen = false;
        for (at, path) in paths.iter().enumerate() {
            let is = seen.get(path.as_bytes()).cloned().unwrap_or_default();
            let will = self.file(path, &is).or_else(|| {
                // A package brings the folder that its configuration is put in. Who asks for a file asks for its folder
                // behind it; what is asked for before what it may hold is a place that may be either, mostly a file.
                let holds = paths[..at].iter().any(|p| p != path && parent(p) == path);
                let brought = !is.exists && holds && self.brings(path);
                brought.then(|| {
                    (FileStat { mode: 0o755, kind: FileKind::Directory, exists: true, ..is.clone() }, None)
                })
            });
            let Some((will, bytes)) = will else { continue };
            if will == is && bytes.is_none() {
                continue;
            }
            foreseen = true;
            without(output, path);
            tell(output, probe, path, &will, bytes.as_deref());
        }
        foreseen
    }

    fn brings(&self, folder: &str) -> bool {
        folder.split('/').skip(1).any(|part| !part.is_empty() && self.package_like(part))
    }

    pub(super) fn amend_text(&self, probe: &Job, output: &mut Output) -> bool {
        let mut foreseen = false;
        for item in probe.args.iter().filter_map(|a| std::str::from_utf8(a).ok()) {
            foreseen |= self.amend_one_text(item, output);
        }
        foreseen
    }

    fn amend_one_text(&self, item: &str, output: &mut Output) -> bool {
        let mut foreseen = false;
        let known = output.field(item, "path").unwrap_or_else(|| item.to_string());
        let home = item.strip_prefix('~').and_then(|rest| {
            let (user, below) = rest.split_once('/').unwrap_or((rest, ""));
            let user = self.thing(&format!("user:{user}"))??;
            Some((user.get("home")?.as_str()?.to_string(), below))
        });
        let path = match home {
            Some((home, below)) if output.field(item, "user").is_none_or(|u| u.is_empty()) => {
                let path = format!("{home}/{below}");
                record(output, item, "user", b"planned");
                record(output, item, "path", path.as_bytes());
                foreseen = true;
                path
            }
            _ => known,
        };
        let folder = FileStat { exists: output.field(item, "dir").is_some(), ..FileStat::default() };
        if let Some((folder, _)) = self.file(parent(&path), &folder).filter(|(f, _)| f.exists) {
            let stat = format!("{:o} {} {}", folder.mode, folder.uid, folder.gid);
            record(output, item, "dir", stat.as_bytes());
            foreseen = true;
        }
        let Some((will, bytes)) = self.file(&path, &text_stat(item, output)) else { return foreseen };
        if !will.exists {
            let kept = ["user", "path", "dir"].map(|key| (key, output.field(item, key)));
            without(output, item);
            for (key, value) in kept {
                if let Some(value) = value {
                    record(output, item, key, value.as_bytes());
                }
            }
            return true;
        }
        // Attributes alone may be foreseen; then the content is as it was found.
        if bytes.is_some() || output.field(item, "exists").is_none() {
            record(output, item, "exists", b"1");
            record(output, item, "content", bytes.as_deref().unwrap_or_default());
            let stat = format!("{:o} {} {}", will.mode, will.owner, will.group);
            record(output, item, "stat", stat.as_bytes());
            foreseen = true;
        }
        foreseen
    }
}

/// What the probe of a text found of the file.
fn text_stat(item: &str, output: &Output) -> FileStat {
    let stat = output.field(item, "stat").unwrap_or_default();
    let mut words = stat.split_whitespace();
    let mode = words.next().and_then(|mode| u32::from_str_radix(mode, 8).ok()).unwrap_or_default();
    let mut name = || words.next().unwrap_or_default().to_string();
    FileStat {
        exists: output.field(item, "exists").is_some(),
        mode,
        owner: name(),
        group: name(),
        ..FileStat::default()
    }
}

/// Takes an item's records out.
fn without(output: &mut Output, item: &str) {
    let mut kept = Vec::with_capacity(output.stdout.len());
    for (of, key, value) in output.records().filter(|(of, _, _)| *of != item.as_bytes()) {
        for part in [of, key, value] {
            kept.extend_from_slice(part);
            kept.push(0);
        }
    }
    output.stdout = kept;
}

/// A path's records as the probe would tell them.
fn tell(output: &mut Output, probe: &Job, path: &str, will: &FileStat, bytes: Option<&[u8]>) {
    let wish = |name: &str| String::from_utf8_lossy(probe.value(name).unwrap_or_default()).into_owned();
    if !will.exists {
        return record(output, path, "exists", b"0");
    }
    record(output, path, "exists", b"1");
    let kind: u32 = match will.kind {
        FileKind::File => 0o100_000,
        FileKind::Directory => 0o040_000,
        FileKind::Link => 0o120_000,
        FileKind::Fifo => 0o010_000,
        FileKind::Socket => 0o140_000,
        FileKind::Block => 0o060_000,
        FileKind::Char => 0o020_000,
    };
    let size = bytes.map_or(will.size, |b| b.len() as u64);
    let FileStat { uid, gid, mtime, atime, ctime, inode, dev, nlink, owner, group, .. } = will;
    let fields = format!(
        "{:x}\n{uid}\n{gid}\n{size}\n{mtime}\n{atime}\n{ctime}\n{inode}\n{dev}\n{nlink}\n{owner}\n{group}",
        kind | will.mode
    );
    record(output, path, "stat", fields.as_bytes());
    if let Some(target) = &will.target {
        record(output, path, "link", target);
    }
    for (key, label) in [("context", &will.context), ("flags", &will.flags)] {
        if let Some(label) = label {
            record(output, path, key, label.as_bytes());
        }
    }
    let sums = wish("sums");
    for kind in sums.split_whitespace() {
        let sum = match (kind, bytes) {
            ("sha1", Some(bytes)) => Some(sha1(bytes)),
            (_, Some(bytes)) => Some(hex(&sha2::Sha256::digest(bytes))),
            ("sha1", None) => will.sha1.clone(),
            (_, None) => will.sha256.clone(),
        };
        if let Some(sum) = sum {
            record(output, path, kind, sum.as_bytes());
        }
    }
    let limit: Option<usize> = wish("max").parse().ok();
    let content = bytes.or(will.content.as_deref());
    if let Some(content) = content.filter(|c| limit.is_some_and(|l| c.len() <= l)) {
        let packed = base64::engine::general_purpose::STANDARD.encode(content);
        record(output, path, "content64", packed.as_bytes());
    }
}
