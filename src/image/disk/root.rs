//! The root file system: made, held ready, provisioned, cleaned.

use super::super::BakeError;
use super::super::manifest::listing;
use super::super::options::Source;
use super::super::plays::host_vars;
use super::super::tools::{command, enclosed, run};
use super::options::Place;
use super::{State, booted};
use crate::base::maker::Maker;
use crate::exec::options::Mode;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::process::Child;

const BASE: &str = include_str!("base.sh");
const HOLDER: &str = concat!(include_str!("names.sh"), include_str!("holder.sh"));
const CLEAN: &str = include_str!("clean.sh");
/// Where Debian keeps certificates its administrator added.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";
/// For the process that holds the mounts, when it is to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Begins the names of folders of bakes; process and its start follow.
const DRAFT: &str = ".bake-";

/// What makes a root file system a machine that can be reached.
const PACKAGES: [&str; 10] = [
    "ca-certificates",
    "dbus",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "openssh-server",
    "procps",
    "systemd-resolved",
    "systemd-sysv",
    "udev",
];

/// What a disk needs to boot; a container needs none of it.
const BOOT: [&str; 6] = [
    "grub-common",
    "grub-efi-amd64-bin",
    "grub-pc-bin",
    "grub2-common",
    "initramfs-tools",
    "linux-image-cloud-amd64",
];

/// The process whose mounts the root file system has while it is provisioned.
pub struct Holder {
    child: Child,
    pid: u32,
}

fn io(doing: &Path) -> impl FnOnce(std::io::Error) -> BakeError + '_ {
    move |error| BakeError::failed(doing.display().to_string(), error)
}

/// A folder whose name says whose it is.
pub fn draft_name(out: &Path) -> PathBuf {
    let random: u32 = rand::random();
    let out = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
    out.join(format!("{DRAFT}{}-{random:08x}", Maker::this().mark()))
}

/// Folders of bakes whose process is gone: what a kill leaves, or `--keep-on-error`.
pub fn dead(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out).into_iter().flatten().flatten();
    entries.filter(|e| gone(&e.file_name().to_string_lossy())).map(|e| e.path()).collect()
}

/// Removes the folders of bakes whose process is gone, and their cgroups.
///
/// # Errors
/// A folder cannot be removed.
pub fn sweep(out: &Path) -> Result<(), BakeError> {
    for draft in dead(out) {
        remove_draft(&draft).map_err(|why| BakeError::failed("removing an old bake", why))?;
    }
    booted::sweep(gone);
    Ok(())
}

/// Whether the name is that of a draft whose process is gone.
fn gone(name: &str) -> bool {
    name.strip_prefix(DRAFT).is_some_and(|rest| !Maker::of(rest).is_some_and(Maker::alive))
}

pub fn make_draft(state: &mut State) -> Result<(), BakeError> {
    fs::create_dir_all(&state.draft).map_err(io(&state.draft))?;
    fs::set_permissions(&state.draft, fs::Permissions::from_mode(0o700)).map_err(io(&state.draft))
}

/// Ends what still runs in the folder's root file system, then removes the folder.
pub fn remove_draft(draft: &Path) -> Result<(), String> {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let inside = fs::read_link(entry.path().join("root")).is_ok_and(|root| root.starts_with(draft));
        if let Some(pid) = rustix::process::Pid::from_raw(pid).filter(|_| inside) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match fs::remove_dir_all(draft) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                if Instant::now() > deadline {
                    return Err(format!("{}: {e}", draft.display()));
                }
                // What was killed may write until the kernel has ended it; it is not our child, so nothing tells.
                std::thread::sleep(Duration::from_millis(20));
            }
            _ => return Ok(()),
        }
    }
}

