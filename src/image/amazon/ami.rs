//! The image itself.

use super::super::steps::{Step, StepFuture};
use super::instance::mapping;
use super::{Artifact, Begun, Build};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds_images::Image;
use crate::cloud::{Account, Kind, kinds};
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
            let begun = build.image.insert(Begun::new(&build.identity));
            let op = begun.op.clone();
            let (account, options) = (&build.account, &build.options);
            let instance =
                build.instance.as_ref().and_then(|b| b.thing.as_ref()).ok_or("there is no instance")?;
            let instance = kinds::Instance::id(instance);
            let disks: Vec<_> = options.ami_disks.iter().map(mapping).collect();
            let send = || -> CallFuture<'_, types::Image> {
                let input = CreateImageInputBuilder::default()
                    .instance_id(instance)
                    .name(&options.ami_name)
                    .description(&options.ami_description)
                    .set_block_device_mappings((!disks.is_empty()).then(|| disks.clone()))
                    .tag_specifications(op.specification(types::ResourceType::Image, &options.tags))
                    .tag_specifications(
                        op.specification(types::ResourceType::Snapshot, &options.snapshot_tags),
                    );
                Box::pin(async move {
                    let made = account.ec2.create_image(input).await?;
                    let image = types::Image::builder().set_image_id(made.image_id).name(&options.ami_name);
                    Ok(image.state(types::ImageState::Pending).build())
                })
            };
            let made = account.create(&account.images, &op, &send).await.map_err(|e| e.to_string())?;
            let id = Image::id(&made).to_string();
            begun.thing = Some(made);
            let image = available(account, &id, options.image_limit).await?;
            let snapshots = snapshots(&image);
            begun.thing = Some(image);
            build.artifacts.push(Artifact { region: build.account.region.clone(), id, snapshots });
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if succeeded {
                return Ok(());
            }
            let Some(begun) = build.image.take() else { return Ok(()) };
            build.artifacts.clear();
            take_back(&build.account, begun).await
        })
    }
}

/// What has to be so before the image is made: the old one of the name gone, attributes that images inherit set.
async fn prepare(build: &Build) -> Result<(), String> {
    let (account, options) = (&build.account, &build.options);
    if options.force_deregister {
        let named = types::Filter::builder().name("name").values(&options.ami_name).build();
        let input = DescribeImagesInputBuilder::default().owners("self").filters(named);
        let found = account.ec2.describe_images(input).await.map_err(|e| e.to_string())?;
        for old in found.images() {
            account.remove(&account.images, Image::id(old)).await.map_err(|e| e.to_string())?;
            for snapshot in snapshots(old).iter().filter(|_| options.force_delete_snapshot) {
                account.remove(&account.snapshots, snapshot).await.map_err(|e| e.to_string())?;
            }
        }
    }
    let Some(ena) = options.ena_support else { return Ok(()) };
    let instance = build.instance.as_ref().and_then(|b| b.thing.as_ref()).ok_or("there is no instance")?;
    let value = types::AttributeBooleanValue::builder().value(ena).build();
    let input = ModifyInstanceAttributeInputBuilder::default()
        .instance_id(kinds::Instance::id(instance))
        .ena_support(value);
    account.ec2.modify_instance_attribute(input).await.map(drop).map_err(|e| e.to_string())
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
