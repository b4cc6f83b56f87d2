//! The folder of a build's keys on this machine: gone with the build, and by `fitout gc` after a kill.

use crate::base::maker::Maker;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Begins the folders' names; the process, and the Unix time when the build's last machine has ended itself, follow.
const PREFIX: &str = "fitout-bake-";

/// A fresh folder that only its owner reads, of a build whose machines have ended themselves after `lifetime`.
pub fn folder(lifetime: Duration) -> std::io::Result<tempfile::TempDir> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = now.saturating_add(lifetime).as_secs();
    tempfile::Builder::new().prefix(&format!("{PREFIX}{}-{expires}-", Maker::this().mark())).tempdir()
}

/// Folders of this user whose process is gone and that nobody needs for a look any more: their build's machines have ended,
/// or they are `older_than` that.
pub fn dead(older_than: Option<Duration>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_dead(path, older_than)).collect()
}

fn is_dead(path: &Path, older_than: Option<Duration>) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let Ok(meta) = path.symlink_metadata() else { return false };
    let (Some(maker), Some(expires)) = (Maker::of(rest), rest.split('-').nth(2)) else { return false };
    let expires = expires.parse().map(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let age = meta.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
    let over = expires.is_ok_and(|at| at.is_some_and(|at| at < SystemTime::now()))
        || older_than.is_some_and(|limit| age >= limit);
    let own = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
    own && over && !maker.alive()
}
