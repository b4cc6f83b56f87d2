//! Taking labs down: by what the state says, then by what the kernel still shows.

use super::host::{HostPlan, remove_tree};
use super::state::{self, Record, StateDir};
use super::{LabError, MAKER, MEMBER, cgroup, io, net};
use crate::base::maker::Maker;
use rustix::mount::{UnmountFlags, unmount};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long what is still at work on a lab may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Removes all of a lab. It is no error when some or all of it is gone already.
pub(super) fn lab(state: &StateDir, name: &str) -> Result<(), LabError> {
    state::check_name(name)?;
    // Read once: its file may be among what a go has removed.
    let record = state.read(name)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match take_down(state, name, record.as_ref()) {
            // A program that a killed `up` was just about to start bore no mark yet when we looked. What it mounted since
            // is undone in another go, and by then it is found.
            Err(LabError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::ResourceBusy && Instant::now() < deadline => {}
            other => return other,
        }
    }
}

fn take_down(state: &StateDir, name: &str, record: Option<&Record>) -> Result<(), LabError> {
    let dir = state.lab_dir(name);
    end_making(state, name, record)?;
    for host in cgroup::hosts(state, name) {
        cgroup::kill(name, &cgroup::host_path(state, name, &host))?;
    }
    cgroup::remove_lab(state, name);
    unmount_below(&dir)?;
    net::remove(state, name, record)?;
    if let Some(record) = record {
        (1..=record.hosts).for_each(|index| HostPlan::new(state, record, index).keep_packages());
    }
    {
        let _lock = state.lock("state")?;
        remove_tree(&dir)?;
    }
    net::restore_forwarding(state)
}

/// Ends what is still at work on the lab: an `up` that runs or was killed, the programs it had started, and hosts that
/// have not yet entered their cgroup. After this only the cgroups' own processes can hold the lab.
fn end_making(state: &StateDir, name: &str, record: Option<&Record>) -> Result<(), LabError> {
    let deadline = Instant::now() + PATIENCE;
    let member = format!("{}-{name}", state.tag());
    let unfinished = record.filter(|r| r.maker != Maker::this() && !complete(state, &r.name));
    if let Some(record) = unfinished.filter(|record| record.maker.alive()) {
        cgroup::end(&[record.maker.pid], deadline);
    }
    loop {
        let mut busy = state::processes_marked(MEMBER, &member);
        // A finished maker that lives may be making another lab.
        if let Some(record) = record.filter(|record| unfinished.is_some() || !record.maker.alive()) {
            busy.extend(state::processes_marked(MAKER, &record.maker.mark()));
            busy.extend(record.maker.alive().then_some(record.maker.pid));
        }
        if record.is_some_and(|record| record.maker == Maker::this()) {
            busy.retain(|pid| *pid != std::process::id());
        }
        if busy.is_empty() {
            return Ok(());
        }
        cgroup::end(&busy, deadline);
        if Instant::now() > deadline {
            return Err(LabError::Leftover {
                lab: name.into(),
                what: format!("processes {busy:?} do not end"),
            });
        }
    }
}

/// Whether `up` has come to its end: the known hosts are what it writes last.
fn complete(state: &StateDir, name: &str) -> bool {
    state.lab_dir(name).join("known_hosts").exists()
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

/// Labs whose process ended without taking them down, or without getting them up.
pub(super) fn orphans(state: &StateDir) -> Result<(), LabError> {
    for record in state.records()? {
        if !record.maker.alive() && (record.ephemeral || !complete(state, &record.name)) {
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
