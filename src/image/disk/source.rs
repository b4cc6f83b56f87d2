//! Where a root file system comes from that is not made here: a tarball, or the disk of a machine (raw or qcow2).
//!
//! A disk is read by the programs of its file system, without a loop device and without a mount: `debugfs` copies what is
//! in it, and file capabilities, which it passes over, are put back.

use super::super::manifest::sha256;
use super::super::tools::{command, run};
use super::super::{BakeError, Order};
use super::State;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Types of partitions that hold a root file system, the likeliest first.
const ROOTS: [&str; 3] =
    ["4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "83"];
const CAPABILITY: &str = "security.capability";

/// What a file is, by its first bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Kind {
    Tar,
    Qcow2,
    /// A disk, with or without a partition table.
    Raw,
}

fn io(doing: &Path) -> impl FnOnce(std::io::Error) -> BakeError + '_ {
    move |error| BakeError::failed(doing.display().to_string(), error)
}

/// Puts what the file or URL holds into the root folder.
pub async fn unpack(state: &State, from: &str, wanted: Option<&str>) -> Result<(), BakeError> {
    let (order, root) = (&state.order, state.root());
    fs::create_dir_all(&root).map_err(io(&root))?;
    let file = fetch(state, from).await?;
    if let Some(wanted) = wanted {
        let seen = sha256(&file).map_err(io(&file))?;
        if seen != wanted {
            return Err(BakeError::failed(from, format!("its SHA-256 is {seen}, not {wanted}")));
        }
    }
    let (path, to) = (file.display().to_string(), root.display().to_string());
    match kind(&file).map_err(io(&file))? {
        Kind::Tar => {
            let args = ["-C", &to, "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", &path];
            run(command("tar", &args), None, &order.plays.cancel).await.map(drop)
        }
        Kind::Raw => disk(order, &path, &root).await,
        Kind::Qcow2 => {
            let raw = state.draft.join("source.raw").display().to_string();
            let args = ["convert", "-q", "-f", "qcow2", "-O", "raw", &path, &raw];
            run(command("qemu-img", &args), None, &order.plays.cancel).await?;
            disk(order, &raw, &root).await?;
            fs::remove_file(&raw).map_err(io(Path::new(&raw)))
        }
    }
}

/// A file of this machine as it is, one behind a URL downloaded by curl.
async fn fetch(state: &State, from: &str) -> Result<PathBuf, BakeError> {
    if !from.contains("://") {
        return Ok(PathBuf::from(from));
    }
    let file = state.draft.join("source");
    let to = file.display().to_string();
    let args = ["--fail", "--silent", "--show-error", "--location", "--output", &to, "--", from];
    run(command("curl", &args), None, &state.order.plays.cancel).await?;
    Ok(file)
}

fn kind(path: &Path) -> std::io::Result<Kind> {
    let mut file = File::open(path)?;
    let mut head = [0; 1024 + 64];
    let mut length = 0;
    while length < head.len() {
        match file.read(&mut head[length..])? {
            0 => break,
            n => length += n,
        }
    }
    let is = |at: usize, bytes: &[u8]| head.get(at..at + bytes.len()) == Some(bytes);
    Ok(match () {
        () if is(0, b"QFI\xfb") => Kind::Qcow2,
        () if is(257, b"ustar") => Kind::Tar,
        () if is(512, b"EFI PART") || is(510, &[0x55, 0xaa]) || is(1024 + 56, &[0x53, 0xef]) => Kind::Raw,
        // Compressed: tar finds out by itself, or says what it is not.
        () => Kind::Tar,
    })
}

/// Copies the root file system of a disk.
async fn disk(order: &Order, path: &str, root: &Path) -> Result<(), BakeError> {
    let cancel = &order.plays.cancel;
    let table = run(command("sfdisk", &["--json", path]), None, cancel).await;
    let start = match table {
        Ok(text) => root_start(&text).ok_or_else(|| {
            BakeError::failed(path, "none of its partitions is of a type that holds Linux' root file system")
        })?,
        Err(BakeError::Interrupted) => return Err(BakeError::Interrupted),
        // No table: the file system itself.
        Err(_) => 0,
    };
    let magic = read_at(Path::new(path), start + 1024 + 56, 2).map_err(io(Path::new(path)))?;
    if magic != [0x53, 0xef] {
        return Err(BakeError::failed(path, format!("what is at byte {start} is no ext2, ext3 or ext4")));
    }
    let place = format!("{path}?offset={start}");
    let words = format!("rdump / \"{}\"\n", root.display());
    run(command("debugfs", &["-f", "-", &place]), Some(&words), cancel).await?;
    let lost = root.join("lost+found");
    let _ = fs::remove_dir(&lost);
    privileges(order, &place, root).await
}

