//! A root directory without a booted host: what a test needs that runs `sh` in a chroot, at the price of one mount.

use super::{LabError, LabOptions, StateDir, host, io, rootfs, run, supported, sweep};
use crate::base::maker::Maker;
use std::fs;
use std::path::{Path, PathBuf};

/// An overlay over a lab's root file system; gone when dropped.
#[derive(Debug)]
pub struct Root {
    dir: PathBuf,
}

impl Root {
    /// Mounts a fresh root of the default state directory.
    pub fn new(options: &LabOptions) -> Result<Root, LabError> {
        supported()?;
        let state = StateDir::from_env();
        let lower = rootfs::ensure(&state, options)?;
        // The name says whose it is, so that what a killed process left can be told from what is in use.
        let parent = state.path().join("roots");
        fs::create_dir_all(&parent).map_err(io("cannot make", &parent))?;
        let dir = tempfile::Builder::new()
            .prefix(&format!("{}-", Maker::this().mark()))
            .tempdir_in(&parent)
            .map_err(io("cannot use", &parent))?;
        let root = Root { dir: dir.keep() };
        for layer in ["upper", "work", "root"] {
            let path = root.dir.join(layer);
            fs::create_dir(&path).map_err(io("cannot make", &path))?;
        }
        let (at, shown) = (root.dir.display(), lower.display());
        let layers = format!("lowerdir={shown},upperdir={at}/upper,workdir={at}/work,volatile");
        let point = root.path().display().to_string();
        run("mount", &["-t", "overlay", "-o", &layers, "fitout-lab", &point], None)?;
        Ok(root)
    }

    /// The root directory.
    pub fn path(&self) -> PathBuf {
        self.dir.join("root")
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.dir) {
            note!("{error}");
        }
    }
}

fn remove(dir: &Path) -> Result<(), LabError> {
    sweep::unmount_below(dir)?;
    host::remove_tree(dir)
}

/// Removes the roots whose process is gone.
pub(super) fn sweep(state: &StateDir) -> Result<(), LabError> {
    for entry in fs::read_dir(state.path().join("roots")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !Maker::of(&name).is_some_and(Maker::alive) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}
