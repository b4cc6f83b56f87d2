//! The hosts' cgroups: by them the processes of a host are found, also when nothing else is known of it.

use super::{LabError, StateDir};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

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

/// Kills what is in the cgroup, then removes it from every hierarchy.
pub(super) fn kill(lab: &str, path: &str) -> Result<(), LabError> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let alive = processes(path);
        end(&alive, deadline);
        let dirs = hierarchies().into_iter().map(|h| h.join(path));
        let left: Vec<PathBuf> = dirs.filter(|dir| !rmdir_tree(dir)).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let what = match processes(path) {
                alive if alive.is_empty() => format!("cgroups {left:?}"),
                alive => format!("processes {alive:?} do not end"),
            };
            return Err(LabError::Leftover { lab: lab.into(), what });
        }
        // Nobody tells when the kernel lets an empty cgroup go.
        if alive.is_empty() {
            std::thread::yield_now();
        }
    }
}

/// Kills processes and waits until they have ended, or the deadline. They need not be our children.
pub(super) fn end(pids: &[u32], deadline: Instant) {
    let pids = pids.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?));
    // One that has gone meanwhile is what is wanted.
    let ending: Vec<OwnedFd> = pids.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect();
    for process in &ending {
        let _ = pidfd_send_signal(process, Signal::KILL);
    }
    // A thread of its own: the caller may be inside a runtime.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                // What has not ended by then is found in what is left.
                let _ = runtime
                    .block_on(async { tokio::time::timeout_at(deadline.into(), all_ended(ending)).await });
            }
        });
    });
}

// Unsound for types that lie about what they own; an OwnedFd does not, and its successor is an unsafe function.
#[expect(deprecated, reason = "the safe way to wait for an OwnedFd")]
async fn all_ended(processes: Vec<OwnedFd>) {
    for process in processes {
        // Readable when the process has ended.
        if let Ok(process) = AsyncFd::with_interest(process, Interest::READABLE) {
            let _ = process.readable().await;
        }
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
