//! The hosts' cgroups: by them the processes of a host are found, also when nothing else is known of it.

use super::{LabError, StateDir};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MOUNT: &str = "/sys/fs/cgroup";
const TOP: &str = "fitout-lab";

/// Where hierarchies are mounted: one in version 2, one a controller in version 1.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(MOUNT);
    let folders = fs::read_dir(MOUNT).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = if root.join("cgroup.procs").exists() {
        vec![root]
    } else {
        // Links such as `cpu` -> `cpu,cpuacct` are the same hierarchy again.
        folders.filter(|path| !path.is_symlink() && path.join("cgroup.procs").exists()).collect()
    };
    found.sort();
    found
}

/// `TAG/LAB/HOST`, the path of a host's cgroup below each hierarchy's `fitout-lab`.
pub(super) fn host_path(state: &StateDir, lab: &str, host: &str) -> String {
    format!("{TOP}/{}/{lab}/{host}", state.tag())
}

/// Labs that have cgroups, whatever the state directory says.
pub(super) fn labs(state: &StateDir) -> Vec<String> {
    let tops = hierarchies().into_iter().map(|h| h.join(TOP).join(state.tag()));
    let mut names: Vec<String> = tops.flat_map(|top| children(&top)).collect();
    names.sort();
    names.dedup();
    names
}

fn children(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Processes of a cgroup and all below it.
pub(super) fn processes(path: &str) -> Vec<u32> {
    let mut pids: Vec<u32> = hierarchies().iter().flat_map(|h| below(&h.join(path))).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn below(dir: &Path) -> Vec<u32> {
    walkdir::WalkDir::new(dir)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_dir())
        .filter_map(|entry| fs::read_to_string(entry.path().join("cgroup.procs")).ok())
        .flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<u32>>())
        .filter(|pid| *pid != 0)
        .collect()
}

/// The host's systemd: of the processes in its `init.scope`, the one whose own namespace calls it 1.
pub(super) fn leader(path: &str) -> Option<u32> {
    hierarchies().into_iter().find_map(|h| {
        let box_dir = h.join(path).join("box");
        let scopes = [box_dir.join("payload/init.scope"), box_dir.join("init.scope")];
        scopes.iter().flat_map(|scope| below(scope)).find(|pid| first_in_namespace(*pid))
    })
}

/// The emulator of a host that is a virtual machine.
pub(super) fn emulator(path: &str) -> Option<u32> {
    let named = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("qemu-system"))
    };
    processes(&format!("{path}/box")).into_iter().find(named)
}

fn first_in_namespace(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    line.split_whitespace().next_back() == Some("1")
}

/// Kills what is in the cgroup and waits until it is empty, then removes it from every hierarchy.
/// The wait is the kernel's own time to tear processes down; there is no event for it in version 1.
pub(super) fn kill(lab: &str, path: &str) -> Result<(), LabError> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let alive = processes(path);
        if alive.is_empty() {
            break;
        }
        alive.iter().for_each(|pid| kill_process(*pid));
        if Instant::now() > deadline {
            let what = format!("processes {alive:?} do not end");
            return Err(LabError::Leftover { lab: lab.into(), what });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    remove(path, deadline, lab)
}

/// Kills one process. One that has gone meanwhile is what is wanted.
pub(super) fn kill_process(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn remove(path: &str, deadline: Instant, lab: &str) -> Result<(), LabError> {
    loop {
        let left: Vec<PathBuf> =
            hierarchies().iter().map(|h| h.join(path)).filter(|dir| !rmdir_tree(dir)).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(LabError::Leftover { lab: lab.into(), what: format!("cgroups {left:?}") });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Removes a cgroup with all below it; true when it is gone.
fn rmdir_tree(dir: &Path) -> bool {
    for entry in walkdir::WalkDir::new(dir).contents_first(true).into_iter().flatten() {
        if entry.file_type().is_dir() {
            let _ = fs::remove_dir(entry.path());
        }
    }
    !dir.exists()
}

/// Removes the lab's cgroup and, when they are empty, those above it.
pub(super) fn remove_lab(state: &StateDir, lab: &str) {
    for hierarchy in hierarchies() {
        let top = hierarchy.join(TOP);
        for dir in [top.join(state.tag()).join(lab), top.join(state.tag()), top] {
            let _ = fs::remove_dir(dir);
        }
    }
}

/// Hosts of a lab that have cgroups.
pub(super) fn hosts(state: &StateDir, lab: &str) -> Vec<String> {
    let dirs = hierarchies().into_iter().map(|h| h.join(TOP).join(state.tag()).join(lab));
    let mut names: Vec<String> = dirs.flat_map(|dir| children(&dir)).collect();
    names.sort();
    names.dedup();
    names
}
