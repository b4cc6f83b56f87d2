//! The image itself.

use super::super::steps::{Step, StepFuture};
use super::launch::mapping;
use super::{Artifact, Begun, Build};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds_images::Image;
use crate::cloud::{Account, Kind, Tags};
use std::sync::Arc;
use std::time::Duration;

pub struct Create;

impl Step<Build> for Create {
    fn name(&self) -> &str {
        "image"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            prepare(build).await?;
            let instance = build.instance()?.to_string();
            let op = build.temporary().op();
            build.home.image = Some(Begun { op: op.clone(), thing: None });
            let (account, options) = (&build.account, &build.options);
            let disks: Vec<_> = options.ami_disks.iter().map(mapping).collect();
            let name = build.first_name();
            // An image that is yet to be looked at, or to get its name, must not be found by what users look for.
            let none = Tags::new();
            let (tags, snapshot_tags) = match build.early_tags() {
                true => (&options.tags, &options.snapshot_tags),
                false => (&none, &none),
            };
            let send = || -> CallFuture<'_, types::Image> {
                let input = CreateImageInputBuilder::default()
                    .instance_id(&instance)
                    .name(&name)
                    .description(&options.ami_description)
                    .set_block_device_mappings((!disks.is_empty()).then(|| disks.clone()))
                    .tag_specifications(op.specification(types::ResourceType::Image, tags))
                    .tag_specifications(op.specification(types::ResourceType::Snapshot, snapshot_tags));
                let name = name.clone();
                Box::pin(async move {
                    let made = account.ec2.create_image(input).await?;
                    let image = types::Image::builder().set_image_id(made.image_id).name(name);
                    Ok(image.state(types::ImageState::Pending).build())
                })
            };
            let made = account.create(&account.images, &op, &send).await.map_err(|e| e.to_string())?;
            let id = Image::id(&made).to_string();
            build.home.image = Some(Begun { op: op.clone(), thing: Some(made) });
            let image = available(&build.account, &id, build.options.image_limit).await?;
            build.artifacts.push(artifact(&build.account, &image));
            build.home.image = Some(Begun { op, thing: Some(image) });
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

/// Attributes that images inherit from the instance.
async fn prepare(build: &Build) -> Result<(), String> {
    let (account, options) = (&build.account, &build.options);
    let instance = build.instance()?;
    let input = || ModifyInstanceAttributeInputBuilder::default().instance_id(instance);
    if let Some(ena) = options.ena_support {
        let value = types::AttributeBooleanValue::builder().value(ena).build();
        let done = account.ec2.modify_instance_attribute(input().ena_support(value)).await;
        done.map_err(|e| e.to_string())?;
    }
    if options.sriov_support {
        let value = types::AttributeValue::builder().value("simple").build();
        let done = account.ec2.modify_instance_attribute(input().sriov_net_support(value)).await;
        done.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Waits until an image is there; one that failed says why.
pub async fn available(account: &Account, id: &str, limit: Duration) -> Result<Arc<types::Image>, String> {
    account.images.refresh(&*account.ec2, &[id.to_string()]).await.map_err(|e| e.to_string())?;
    let settled = |seen: Option<&Arc<types::Image>>| {
        seen.filter(|i| !matches!(i.state(), None | Some(types::ImageState::Pending))).map(Arc::clone)
    };
    let image = account.images.until(&*account.ec2, &account.manner, id, limit, settled).await;
    let image = image.map_err(|e| e.to_string())?;
    match image.state() {
        Some(types::ImageState::Available) => Ok(image),
        state => Err(format!(
            "the image {id} became {}: {}",
            state.map(|s| s.as_str()).unwrap_or_default(),
            image.state_reason().and_then(|r| r.message()).unwrap_or("no reason is given")
        )),
    }
}

/// An image that is there, as the build speaks of it.
pub fn artifact(account: &Account, image: &types::Image) -> Artifact {
    let (region, id) = (account.region.clone(), Image::id(image).to_string());
    Artifact { region, id, snapshots: snapshots(image) }
}

/// Ids of the snapshots that an image is made of.
pub fn snapshots(image: &types::Image) -> Vec<String> {
    let ebs = image.block_device_mappings().iter().filter_map(|m| m.ebs());
    ebs.filter_map(|e| e.snapshot_id()).map(str::to_string).collect()
}

/// Deregisters an image that is not to be, and removes its snapshots.
pub async fn take_back(account: &Account, begun: Begun<types::Image>) -> Result<(), String> {
    let op = &begun.op.id;
    let found = account.images.made_by(&*account.ec2, &account.manner, op).await;
    let found = found.map_err(|e| format!("an image may be left (operation {op}): {e}"))?;
    for image in found {
        let id = Image::id(&image);
        account.remove(&account.images, id).await.map_err(|e| format!("image {id} is left: {e}"))?;
        for snapshot in snapshots(&image) {
            let gone = account.remove(&account.snapshots, &snapshot).await;
            gone.map_err(|e| format!("snapshot {snapshot} of the image {id} is left: {e}"))?;
        }
    }
    Ok(())
}
