//! What the modules that make images have in common: waiting, return values, removal with the snapshots.

use super::{Attributes, Cx, find, values};
use crate::base::{List, Map, Value};
use crate::cloud::ec2::types;
use crate::cloud::kinds_images::{Image, Snapshot};
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::{ArgsExt, Failure};
use crate::record;
use std::sync::Arc;
use std::time::Duration;

/// An image of one's own: by its id, by the task's tags, or by its name, which is unique.
pub async fn find(cx: &Cx<'_>, id: Option<&str>) -> Result<Option<Arc<types::Image>>, Failure> {
    let all = cx.account.images.all(&*cx.account.ec2).await?;
    match id {
        Some(id) => Ok(all.into_iter().find(|i| i.image_id() == Some(id))),
        None => find::one::<Image>(cx, &all, |i| cx.text("name").is_some() && i.name() == cx.text("name")),
    }
}

/// The image as it is when it is no longer pending; one that failed says why.
pub async fn ready(cx: &Cx<'_>, image: Arc<types::Image>) -> Result<Arc<types::Image>, Failure> {
    if !cx.args.bool("wait") {
        return Ok(image);
    }
    let account = &cx.account;
    let settled = |seen: Option<&Arc<types::Image>>| {
        seen.filter(|i| !matches!(i.state(), None | Some(types::ImageState::Pending))).map(Arc::clone)
    };
    let limit = Duration::from_secs(cx.args.int("wait_timeout").max(1).unsigned_abs());
    let id = Image::id(&image).to_string();
    let image = account.images.until(&*account.ec2, &account.manner, &id, limit, settled).await?;
    match image.state() {
        Some(types::ImageState::Available) => Ok(image),
        state => Err(Failure::new(format!(
            "the image {id} became {}: {}",
            state.map(|s| s.as_str().to_string()).unwrap_or_default(),
            image.state_reason().and_then(|r| r.message()).unwrap_or("no reason is given")
        ))),
    }
}

/// Ids of the snapshots that the image is made of.
pub fn snapshots(image: &types::Image) -> Vec<String> {
    let ebs = image.block_device_mappings().iter().filter_map(|m| m.ebs());
    ebs.filter_map(|e| e.snapshot_id()).map(str::to_string).collect()
}

/// Deregisters the image; its snapshots go with it where that is asked for, or where they were made with it.
pub async fn remove(
    cx: &Cx<'_>,
    image: &types::Image,
    with_snapshots: bool,
) -> Result<Vec<String>, CallError> {
    let account = &cx.account;
    account.remove(&account.images, Image::id(image)).await?;
    let mut removed = Vec::new();
    for id in snapshots(image) {
        account.snapshots.refresh(&*account.ec2, std::slice::from_ref(&id)).await?;
        let seen = account.snapshots.get(&*account.ec2, &id).await?;
        let ours = seen.is_some_and(|s| cx.identity.is(&Snapshot::tags(&s)));
        if with_snapshots || ours {
            account.remove(&account.snapshots, &id).await?;
            removed.push(id);
        }
    }
    Ok(removed)
}

/// The image and its snapshots.
pub fn things(image: &Option<Arc<types::Image>>) -> Vec<(Thing, Tags)> {
    let mut things = super::thing::<Image>(image);
    for image in image.iter() {
        let tags = Image::tags(image);
        things.extend(
            snapshots(image).into_iter().map(|id| (Thing { kind: Snapshot::NAME, id }, tags.clone())),
        );
    }
    things
}

/// What can be said of an image that is to be made.
pub fn predicted(cx: &Cx<'_>) -> Map {
    let foreseen = record! {
        "image_id" => cx.unknown(),
        "name" => cx.args.get("name").cloned().unwrap_or_default(),
        "description" => cx.args.get("description").cloned().unwrap_or_default(),
        "state" => if cx.args.bool("wait") { "available" } else { "pending" },
        "tags" => super::tags_value(&tags(cx)),
    };
    cx.open(foreseen, shown(&types::Image::builder().build()))
}

/// The tags of the task; an image's name is no tag.
pub fn tags(cx: &Cx<'_>) -> Tags {
    cx.args.map("tags").map(super::tags_of).unwrap_or_default()
}

/// The attributes of an image that is to be made.
pub fn creation(cx: &Cx<'_>, from: &str) -> Attributes {
    let mut attributes = Attributes::default();
    for name in ["name", "description", from] {
        attributes.wanted(name, cx.args.get(name).cloned().unwrap_or_default());
    }
    attributes.wanted("image_id", cx.unknown());
    attributes
}

/// An image as `ec2_ami_info` returns it; sizes of volumes are in GiB.
pub fn shown(image: &types::Image) -> Map {
    let devices = image.block_device_mappings().iter().map(|m| {
        let ebs = m.ebs();
        let device = record! {
            "delete_on_termination" => ebs.and_then(|e| e.delete_on_termination()),
            "encrypted" => ebs.and_then(|e| e.encrypted()),
            "size" => ebs.and_then(|e| e.volume_size()),
            "snapshot_id" => ebs.and_then(|e| e.snapshot_id()),
            "volume_type" => values::word(ebs.and_then(|e| e.volume_type())),
        };
        (m.device_name().unwrap_or_default(), Value::from(device))
    });
    record! {
        "image_id" => image.image_id(),
        "name" => image.name(),
        "description" => image.description(),
        "state" => values::word(image.state()),
        "architecture" => values::word(image.architecture()),
        "virtualization_type" => values::word(image.virtualization_type()),
        "hypervisor" => values::word(image.hypervisor()),
        "root_device_name" => image.root_device_name(),
        "root_device_type" => values::word(image.root_device_type()),
        "block_device_mapping" => devices.collect::<Value>(),
        "block_device_mappings" => mappings(image),
        "creation_date" => image.creation_date(),
        "location" => image.image_location(),
        "image_location" => image.image_location(),
        "image_type" => values::word(image.image_type()),
        "usage_operation" => image.usage_operation(),
        "sriov_net_support" => image.sriov_net_support(),
        "owner_id" => image.owner_id(),
        "ownerId" => image.owner_id(),
        "image_owner_alias" => image.image_owner_alias(),
        "is_public" => image.public().unwrap_or(false),
        "public" => image.public().unwrap_or(false),
        "platform" => values::word(image.platform()),
        "platform_details" => image.platform_details(),
        "ena_support" => image.ena_support(),
        "deprecation_time" => image.deprecation_time(),
        "tags" => values::tags(image.tags()),
    }
}

fn mappings(image: &types::Image) -> List {
    let one = |m: &types::BlockDeviceMapping| {
        let ebs = m.ebs().map(|e| {
            record! {
                "delete_on_termination" => e.delete_on_termination(),
                "encrypted" => e.encrypted(),
                "snapshot_id" => e.snapshot_id(),
                "volume_size" => e.volume_size(),
                "volume_type" => values::word(e.volume_type()),
            }
        });
        Value::from(
            record! { "device_name" => m.device_name(), "ebs" => ebs, "virtual_name" => m.virtual_name() },
        )
    };
    image.block_device_mappings().iter().map(one).collect()
}