/// Makes the root file system that the source names.
pub async fn make(state: &mut State) -> Result<(), BakeError> {
    let (order, root) = (state.order.clone(), state.root());
    let cancel = &order.plays.cancel;
    let path = root.display().to_string();
    match &order.image.source {
        Source::Debootstrap { suite, variant, packages, mirror } => {
            let script = state.draft.join("base.sh");
            fs::write(&script, BASE).map_err(io(&script))?;
            let mut names: Vec<&str> =
                PACKAGES.into_iter().chain(packages.iter().map(String::as_str)).collect();
            names.extend(BOOT.into_iter().filter(|_| super::boots(&order)));
            names.sort_unstable();
            names.dedup();
            let include = format!("--include={}", names.join(","));
            let variant = format!("--variant={variant}");
            let hook = format!("--customize-hook=sh '{}' \"$1\" '{CERTIFICATES}'", script.display());
            // The lists stay for the plays, and go with the cleaning.
            let kept = "--skip=cleanup/apt/lists";
            let mut args = vec!["--mode=root", "--format=directory", kept];
            args.extend([&variant, &include, &hook, suite.as_str(), &path]);
            args.extend(mirror.as_deref());
            run(enclosed("mmdebstrap", &args), None, cancel).await?;
        }
        Source::Tarball { from, sha256 } => super::source::unpack(state, from, sha256.as_deref()).await?,
        // Refused before.
        Source::Elsewhere => {}
    }
    state.before = listing(&root);
    state.before.retain(|path, _| !path.starts_with("var/lib/apt/lists"));
    let policy = root.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n").map_err(io(&policy))?;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)).map_err(io(&policy))
}

/// Mounts what programs expect, in a namespace that goes with its process.
pub async fn hold(state: &mut State) -> Result<(), BakeError> {
    if state.options.place == Place::Booted {
        return booted::start(state).await;
    }
    let failed = |why: String| BakeError::failed("preparing the root file system", why);
    let root = state.root().display().to_string();
    let mut command =
        command("unshare", &["--mount", "--propagation", "private", "sh", "-c", HOLDER, "holder", &root]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
    let pid = child.id().ok_or_else(|| failed("it ended at once".into()))?;
    let mut out = child.stdout.take();
    let mut err = child.stderr.take();
    state.holder = Some(Holder { child, pid });
    let mut said = [0; 16];
    let length = match &mut out {
        Some(out) => out.read(&mut said).await.map_err(|e| failed(e.to_string()))?,
        None => 0,
    };
    if said[..length].starts_with(b"ready") {
        return Ok(());
    }
    let mut text = String::new();
    if let Some(err) = &mut err {
        let _ = err.read_to_string(&mut text).await;
    }
    Err(failed(text))
}

/// Lets the mounts go.
pub async fn release(state: &mut State) -> Result<(), String> {
    booted::stop(state).await?;
    let Some(mut holder) = state.holder.take() else { return Ok(()) };
    drop(holder.child.stdin.take());
    // Its mounts go with it, however it ends.
    let ended = match tokio::time::timeout(PATIENCE, holder.child.wait()).await {
        Ok(ended) => ended.map(drop),
        Err(_) => holder.child.kill().await,
    };
    ended.map_err(|e| format!("process {}: {e}", holder.pid))
}

/// Carries the plays out in the chroot or container.
pub async fn provision(state: &mut State) -> Result<(), BakeError> {
    let (connection, place) = match (&state.container, &state.holder) {
        (Some(container), _) => ("nspawn", format!("/proc/{}/root", container.leader)),
        (None, holder) => {
            let pid = holder.as_ref().map_or(0, |holder| holder.pid);
            ("chroot", format!("/proc/{pid}/root{}", state.root().display()))
        }
    };
    let vars = [("ansible_connection", connection.into()), ("ansible_host", place.into())];
    state.order.plays.run(Mode::Apply, host_vars("disk", "bake", &vars)).await.map(drop)
}

/// Takes out what belongs to one machine, and looks that it is out.
pub async fn clean(state: &mut State) -> Result<(), BakeError> {
    release(state).await.map_err(|why| BakeError::failed("ending the chroot", why))?;
    let (order, root) = (state.order.clone(), state.root());
    let script = state.draft.join("clean.sh");
    fs::write(&script, CLEAN).map_err(io(&script))?;
    let (script, path) = (script.display().to_string(), root.display().to_string());
    if order.image.clean {
        for what in ["clean", "check"] {
            let mut args = vec![script.as_str(), &path, what];
            args.extend(order.image.keep.iter().map(String::as_str));
            let left = run(command("sh", &args), None, &order.plays.cancel).await?;
            if !left.trim().is_empty() {
                return Err(BakeError::failed("cleaning", left.trim()));
            }
        }
    } else {
        fs::remove_file(root.join("usr/sbin/policy-rc.d")).map_err(io(&root))?;
    }
    Ok(())
}