fn read_at(path: &Path, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Where the root partition begins, in bytes; of several of the likeliest type the largest.
fn root_start(table: &str) -> Option<u64> {
    let json: serde_json::Value = serde_json::from_str(table).ok()?;
    let table = &json["partitiontable"];
    let sector = table["sectorsize"].as_u64().unwrap_or(512);
    let partitions = table["partitions"].as_array()?;
    let of = |kind: &str| {
        let fits = |p: &&serde_json::Value| p["type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case(kind));
        partitions.iter().filter(fits).max_by_key(|p| p["size"].as_u64())
    };
    let root = ROOTS.iter().find_map(|kind| of(kind))?;
    Some(root["start"].as_u64()? * sector)
}

/// Puts back what reading loses of files that can be executed: setuid and setgid bits, and capabilities.
async fn privileges(order: &Order, place: &str, root: &Path) -> Result<(), BakeError> {
    let walk = walkdir::WalkDir::new(root).into_iter().flatten().filter(|e| e.file_type().is_file());
    let names = walk.filter_map(|entry| {
        let executable = entry.metadata().ok()?.permissions().mode() & 0o111 != 0;
        let name = entry.path().strip_prefix(root).ok()?.to_str()?.to_string();
        (executable && !name.contains(['"', '\n'])).then_some(name)
    });
    let names: Vec<String> = names.collect();
    // Two lists: what `stat` says of a file holds its attributes too.
    let ask = |word: &str| names.iter().map(|name| format!("{word} \"/{name}\"\n")).collect::<String>();
    let cancel = &order.plays.cancel;
    let said = run(command("debugfs", &["-f", "-", place]), Some(&ask("stat")), cancel).await?;
    for (name, mode) in modes(&said) {
        let path = root.join(name.trim_start_matches('/'));
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(io(&path))?;
    }
    let said = run(command("debugfs", &["-f", "-", place]), Some(&ask("ea_list")), cancel).await?;
    for (name, value) in attributes(&said) {
        let path = root.join(name.trim_start_matches('/'));
        rustix::fs::setxattr(&path, CAPABILITY, &value, rustix::fs::XattrFlags::empty())
            .map_err(|errno| io(&path)(errno.into()))?;
    }
    Ok(())
}

/// Files with setuid or setgid and their modes, of what debugfs says to a list of `stat`.
fn modes(said: &str) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut name = "";
    for line in said.lines() {
        if let Some(asked) = line.strip_prefix("debugfs: stat ") {
            name = asked.trim().trim_matches('"');
        } else if let Some((_, rest)) =
            line.split_once("Type: regular").and_then(|(_, r)| r.split_once("Mode:"))
            && let Some(mode) = rest.split_whitespace().next().and_then(|m| u32::from_str_radix(m, 8).ok())
            && mode & 0o6000 != 0
        {
            found.push((name.to_string(), mode & 0o7777));
        }
    }
    found
}

/// Files and their capabilities, of what debugfs says to a list of `ea_list`.
fn attributes(said: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut name = "";
    for line in said.lines() {
        if let Some(asked) = line.strip_prefix("debugfs: ea_list ") {
            name = asked.trim().trim_matches('"');
        } else if let Some((_, hex)) = line
            .trim()
            .strip_prefix(CAPABILITY)
            .filter(|rest| rest.starts_with(" ("))
            .and_then(|rest| rest.split_once(" = "))
        {
            let bytes = hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16));
            if let Ok(bytes) = bytes.collect::<Result<Vec<u8>, _>>() {
                found.push((name.to_string(), bytes));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let of = |at: usize, bytes: &[u8]| {
            let mut all = vec![0; at];
            all.extend_from_slice(bytes);
            let path = dir.path().join("x");
            fs::write(&path, all).unwrap();
            kind(&path).unwrap()
        };
        assert_eq!(of(0, b"QFI\xfb\0\0\0\x03"), Kind::Qcow2);
        assert_eq!(of(257, b"ustar"), Kind::Tar);
        assert_eq!(of(0, &[0x1f, 0x8b]), Kind::Tar);
        assert_eq!(of(512, b"EFI PART"), Kind::Raw);
        assert_eq!(of(510, &[0x55, 0xaa]), Kind::Raw);
        assert_eq!(of(1080, &[0x53, 0xef]), Kind::Raw);
    }

    #[test]
    fn the_root_is_the_partition_of_its_type_or_the_largest_of_linux() {
        let table = |partitions: &str| {
            format!(r#"{{"partitiontable":{{"sectorsize":512,"partitions":[{partitions}]}}}}"#)
        };
        let small = r#"{"start":2048,"size":10,"type":"0FC63DAF-8483-4772-8E79-3D69D8477DE4"}"#;
        let large = r#"{"start":4096,"size":90,"type":"0fc63daf-8483-4772-8e79-3d69d8477de4"}"#;
        let root = r#"{"start":8192,"size":5,"type":"4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"}"#;
        let swap = r#"{"start":1,"size":900,"type":"82"}"#;
        assert_eq!(root_start(&table(&format!("{small},{large},{swap}"))), Some(4096 * 512));
        assert_eq!(root_start(&table(&format!("{small},{large},{root}"))), Some(8192 * 512));
        assert_eq!(root_start(&table(swap)), None);
    }

    #[test]
    fn modes_are_read_from_what_debugfs_says() {
        let of = |name: &str, mode: &str| {
            format!("debugfs: stat \"{name}\"\nInode: 12   Type: regular    Mode:  {mode}   Flags: 0x80000\n")
        };
        let said = of("/usr/bin/true", "0755") + &of("/usr/bin/su", "04755") + &of("/usr/bin/chage", "02755");
        assert_eq!(modes(&said), [("/usr/bin/su".into(), 0o4755), ("/usr/bin/chage".into(), 0o2755)]);
    }

    #[test]
    fn capabilities_are_read_from_what_debugfs_says() {
        let said = "debugfs: ea_list \"/usr/bin/true\"\ndebugfs: ea_list \"/usr/bin/ping\"\nExtended attributes:\n  \
                    security.capability (20) = 01 00 00 02 00 20 \n";
        assert_eq!(attributes(said), [("/usr/bin/ping".to_string(), vec![1, 0, 0, 2, 0, 32])]);
    }
}
