//! The root file system as a booted container, for plays that start and stop services.
//!
//! It boots to basic.target only, without a network of its own: what the image enables does not start here, and what a
//! package would start when it is installed is held back (policy-rc.d). Only what a play starts runs. The container
//! hangs on its systemd-nspawn, and that on this process, so that all of it ends with us; what is left are empty
//! cgroups, which the next bake removes.

use super::super::BakeError;
use super::super::tools::{command, run};
use super::State;
use crate::exec::cancel::Stop;
use crate::remote::entering;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

const SCRIPT: &str = concat!(include_str!("../../lab/enter.sh"), include_str!("booted.sh"));
const INSIDE: &str = concat!(include_str!("names.sh"), include_str!("inside.sh"));
const CGROUPS: &str = "/sys/fs/cgroup";
const TOP: &str = "fitout-bake";
const LIMIT: Duration = Duration::from_secs(180);

pub struct Container {
    child: Child,
    /// Its first process, as this machine numbers it.
    pub leader: u32,
    name: String,
}

fn failed(why: impl ToString) -> BakeError {
    BakeError::failed("booting the root file system as a container", why)
}

pub async fn start(state: &mut State) -> Result<(), BakeError> {
    let name = state.draft.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let (cgroup, root) = (format!("{TOP}/{name}"), state.root().display().to_string());
    // An abstract address: nothing of it is left, whatever happens.
    let address = SocketAddr::from_abstract_name(&name).map_err(failed)?;
    let notify = UnixDatagram::bind_addr(&address).map_err(failed)?;
    notify.set_nonblocking(true).map_err(failed)?;
    let notify = tokio::net::UnixDatagram::from_std(notify).map_err(failed)?;
    let log = state.draft.join("container.log");
    let console = std::fs::File::create(&log).map_err(failed)?;
    let mut nspawn = command("sh", &["-c", SCRIPT, "booted", &cgroup, &root, name.trim_start_matches('.')]);
    nspawn.env("NOTIFY_SOCKET", format!("@{name}")).env_remove("LD_PRELOAD").env_remove("LD_LIBRARY_PATH");
    nspawn.stdin(Stdio::null()).stderr(console.try_clone().map_err(failed)?).stdout(console);
    let child = nspawn.spawn().map_err(failed)?;
    let container = state.container.insert(Container { child, leader: 0, name });
    let ready = ready(container, &notify);
    let order = &state.order;
    tokio::select! {
        ready = tokio::time::timeout(LIMIT, ready) => ready.unwrap_or(Err("it took too long".into())),
        () = order.plays.cancel.wait(Stop::Cleanly) => return Err(BakeError::Interrupted),
    }
    .map_err(|why| failed(format!("{why}\n{}\nhint: `provision: chroot` does without", last(&log))))?;
    let mut inside = within(state.container.as_ref().map_or(0, |c| c.leader), INSIDE);
    inside.env("servers", servers()).env_remove("LD_PRELOAD").env_remove("LD_LIBRARY_PATH");
    run(inside, None, &state.order.plays.cancel).await.map(drop)
}

/// A shell script in the container of this first process.
fn within(leader: u32, script: &str) -> Command {
    let args = entering(leader, script);
    command("nsenter", &args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Waits until its systemd says that it has booted.
async fn ready(container: &mut Container, notify: &tokio::net::UnixDatagram) -> Result<(), String> {
    let mut buffer = [0; 4096];
    loop {
        let length = tokio::select! {
            length = notify.recv(&mut buffer) => length.map_err(|e| e.to_string())?,
            status = container.child.wait() => {
                return Err(status.map_or_else(|e| e.to_string(), |status| format!("it ended with {status}")));
            }
        };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        for line in text.lines() {
            if let Some(pid) = line.strip_prefix("X_NSPAWN_LEADER_PID=").and_then(|pid| pid.parse().ok()) {
                container.leader = pid;
            }
        }
        if text.lines().any(|line| line == "READY=1") && container.leader != 0 {
            return Ok(());
        }
    }
}

/// This machine's name servers, as they can be reached from elsewhere.
fn servers() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let own = read("/etc/resolv.conf");
    let stub = own.lines().any(|l| {
        l.strip_prefix("nameserver").is_some_and(|s| s.trim().starts_with("127.") || s.trim() == "::1")
    });
    let behind = read("/run/systemd/resolve/resolv.conf");
    if stub && !behind.is_empty() { behind } else { own }
}

/// The end of what the container wrote on its console.
fn last(log: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// Shuts it down as a machine is shut down; what takes too long is ended.
pub async fn stop(state: &mut State) -> Result<(), String> {
    let Some(mut container) = state.container.take() else { return Ok(()) };
    if container.leader != 0 {
        let mut ask = within(container.leader, "exec systemctl --no-block poweroff");
        let ask = ask.stdout(Stdio::null()).stderr(Stdio::null());
        let _ = tokio::time::timeout(LIMIT / 3, async {
            if ask.status().await.is_ok_and(|status| status.success()) {
                let _ = container.child.wait().await;
            }
        })
        .await;
    }
    // It has ended by now, or does at once.
    let _ = container.child.kill().await;
    remove_cgroups(&container.name);
    Ok(())
}

/// Removes a container's cgroups: empty folders, as its processes are gone.
fn remove_cgroups(name: &str) {
    for folder in folders().into_iter().map(|hierarchy| hierarchy.join(TOP)) {
        for entry in walkdir::WalkDir::new(folder.join(name)).contents_first(true).into_iter().flatten() {
            if entry.file_type().is_dir() {
                let _ = std::fs::remove_dir(entry.path());
            }
        }
        // Another bake may have one in it.
        let _ = std::fs::remove_dir(folder);
    }
}

/// The cgroups of bakes that are gone, which `gone` tells by their name.
pub fn sweep(gone: impl Fn(&str) -> bool) {
    for folder in folders() {
        for entry in std::fs::read_dir(folder.join(TOP)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if gone(&name) {
                remove_cgroups(&name);
            }
        }
    }
}

/// Where cgroups are mounted: at one place in version 2, below it in version 1.
fn folders() -> Vec<PathBuf> {
    let below = std::fs::read_dir(CGROUPS).into_iter().flatten().flatten().map(|entry| entry.path());
    below.filter(|path| !path.is_symlink()).chain([PathBuf::from(CGROUPS)]).collect()
}
