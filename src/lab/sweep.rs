//! Taking labs down: by what the state says, then by what the kernel still shows.

use super::host::{HostPlan, remove_tree};
use super::state::{self, StateDir};
use super::{LabError, cgroup, io, net};
use rustix::mount::{UnmountFlags, unmount};
use std::fs;
use std::path::{Path, PathBuf};

/// Removes all of a lab. It is no error when some or all of it is gone already.
pub(super) fn lab(state: &StateDir, name: &str) -> Result<(), LabError> {
    state::check_name(name)?;
    let dir = state.lab_dir(name);
    let record = state.read(name)?;
    for host in cgroup::hosts(state, name) {
        cgroup::kill(name, &cgroup::host_path(state, name, &host))?;
    }
    cgroup::remove_lab(state, name);
    unmount_below(&dir)?;
    net::remove(state, name, record.as_ref())?;
    for index in 1..=record.as_ref().map_or(0, |r| r.hosts) {
        if let Some(record) = &record {
            HostPlan::new(state, record, index).keep_packages();
        }
    }
    {
        let _lock = state.lock("state")?;
        remove_tree(&dir)?;
    }
    net::restore_forwarding(state)
}

/// Every lab of the state directory, and every one of which only kernel objects are left.
pub(super) fn all(state: &StateDir) -> Result<Vec<String>, LabError> {
    let mut names = state.names()?;
    names.extend(cgroup::labs(state));
    names.extend(net::links(state).into_iter().map(|(_, lab)| lab));
    names.sort();
    names.dedup();
    for name in &names {
        lab(state, name)?;
    }
    unmount_below(&state.path().join("rootfs"))?;
    unmount_below(&state.path().join("roots"))?;
    remove_tree(&state.path().join("roots"))?;
    Ok(names)
}

/// Labs whose process ended without taking them down.
pub(super) fn orphans(state: &StateDir) -> Result<(), LabError> {
    for record in state.records()? {
        let orphaned = record.owner.is_some_and(|(pid, start)| state::start_time(pid) != Some(start));
        if orphaned {
            // Two test processes may find the same orphan; the one that comes second finds it gone.
            let _lock = state.lock(&format!("sweep-{}", record.net))?;
            lab(state, &record.name)?;
        }
    }
    super::root::sweep(state)
}

/// Unmounts what is mounted at or below a folder, the innermost first.
pub(super) fn unmount_below(dir: &Path) -> Result<(), LabError> {
    let path = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(path).map_err(io("cannot read", path))?;
    let mut points: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(dir))
        .collect();
    points.reverse();
    for point in points {
        match unmount(&point, UnmountFlags::DETACH) {
            Ok(()) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::INVAL) => {}
            Err(errno) => return Err(io("cannot unmount", &point)(errno.into())),
        }
    }
    Ok(())
}
