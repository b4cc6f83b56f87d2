//! The `disk` builder: a root file system made by mmdebstrap or taken from elsewhere, provisioned in a chroot or a booted
//! container, written into a bootable disk, booted under qemu.
//!
//! Root is needed, loop devices are not. Services that packages bring are held back (policy-rc.d), kernel parameters are
//! written and not set: what a play says of both is seen to be so when the image has been booted and the play has
//! nothing left to do. A play that starts or stops services runs in a container with its own systemd, others in a
//! chroot. BIOS and EFI both boot: GRUB's own programs make its images.
//!
//! With SOURCE_DATE_EPOCH in the environment nothing in the image is younger, and the same input makes the same image;
//! docs/images.md lists what differs.

mod boot;
mod booted;
mod layout;
mod options;
mod publish;
mod root;
mod source;

pub use root::{dead, draft_name, sweep};

use super::manifest::{Listing, Manifest};
use super::options::{Format, Source};
use super::steps::{self, Step, StepFuture};
use super::{BakeError, Baked, Builder, BuilderFuture, Order, tools};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// `-b disk`: needs root on this machine, and nothing elsewhere.
pub struct Disk;

/// Names of the steps with the times they began.
type Times = Arc<Mutex<Vec<(String, Instant)>>>;

/// What the steps know.
struct State {
    order: Arc<Order>,
    options: options::Options,
    /// All that is temporary.
    draft: PathBuf,
    /// The root file system before it was provisioned.
    before: Listing,
    manifest: Manifest,
    holder: Option<root::Holder>,
    container: Option<booted::Container>,
    machine: Option<boot::Machine>,
    times: Times,
}

impl State {
    fn root(&self) -> PathBuf {
        self.draft.join("root")
    }

    fn disk(&self) -> PathBuf {
        self.draft.join("disk.raw")
    }
}

/// Whether a disk is made. A tarball alone needs none, and its root file system no kernel.
fn boots(order: &Order) -> bool {
    order.image.verify || order.image.formats.iter().any(|format| *format != Format::Tar)
}

/// A step that is a name and two functions.
struct Part {
    name: &'static str,
    perform: for<'a> fn(&'a mut State) -> StepFuture<'a, Result<(), BakeError>>,
    undo: for<'a> fn(&'a mut State, bool) -> StepFuture<'a, Result<(), String>>,
}

impl Step<State> for Part {
    fn name(&self) -> &str {
        self.name
    }

    fn perform<'a>(&'a self, state: &'a mut State) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let draft = state.draft.clone();
            (self.perform)(state).await.map_err(|error| format!("{error}{}", space(&draft)))
        })
    }

    fn undo<'a>(&'a self, state: &'a mut State, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        (self.undo)(state, succeeded)
    }

    fn holds(&self, state: &State) -> Option<String> {
        (self.name == "draft").then(|| format!("all that was made, in {}", state.draft.display()))
    }
}

/// A hint where the folder's file system is full: programs say that in many ways.
fn space(folder: &Path) -> String {
    match rustix::fs::statvfs(folder) {
        Ok(seen) if seen.f_bavail * seen.f_frsize < 1 << 20 => {
            let out = folder.parent().unwrap_or(folder).display();
            format!("\nhint: the file system of {out} is full; `--out` names another folder")
        }
        _ => String::new(),
    }
}

fn nothing(_: &mut State, _: bool) -> StepFuture<'_, Result<(), String>> {
    Box::pin(async { Ok(()) })
}

