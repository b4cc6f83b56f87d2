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

pub use root::draft_name;

use super::manifest::{Listing, Manifest};
use super::steps::{self, Step, StepFuture};
use super::{BakeError, Baked, Builder, BuilderFuture, Order, tools};
use std::path::PathBuf;
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
        Box::pin(async move { (self.perform)(state).await.map_err(|error| error.to_string()) })
    }

    fn undo<'a>(&'a self, state: &'a mut State, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        (self.undo)(state, succeeded)
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

const TOOLS: [tools::Tool; 14] = [
    ("mmdebstrap", "mmdebstrap"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("chroot", "coreutils"),
    ("sfdisk", "fdisk"),
    ("mkfs.vfat", "dosfstools"),
    ("mmd", "mtools"),
    ("mcopy", "mtools"),
    ("mke2fs", "e2fsprogs"),
    ("debugfs", "e2fsprogs"),
    ("qemu-img", "qemu-utils"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("ssh-keygen", "openssh-client"),
    ("tar", "tar"),
];

async fn bake(order: Arc<Order>) -> Result<Baked, BakeError> {
    if !rustix::process::geteuid().is_root() {
        return Err(BakeError::Input("the disk builder needs root\nhint: sudo fitout bake …".into()));
    }
    tools::need(&TOOLS)?;
    let options = options::Options::new(&order)?;
    if options.place == options::Place::Booted {
        tools::need(&[("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux")])?;
    }
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
