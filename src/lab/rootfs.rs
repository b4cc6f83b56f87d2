//! The root file systems that hosts boot from: made once by mmdebstrap, named by the hash of what they are made of.

use super::{LabError, LabOptions, StateDir, apt, host, io, run, sweep, vm};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const CUSTOMIZE: &str = include_str!("rootfs.sh");
const VM_EARLY: &str = include_str!("vm_early.sh");
const VM_CUSTOMIZE: &str = include_str!("vm_root.sh");

/// What a kernel of its own adds: Debian's smallest one that runs on virtual hardware.
const VM_PACKAGES: [&str; 2] = ["initramfs-tools", "linux-image-cloud-amd64"];

/// Size of a virtual machine's disk; it takes what is written.
const DISK: &str = "8G";

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
    vm: bool,
}

impl Recipe {
    fn new(options: &LabOptions) -> Self {
        let python = ["python3", "python3-apt"].into_iter().filter(|_| options.with_python);
        let kernel = VM_PACKAGES.into_iter().filter(|_| options.vm.is_some());
        let own = options.packages.iter().map(String::as_str);
        let mut packages: Vec<String> =
            PACKAGES.into_iter().chain(python).chain(kernel).chain(own).map(Into::into).collect();
        packages.sort();
        packages.dedup();
        Recipe {
            suite: options.suite.clone(),
            packages,
            sources: apt::sources(&options.suite),
            settings: apt::settings(),
            vm: options.vm.is_some(),
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
        if self.vm {
            hash.update([VM_EARLY, VM_CUSTOMIZE, DISK].join("\n"));
        }
        let hex: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}{}-{hex}", self.suite, if self.vm { "-vm" } else { "" })
    }
}

/// The root file system for these options; built when it is not there yet. Two labs that want the same one wait for
/// one build.
pub(super) fn ensure(state: &StateDir, options: &LabOptions) -> Result<PathBuf, LabError> {
    if let Some(root) = &options.root {
        return std::path::absolute(root).map_err(io("cannot use", root));
    }
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
        if recipe.vm {
            build_disk(&recipe, &draft)?
        } else {
            build(&recipe, &draft)?
        }
        fs::rename(&draft, &ready).map_err(io("cannot rename", &draft))?;
    }
    Ok(ready)
}

/// What the lab's own root file systems have and one from elsewhere lacks, by path: writable cgroups, and a network that
/// is left as it is.
pub(super) fn additions() -> [(&'static str, &'static str); 3] {
    let unit = CUSTOMIZE.split_once("fitout-lab-cgroups.service\" <<'END'\n").map_or("", |(_, rest)| rest);
    [
        (
            "etc/systemd/system/fitout-lab-cgroups.service",
            unit.split_once("END\n").map_or("", |(unit, _)| unit),
        ),
        ("etc/systemd/system/sysinit.target.d/fitout-lab.conf", "[Unit]\nWants=fitout-lab-cgroups.service\n"),
        ("etc/systemd/network/00-lab.network", "[Match]\nName=host0\n[Link]\nUnmanaged=yes\n"),
    ]
}

fn build(recipe: &Recipe, draft: &Path) -> Result<(), LabError> {
    note!("lab: making a root file system of {} with mmdebstrap, once", recipe.suite);
    let work = tempfile::tempdir().map_err(io("cannot use", Path::new("the temporary folder")))?;
    let hook = |name: &str, text: &str, more: &str| {
        let script = work.path().join(name);
        fs::write(&script, text).map_err(io("cannot write", &script))?;
        Ok(format!("sh '{}' \"$1\"{more}", script.display()))
    };
    let mut args = vec!["--mode=root".into(), "--variant=minbase".into(), "--format=directory".into()];
    args.push(format!("--include={}", recipe.packages.join(",")));
    let certificates = format!(" '{CERTIFICATES}'");
    args.push(format!("--customize-hook={}", hook("customize.sh", CUSTOMIZE, &certificates)?));
    if recipe.vm {
        args.push(format!("--essential-hook={}", hook("early.sh", VM_EARLY, "")?));
        args.push(format!("--customize-hook={}", hook("vm.sh", VM_CUSTOMIZE, "")?));
    }
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

/// A folder with disk, kernel and initrd; of the root file system only what hosts are prepared by stays beside them.
fn build_disk(recipe: &Recipe, draft: &Path) -> Result<(), LabError> {
    fs::create_dir_all(draft).map_err(io("cannot make", draft))?;
    let parts = vm::Parts::at(draft);
    let root = parts.root();
    build(recipe, &root)?;
    for (prefix, to) in [("vmlinuz-", parts.kernel()), ("initrd.img-", parts.initrd())] {
        let from = boot_file(&root, prefix)?;
        fs::copy(&from, &to).map_err(io("cannot copy", &from))?;
    }
    let (from, to) = (root.display().to_string(), parts.disk().display().to_string());
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-L", "root", "-d", &from, &to, DISK], None)?;
    for part in ["boot", "usr"] {
        host::remove_tree(&root.join(part))?;
    }
    Ok(())
}

/// The only file of this name in `/boot`.
fn boot_file(root: &Path, prefix: &str) -> Result<PathBuf, LabError> {
    let boot = root.join("boot");
    let entries = fs::read_dir(&boot).map_err(io("cannot read", &boot))?;
    let found = entries.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let missing = || io("cannot use", &boot)(std::io::Error::other(format!("it holds no {prefix}*")));
    found.map(|entry| entry.path()).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_unit_for_cgroups_is_found_in_the_script() {
        let [(_, unit), ..] = super::additions();
        assert!(unit.starts_with("[Unit]\n") && unit.ends_with("WantedBy=sysinit.target\n"), "{unit}");
    }
}
