//! Copies to other regions, and who may use them all.

use super::super::steps::{Step, StepFuture};
use super::ami::{available, snapshots, take_back};
use super::{Artifact, Begun, Build};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds_images::Image;
use crate::cloud::{Access, Account, Kind};
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
            if build.options.encrypt {
                regions.insert(0, home.clone());
            }
            // All are begun before the first is waited for.
            for region in &regions {
                let access = Access { region: Some(region.clone()), ..build.options.access.clone() };
                let account = build.session.account(&access).await.map_err(|e| e.to_string())?;
                begin(build, account, &first.id, &home).await?;
            }
            let limit = build.options.image_limit;
            let mut made = Vec::new();
            for copy in &mut build.copies {
                let Some(thing) = &copy.begun.thing else { continue };
                let id = Image::id(thing).to_string();
                let image = available(&copy.account, &id, limit).await?;
                let snapshots = snapshots(&image);
                made.push(Artifact { region: copy.account.region.clone(), id, snapshots });
                copy.begun.thing = Some(image);
            }
            // The encrypted copy takes the place of the image it was made from.
            if build.options.encrypt
                && let Some(plain) = build.image.take()
            {
                take_back(&build.account, plain).await?;
                build.artifacts.clear();
            }
            build.artifacts.extend(made);
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

async fn begin(build: &mut Build, account: Arc<Account>, from: &str, home: &str) -> Result<(), String> {
    let begun = Begun::new(&build.identity);
    let op = begun.op.clone();
    let at = build.copies.len();
    build.copies.push(Copy { account: Arc::clone(&account), begun });
    let options = &build.options;
    let key =
        options.region_kms_keys.get(&account.region).or(options.kms_key.as_ref()).filter(|k| !k.is_empty());
    let encrypted = options.encrypt || options.region_kms_keys.contains_key(&account.region);
    let name = match (options.encrypt, account.region == home) {
        // Names are unique in a region: the plain image has it until it goes.
        (true, true) => format!("{} (encrypted)", options.ami_name),
        _ => options.ami_name.clone(),
    };
    let send = || -> CallFuture<'_, types::Image> {
        let mut input = CopyImageInputBuilder::default()
            .source_image_id(from)
            .source_region(home)
            .name(&name)
            .description(&options.ami_description)
            .client_token(op.token())
            .tag_specifications(op.specification(types::ResourceType::Image, &options.tags))
            .tag_specifications(op.specification(types::ResourceType::Snapshot, &options.snapshot_tags));
        if encrypted {
            input = input.encrypted(true).set_kms_key_id(key.cloned());
        }
        let (ec2, name) = (&account.ec2, name.clone());
        Box::pin(async move {
            let made = ec2.copy_image(input).await?;
            let image = types::Image::builder().set_image_id(made.image_id).name(name);
            Ok(image.state(types::ImageState::Pending).build())
        })
    };
    let made = account.create(&account.images, &op, &send).await.map_err(|e| e.to_string())?;
    if let Some(copy) = build.copies.get_mut(at) {
        copy.begun.thing = Some(made);
    }
    Ok(())
}

pub struct Share;

impl Step<Build> for Share {
    fn name(&self) -> &str {
        "who may use it"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            for artifact in build.artifacts.clone() {
                let access = Access { region: Some(artifact.region.clone()), ..build.options.access.clone() };
                let account = match artifact.region == build.account.region {
                    true => Arc::clone(&build.account),
                    false => build.session.account(&access).await.map_err(|e| e.to_string())?,
                };
                share(build, &account, &artifact).await?;
            }
            Ok(())
        })
    }
}

async fn share(build: &Build, account: &Account, artifact: &Artifact) -> Result<(), String> {
    let options = &build.options;
    let mut add: Vec<types::LaunchPermission> = Vec::new();
    add.extend(options.users.iter().map(|u| types::LaunchPermission::builder().user_id(u).build()));
    let group = |g: &String| types::LaunchPermission::builder().group(g.as_str().into()).build();
    add.extend(options.groups.iter().map(group));
    let org = |o: &String| types::LaunchPermission::builder().organization_arn(o).build();
    add.extend(options.org_arns.iter().map(org));
    let input = || ModifyImageAttributeInputBuilder::default().image_id(&artifact.id);
    if !add.is_empty() {
        let change = types::LaunchPermissionModifications::builder().set_add(Some(add)).build();
        let done = account.ec2.modify_image_attribute(input().launch_permission(change)).await;
        done.map_err(|e| e.to_string())?;
    }
    if options.imds_v2 {
        let value = types::AttributeValue::builder().value("v2.0").build();
        let done = account.ec2.modify_image_attribute(input().imds_support(value)).await;
        done.map_err(|e| e.to_string())?;
    }
    if let Some(at) = &options.deprecate_at {
        let at = aws_sdk_ec2::primitives::DateTime::from_str(
            at,
            aws_sdk_ec2::primitives::DateTimeFormat::DateTime,
        )
        .map_err(|e| format!("deprecate_at `{at}`: {e}"))?;
        let input = EnableImageDeprecationInputBuilder::default().image_id(&artifact.id).deprecate_at(at);
        account.ec2.enable_image_deprecation(input).await.map_err(|e| e.to_string())?;
    }
    for snapshot in artifact.snapshots.iter().filter(|_| !options.snapshot_users.is_empty()) {
        let user = |u: &String| types::CreateVolumePermission::builder().user_id(u).build();
        let add = options.snapshot_users.iter().map(user).collect();
        let change = types::CreateVolumePermissionModifications::builder().set_add(Some(add)).build();
        let input = ModifySnapshotAttributeInputBuilder::default()
            .snapshot_id(snapshot)
            .attribute(types::SnapshotAttributeName::CreateVolumePermission)
            .create_volume_permission(change);
        account.ec2.modify_snapshot_attribute(input).await.map_err(|e| e.to_string())?;
    }
    Ok(())
}
