//! The image gets its name, its tags and its users, when it has been looked at.

use super::super::steps::{Step, StepFuture};
use super::ami::artifact;
use super::slot::Making;
use super::{Artifact, Build, HASH, Options, copies};
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::{EXPIRES, KEEP, to_sdk};
use crate::cloud::{Access, Account, Tags};
use std::sync::Arc;

impl Build {
    /// Whether tags are on the image from its first moment: they are not where it has to be looked at first.
    pub fn early_tags(&self) -> bool {
        !self.wishes.verify && !self.drafts()
    }

    /// What a finished image has beside the user's tags.
    fn marks(&self) -> Tags {
        let mut tags = Tags::from([(KEEP.to_string(), "true".into()), (EXPIRES.to_string(), "never".into())]);
        tags.extend(self.hash.clone().map(|hash| (HASH.to_string(), hash)));
        tags
    }

    /// The regions that get copies.
    pub fn away(&self) -> Vec<String> {
        let mut regions = self.options.regions.clone();
        regions.retain(|r| *r != self.account.region);
        regions
    }

    /// The account in one of the image's regions.
    pub async fn account_of(&self, region: &str) -> Result<Arc<Account>, String> {
        if region == self.account.region {
            return Ok(Arc::clone(&self.account));
        }
        let access = Access { region: Some(region.to_string()), ..self.options.access.clone() };
        self.session.account(&access).await.map_err(|e| e.to_string())
    }
}

/// An image was made under another name: since an older one has the name, or since the encrypted copy is to have it.
/// The old one goes when the new one is there.
pub struct Named;

impl Step<Build> for Named {
    fn name(&self) -> &str {
        "name"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if !build.drafts() {
                return Ok(());
            }
            let (early, identity) = build.making();
            let making = Making { options: &build.options, region: &build.account.region, early, identity };
            build.home.settle(&making).await?;
            let image = build.home.made().ok_or("there is no image")?;
            build.artifacts = vec![artifact(&build.account, image)];
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, _: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(build.home.tidy())
    }
}

/// What finishes an image, whichever way it was made.
pub fn last(options: &Options, steps: &mut Vec<Box<dyn Step<Build>>>) {
    if !options.regions.is_empty() {
        steps.push(Box::new(copies::CopyToRegions));
    }
    steps.push(Box::new(Share));
    if options.protection.is_some() {
        steps.push(Box::new(Protect));
    }
}

/// Tags, and who may use it.
struct Share;

impl Step<Build> for Share {
    fn name(&self) -> &str {
        "who may use it"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            // The one at home last: by its tag a next bake finds that all is done.
            for artifact in build.artifacts.clone().iter().rev() {
                let account = build.account_of(&artifact.region).await?;
                share(build, &account, artifact).await?;
                let (mut tags, mut snapshot_tags) = (build.marks(), build.marks());
                if !build.early_tags() {
                    tags.extend(build.options.tags.clone());
                    snapshot_tags.extend(build.options.snapshot_tags.clone());
                }
                tag(&account, artifact, &tags, &snapshot_tags).await?;
            }
            Ok(())
        })
    }
}

/// Nobody deregisters them by mistake. The last of all: what is protected cannot be taken back as easily.
struct Protect;

impl Step<Build> for Protect {
    fn name(&self) -> &str {
        "protection"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let cooldown = build.options.protection.unwrap_or(false);
            for artifact in build.artifacts.clone().into_iter().rev() {
                let account = build.account_of(&artifact.region).await?;
                let input = EnableImageDeregistrationProtectionInputBuilder::default()
                    .image_id(&artifact.id)
                    .with_cooldown(cooldown);
                build.protected.push(artifact);
                // An interrupt ends the wait for it, not the call: what undoes it must not arrive before it.
                let call = tokio::spawn(async move {
                    let done = account.ec2.enable_image_deregistration_protection(input).await;
                    done.map(drop).map_err(|e| e.to_string())
                });
                let done = build.protecting.insert(call).await;
                build.protecting = None;
                done.map_err(|e| e.to_string())??;
            }
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if let Some(call) = build.protecting.take() {
                // Whether it has come to anything or not, it is undone.
                let _ = call.await;
            }
            for artifact in std::mem::take(&mut build.protected).into_iter().filter(|_| !succeeded) {
                let account = build.account_of(&artifact.region).await?;
                let input =
                    DisableImageDeregistrationProtectionInputBuilder::default().image_id(&artifact.id);
                let done = account.ec2.disable_image_deregistration_protection(input).await;
                done.map_err(|e| format!("image {} stays protected: {e}", artifact.id))?;
            }
            Ok(())
        })
    }
}

/// Tags an image and its snapshots, with one call where the tags are the same.
pub async fn tag(
    account: &Account,
    artifact: &Artifact,
    image: &Tags,
    snapshots: &Tags,
) -> Result<(), String> {
    let mut calls = vec![(vec![artifact.id.clone()], image)];
    match image == snapshots {
        true => calls[0].0.extend(artifact.snapshots.iter().cloned()),
        false => calls.insert(0, (artifact.snapshots.clone(), snapshots)),
    }
    for (ids, tags) in calls.into_iter().filter(|(ids, _)| !ids.is_empty()) {
        let input = CreateTagsInputBuilder::default().set_resources(Some(ids)).set_tags(Some(to_sdk(tags)));
        account.ec2.create_tags(input).await.map_err(|e| e.to_string())?;
    }
    Ok(())
}

async fn share(build: &Build, account: &Account, artifact: &Artifact) -> Result<(), String> {
    let options = &build.options;
    let mut add: Vec<types::LaunchPermission> = Vec::new();
    add.extend(options.users.iter().map(|u| types::LaunchPermission::builder().user_id(u).build()));
    let group = |g: &String| types::LaunchPermission::builder().group(g.as_str().into()).build();
    add.extend(options.groups.iter().map(group));
    let org = |o: &String| types::LaunchPermission::builder().organization_arn(o).build();
    add.extend(options.org_arns.iter().map(org));
    let unit = |o: &String| types::LaunchPermission::builder().organizational_unit_arn(o).build();
    add.extend(options.ou_arns.iter().map(unit));
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
    snapshot_users(build, account, artifact).await
}

async fn snapshot_users(build: &Build, account: &Account, artifact: &Artifact) -> Result<(), String> {
    let options = &build.options;
    let user = |u: &String| types::CreateVolumePermission::builder().user_id(u).build();
    let group = |g: &String| types::CreateVolumePermission::builder().group(g.as_str().into()).build();
    let add: Vec<_> =
        options.snapshot_users.iter().map(user).chain(options.snapshot_groups.iter().map(group)).collect();
    for snapshot in artifact.snapshots.iter().filter(|_| !add.is_empty()) {
        let change = types::CreateVolumePermissionModifications::builder().set_add(Some(add.clone())).build();
        let input = ModifySnapshotAttributeInputBuilder::default()
            .snapshot_id(snapshot)
            .attribute(types::SnapshotAttributeName::CreateVolumePermission)
            .create_volume_permission(change);
        account.ec2.modify_snapshot_attribute(input).await.map_err(|e| e.to_string())?;
    }
    Ok(())
}
