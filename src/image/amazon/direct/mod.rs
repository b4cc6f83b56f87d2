//! The builder `amazon-direct`: a disk image made on this machine becomes an AMI, with no instance: its blocks are
//! written into a snapshot (EBS direct), and the snapshot is registered.

pub mod blocks;
mod upload;

use super::super::options::Format;
use super::super::steps::{self, Ending, OnError, Step, StepFuture};
use super::super::{BakeError, Baked, Builder, BuilderFuture, Order, disk};
use super::builder::{self, InJournal};
use super::{Artifact, Begun, Build, Options, publish};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::RegisterImageInputBuilder, types};
use crate::cloud::kinds_images::{Image, Snapshot};
use crate::cloud::{Identity, Kind, Session, Tags};
use crate::exec::Cancel;
use blocks::{Blocks, Start};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// `-b amazon-direct`: a disk image is made on this machine as `disk` does it, and its blocks are sent.
pub struct AmazonDirect;

impl Builder for AmazonDirect {
    fn name(&self) -> &'static str {
        "amazon-direct"
    }

    fn bake(&self, order: Arc<Order>) -> BuilderFuture<'_> {
        Box::pin(bake(order))
    }
}

/// How long the service may take over a snapshot that was written.
const LIMIT: Duration = Duration::from_secs(3600);
const ROOT: &str = "/dev/xvda";

/// What is to be uploaded, and how.
pub struct Upload {
    /// A raw disk on this machine; holes are not sent.
    pub file: PathBuf,
    /// Where the blocks go.
    pub blocks: Arc<dyn Blocks>,
}

struct Written(Arc<Upload>);

impl Step<Build> for Written {
    fn name(&self) -> &str {
        "snapshot"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let file = &self.0.file;
            let bytes = std::fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?.len();
            let op = build.temporary().op();
            build.snapshot = Some(Begun { op: op.clone(), thing: None });
            let account = Arc::clone(&build.account);
            let start = Start {
                gib: i64::try_from(bytes.div_ceil(1 << 30)).unwrap_or(1).max(1),
                description: build.options.ami_name.clone(),
                token: op.token(),
                tags: op.tags(&build.options.snapshot_tags),
                encrypted: build.options.encrypt,
                kms_key: build.options.kms_key.clone(),
            };
            account
                .note(&serde_json::json!({"create": Snapshot::NAME, "op": op.id, "region": account.region}));
            let (id, size) = self.0.blocks.start(start).await.map_err(|e| e.to_string())?;
            account.manner.note_made(&id);
            let begun =
                types::Snapshot::builder().snapshot_id(&id).state(types::SnapshotState::Pending).build();
            build.snapshot = Some(Begun { op, thing: Some(account.snapshots.put(begun)) });
            upload::upload(&self.0.blocks, &id, file, size).await?;
            completed(build, &id).await
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            // An image that stays, under another name than its own, is made of it.
            let used = build.home.old_gone && !build.home.settled;
            match build.snapshot.take() {
                Some(begun) if !succeeded && !used => {
                    super::instance::take_back(&build.account, &build.account.snapshots, begun).await
                }
                _ => Ok(()),
            }
        })
    }

    fn holds(&self, build: &Build) -> Option<String> {
        let snapshot = build.snapshot.as_ref()?.thing.as_ref()?;
        Some(format!("snapshot {}", Snapshot::id(snapshot)))
    }
}

async fn completed(build: &Build, id: &str) -> Result<(), String> {
    let account = &build.account;
    let ready = |seen: Option<&Arc<types::Snapshot>>| match seen?.state()? {
        types::SnapshotState::Completed => Some(Ok(())),
        types::SnapshotState::Error => {
            Some(Err(format!("snapshot {id}: {}", seen?.state_message().unwrap_or("no reason is given"))))
        }
        _ => None,
    };
    let done = account.snapshots.until(&*account.ec2, &account.manner, id, LIMIT, ready).await;
    done.map_err(|e| e.to_string())?
}

struct Registered;

impl Step<Build> for Registered {
    fn name(&self) -> &str {
        "image"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let snapshot =
                build.snapshot.as_ref().and_then(|s| s.thing.as_ref()).ok_or("there is no snapshot")?;
            let snapshot = Snapshot::id(snapshot).to_string();
            let op = build.temporary().op();
            build.home.image = Some(Begun { op: op.clone(), thing: None });
            let (account, options) = (&build.account, &build.options);
            let size = options.launch_disks.first().and_then(|d| d.volume_size);
            let disk = types::EbsBlockDevice::builder()
                .snapshot_id(&snapshot)
                .set_volume_size(size)
                .volume_type(types::VolumeType::Gp3)
                .delete_on_termination(true);
            let disk = types::BlockDeviceMapping::builder().device_name(ROOT).ebs(disk.build()).build();
            let none = Tags::new();
            let tags = if build.early_tags() { &options.tags } else { &none };
            let name = build.first_name();
            let send = || -> CallFuture<'_, types::Image> {
                let input = RegisterImageInputBuilder::default()
                    .name(&name)
                    .description(&options.ami_description)
                    .architecture(types::ArchitectureValues::X8664)
                    .virtualization_type("hvm")
                    .root_device_name(ROOT)
                    .block_device_mappings(disk.clone())
                    .ena_support(options.ena_support.unwrap_or(true))
                    .boot_mode(types::BootModeValues::UefiPreferred)
                    .imds_support(types::ImdsSupportValues::V20)
                    .tag_specifications(op.specification(types::ResourceType::Image, tags));
                let name = name.clone();
                Box::pin(async move {
                    let made = account.ec2.register_image(input).await?;
                    let image = types::Image::builder().set_image_id(made.image_id).name(name);
                    Ok(image.state(types::ImageState::Pending).build())
                })
            };
            let made = account.create(&account.images, &op, &send).await.map_err(|e| e.to_string())?;
            let id = Image::id(&made).to_string();
            build.home.image = Some(Begun { op: op.clone(), thing: Some(made) });
            let image = super::ami::available(&build.account, &id, build.options.image_limit).await?;
            build.home.image = Some(Begun { op, thing: Some(image) });
            let region = build.account.region.clone();
            build.artifacts.push(Artifact { region, id, snapshots: vec![snapshot] });
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if succeeded {
                return Ok(());
            }
            build.artifacts.clear();
            build.home.undo(&build.options).await
        })
    }

    fn holds(&self, build: &Build) -> Option<String> {
        Some(format!("image {}", Image::id(build.home.made()?)))
    }
}

