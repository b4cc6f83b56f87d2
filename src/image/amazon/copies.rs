//! Copies to other regions.

use super::super::steps::{Step, StepFuture};
use super::ami::{available, snapshots, take_back};
use super::{Artifact, Begun, Build};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds_images::Image;
use crate::cloud::{Access, Account, Kind, Op, Tags};
use std::sync::Arc;

/// A copy that was begun.
pub struct Copy {
    account: Arc<Account>,
    begun: Begun<types::Image>,
}

pub struct CopyToRegions;

impl Step<Build> for CopyToRegions {
    fn name(&self) -> &str {
        "copies to other regions"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let Some(first) = build.artifacts.first().cloned() else { return Ok(()) };
            let home = build.account.region.clone();
            let mut regions: Vec<String> = build.options.regions.clone();
            regions.retain(|r| *r != home);
            // All are begun before the first is waited for.
            for region in &regions {
                let access = Access { region: Some(region.clone()), ..build.options.access.clone() };
                let account = build.session.account(&access).await.map_err(|e| e.to_string())?;
                if build.options.force_deregister {
                    let named =
                        vec![types::Filter::builder().name("name").values(&build.options.ami_name).build()];
                    let old = Image::load(&*account.ec2, named).await.map_err(|e| e.to_string())?;
                    for old in &old {
                        retire(&account, old, build.options.force_delete_snapshot).await?;
                    }
                }
                let begun = Begun::new(&build.temporary());
                build.copies.push(Copy { account, begun });
                let Some(Copy { account, begun }) = build.copies.last() else { continue };
                let thing = begin(build, account, &begun.op, &first.id, &build.options.ami_name).await?;
                if let Some(copy) = build.copies.last_mut() {
                    copy.begun.thing = Some(thing);
                }
            }
            let limit = build.options.image_limit;
            for copy in &mut build.copies {
                let Some(thing) = &copy.begun.thing else { continue };
                let id = Image::id(thing).to_string();
                let image = available(&copy.account, &id, limit).await?;
                let snapshots = snapshots(&image);
                let region = copy.account.region.clone();
                build.artifacts.push(Artifact { region, id, snapshots });
                copy.begun.thing = Some(image);
            }
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if succeeded {
                return Ok(());
            }
            let mut left = Vec::new();
            for copy in build.copies.drain(..) {
                if let Err(error) = take_back(&copy.account, copy.begun).await {
                    left.push(format!("{} in {}", error, copy.account.region));
                }
            }
            if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
        })
    }
}

/// Removes an image that another takes the place of.
pub async fn retire(account: &Account, old: &types::Image, with_snapshots: bool) -> Result<(), String> {
    account.remove(&account.images, Image::id(old)).await.map_err(|e| e.to_string())?;
    for snapshot in snapshots(old).iter().filter(|_| with_snapshots) {
        account.remove(&account.snapshots, snapshot).await.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Begins a copy of an image of the build's own region.
pub async fn begin(
    build: &Build,
    account: &Account,
    op: &Op,
    from: &str,
    name: &str,
) -> Result<Arc<types::Image>, String> {
    let options = &build.options;
    let key =
        options.region_kms_keys.get(&account.region).or(options.kms_key.as_ref()).filter(|k| !k.is_empty());
    let encrypted = options.encrypt || options.region_kms_keys.contains_key(&account.region);
    let none = Tags::new();
    let (tags, snapshot_tags) = match build.early_tags() {
        true => (&options.tags, &options.snapshot_tags),
        false => (&none, &none),
    };
    let send = || -> CallFuture<'_, types::Image> {
        let mut input = CopyImageInputBuilder::default()
            .source_image_id(from)
            .source_region(&build.account.region)
            .name(name)
            .description(&options.ami_description)
            .client_token(op.token())
            .tag_specifications(op.specification(types::ResourceType::Image, tags))
            .tag_specifications(op.specification(types::ResourceType::Snapshot, snapshot_tags));
        if encrypted {
            input = input.encrypted(true).set_kms_key_id(key.cloned());
        }
        let ec2 = &account.ec2;
        Box::pin(async move {
            let made = ec2.copy_image(input).await?;
            let image = types::Image::builder().set_image_id(made.image_id).name(name);
            Ok(image.state(types::ImageState::Pending).build())
        })
    };
    account.create(&account.images, op, &send).await.map_err(|e| e.to_string())
}