fn parts() -> Vec<Part> {
    vec![
        Part {
            name: "draft",
            perform: |s| Box::pin(async move { root::make_draft(s) }),
            undo: |s, _| Box::pin(async move { root::remove_draft(&s.draft) }),
        },
        Part { name: "root file system", perform: |s| Box::pin(root::make(s)), undo: nothing },
        Part {
            name: "mounts",
            perform: |s| Box::pin(root::hold(s)),
            undo: |s, _| Box::pin(root::release(s)),
        },
        Part { name: "provision", perform: |s| Box::pin(root::provision(s)), undo: nothing },
        Part { name: "clean", perform: |s| Box::pin(root::clean(s)), undo: nothing },
        Part { name: "disk", perform: |s| Box::pin(publish::disk(s)), undo: nothing },
        Part { name: "boot", perform: |s| Box::pin(boot::boot(s)), undo: |s, _| Box::pin(boot::end(s)) },
        Part { name: "verify", perform: |s| Box::pin(boot::verify(s)), undo: nothing },
        Part {
            name: "publish",
            perform: |s| Box::pin(publish::publish(s)),
            undo: |s, succeeded| Box::pin(async move { publish::unpublish(s, succeeded) }),
        },
    ]
}

impl Builder for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn bake(&self, order: Arc<Order>) -> BuilderFuture<'_> {
        Box::pin(bake(order))
    }
}

/// What every bake needs.
const TOOLS: [tools::Tool; 6] = [
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("chroot", "coreutils"),
    ("tar", "tar"),
    ("sfdisk", "fdisk"),
    ("debugfs", "e2fsprogs"),
];
const FOR_DISK: [tools::Tool; 4] =
    [("mkfs.vfat", "dosfstools"), ("mmd", "mtools"), ("mcopy", "mtools"), ("mke2fs", "e2fsprogs")];
const FOR_BOOT: [tools::Tool; 3] =
    [("qemu-system-x86_64", "qemu-system-x86"), ("ssh-keygen", "openssh-client"), ("ssh", "openssh-client")];

/// Programs that this order needs.
fn needed(order: &Order, place: options::Place) -> Vec<tools::Tool> {
    let image = &order.image;
    let qcow2 = match &image.source {
        Source::Tarball { from, .. } => !from.contains(".tar"),
        _ => false,
    };
    let mut all = TOOLS.to_vec();
    let mut more = |wanted: bool, tools: &[tools::Tool]| all.extend(tools.iter().filter(|_| wanted));
    more(matches!(image.source, Source::Debootstrap { .. }), &[("mmdebstrap", "mmdebstrap")]);
    more(boots(order), &FOR_DISK);
    more(qcow2 || image.formats.contains(&Format::Qcow2), &[("qemu-img", "qemu-utils")]);
    more(image.verify, &FOR_BOOT);
    let container = [("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux")];
    more(place == options::Place::Booted, &container);
    all
}

async fn bake(order: Arc<Order>) -> Result<Baked, BakeError> {
    if !rustix::process::geteuid().is_root() {
        return Err(BakeError::Input("the disk builder needs root\nhint: sudo fitout bake …".into()));
    }
    let options = options::Options::new(&order)?;
    tools::need(&needed(&order, options.place))?;
    root::sweep(&order.out)?;
    let times = Times::default();
    let mut state = State {
        draft: root::draft_name(&order.out),
        order: Arc::clone(&order),
        options,
        before: Listing::new(),
        manifest: Manifest::default(),
        holder: None,
        container: None,
        machine: None,
        times: Arc::clone(&times),
    };
    let steps: Vec<Box<dyn Step<State>>> = parts()
        .into_iter()
        .filter(|part| order.image.verify || !["boot", "verify"].contains(&part.name))
        .map(|part| Box::new(part) as Box<dyn Step<State>>)
        .collect();
    let tell = |name: &str| {
        times.lock().unwrap_or_else(|e| e.into_inner()).push((name.to_string(), Instant::now()));
        (order.say)(name);
    };
    let mut ending = steps::run(&steps, &mut state, &order.plays.cancel, order.on_error, &tell).await;
    // A program that was ended by the interrupt may tell of it before the steps' runner does.
    if order.plays.cancel.requested() && ending.failed.take().is_some() {
        ending.interrupted = true;
    }
    let manifest = ending.ok().then_some(state.manifest);
    Ok(Baked { ending, manifest, found: false })
}
