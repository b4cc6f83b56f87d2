//! The root file systems that hosts boot from: made once by mmdebstrap, named by the hash of what they are made of.

use super::{LabError, LabOptions, StateDir, apt, host, io, run, sweep};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const CUSTOMIZE: &str = include_str!("rootfs.sh");

/// Where Debian keeps certificates its administrator added.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";

const PACKAGES: [&str; 11] = [
    "ca-certificates",
    "dbus",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "openssh-server",
    "procps",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
];

struct Recipe {
    suite: String,
    packages: Vec<String>,
    sources: Vec<(&'static str, String)>,
    settings: Vec<String>,
}

impl Recipe {
    fn new(options: &LabOptions) -> Self {
        let python = ["python3", "python3-apt"].into_iter().filter(|_| options.with_python);
        let own = options.packages.iter().map(String::as_str);
        let mut packages: Vec<String> =
            PACKAGES.into_iter().chain(python).chain(own).map(Into::into).collect();
        packages.sort();
        packages.dedup();
        Recipe {
            suite: options.suite.clone(),
            packages,
            sources: apt::sources(&options.suite),
            settings: apt::settings(),
        }
    }

    fn name(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(CUSTOMIZE);
        hash.update(self.packages.join(","));
        hash.update(self.settings.join("\n"));
        for (_, text) in &self.sources {
            hash.update(text);
        }
        let hex: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{hex}", self.suite)
    }
}

/// The root file system for these options; built when it is not there yet. Two labs that want the same one wait for
/// one build.
pub(super) fn ensure(state: &StateDir, options: &LabOptions) -> Result<PathBuf, LabError> {
    let recipe = Recipe::new(options);
    let dir = state.path().join("rootfs");
    fs::create_dir_all(&dir).map_err(io("cannot make", &dir))?;
    let ready = dir.join(recipe.name());
    let _lock = state.lock(&format!("rootfs-{}", recipe.name()))?;
    if !ready.exists() {
        let draft = dir.join(format!("{}.new", recipe.name()));
        // What a killed build left.
        sweep::unmount_below(&draft)?;
        host::remove_tree(&draft)?;
        build(&recipe, &draft)?;
        fs::rename(&draft, &ready).map_err(io("cannot rename", &draft))?;
    }
    Ok(ready)
}

fn build(recipe: &Recipe, draft: &Path) -> Result<(), LabError> {
    eprintln!("lab: making a root file system of {} with mmdebstrap, once", recipe.suite);
    let work = tempfile::tempdir().map_err(io("cannot use", Path::new("the temporary folder")))?;
    let script = work.path().join("customize.sh");
    fs::write(&script, CUSTOMIZE).map_err(io("cannot write", &script))?;
    let hook = format!("sh '{}' \"$1\" '{CERTIFICATES}'", script.display());
    let mut args = vec!["--mode=root".into(), "--variant=minbase".into(), "--format=directory".into()];
    args.push(format!("--include={}", recipe.packages.join(",")));
    args.push(format!("--customize-hook={hook}"));
    args.extend(recipe.settings.iter().map(|line| format!("--aptopt={line}")));
    args.extend([recipe.suite.clone(), draft.display().to_string()]);
    for (name, text) in &recipe.sources {
        let path = work.path().join(name);
        fs::write(&path, text).map_err(io("cannot write", &path))?;
        args.push(path.display().to_string());
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run("mmdebstrap", &args, None).map(drop)
}