/// Makes an image of a disk's file. The artifacts are in the build afterwards.
pub async fn register(
    build: &mut Build,
    upload: Upload,
    cancel: &Cancel,
    on_error: OnError,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Ending {
    let mut steps: Vec<Box<dyn Step<Build>>> =
        vec![Box::new(Written(Arc::new(upload))), Box::new(Registered)];
    if build.home.old.is_some() {
        steps.push(Box::new(publish::Named));
    }
    publish::last(&build.options, &mut steps);
    steps::run(&steps, build, cancel, on_error, tell).await
}

/// What a builder without an instance does not ask for.
fn options(order: &Order) -> Result<Options, String> {
    builder::options(order, &builder::before(order), &["source_ami", "instance_type", "ssh_username"])
}

async fn bake(order: Arc<Order>) -> Result<Baked, BakeError> {
    let Some(mut order) = Arc::into_inner(order) else {
        return Err(BakeError::failed("amazon-direct", "the order is in use elsewhere"));
    };
    let options = options(&order).map_err(BakeError::Input)?;
    let mut build = begin(&order, options).await?;
    // An image that is there, or a name that is taken, is found before anything is made.
    super::source::there(&mut build).await.map_err(|e| BakeError::failed("name", e))?;
    if build.found {
        let manifest = builder::of(&order, &build, &[]);
        return Ok(Baked { ending: Ending::default(), manifest: Some(manifest), found: true });
    }
    let out = order.out.clone();
    let draft = Draft(disk::draft_name(&out));
    std::fs::create_dir_all(&draft.0).map_err(|e| BakeError::failed("a folder for the disk", e))?;
    order.out.clone_from(&draft.0);
    order.image.formats = vec![Format::Raw];
    let order = Arc::new(order);
    let made = disk::Disk.bake(Arc::clone(&order)).await?;
    let Some(mut manifest) = made.manifest.clone().filter(|_| made.ending.ok()) else { return Ok(made) };
    let blocks = Arc::new(blocks::Service::of(&build.account));
    let times: Mutex<Vec<(String, Instant)>> = Mutex::default();
    let tell = |name: &str| {
        times.lock().unwrap_or_else(|e| e.into_inner()).push((name.to_string(), Instant::now()));
        (order.say)(name);
    };
    let file = draft.0.join(format!("{}.raw", order.name));
    let cancel = order.plays.cancel.clone();
    let mut ending = register(&mut build, Upload { file, blocks }, &cancel, order.on_error, &tell).await;
    builder::interrupted(&mut ending, cancel.requested());
    let times = times.into_inner().unwrap_or_else(|e| e.into_inner());
    manifest.timings.extend(super::super::manifest::seconds(&times));
    let whole = builder::of(&order, &build, &[]);
    manifest = super::super::manifest::Manifest {
        name: whole.name,
        builder: whole.builder,
        artifacts: whole.artifacts,
        ..manifest
    };
    let manifest = (ending.failed.is_none() && !ending.interrupted).then_some(manifest);
    if let Some(manifest) = &manifest {
        manifest.write(&out)?;
    }
    Ok(Baked { ending, manifest, found: build.found })
}

async fn begin(order: &Order, options: Options) -> Result<Build, BakeError> {
    let run = builder::run_name();
    let (_stop, never) = tokio::sync::watch::channel(false);
    let session = Arc::new(Session::new(Arc::new(InJournal::of(order, &run)), never));
    let account = session.account(&options.access).await.map_err(|e| BakeError::Input(e.to_string()))?;
    let stack = format!("image/{}", order.title);
    let identity = Identity { stack, node: order.builder.name.clone(), run, ..Identity::default() };
    let mut build = Build::new(options, session, account, identity)
        .map_err(|e| BakeError::failed("a folder for the bake", e))?;
    build.wishes.hash = Some(super::super::sha256_of(&format!("{} direct", order.hash)));
    build.wishes.force = order.force;
    build.hash.clone_from(&build.wishes.hash);
    Ok(build)
}

/// The folder of the disk image; gone with the bake, and by the next one's sweep after a kill.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}
