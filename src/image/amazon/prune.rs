//! The images in a region that bakes have made: listed, and the old ones removed, never one in use.

use super::HASH;
use crate::cloud::autoscaling::input::{
    DescribeAutoScalingGroupsInputBuilder, DescribeLaunchConfigurationsInputBuilder,
};
use crate::cloud::autoscaling::{Autoscaling, types::AutoScalingGroup};
use crate::cloud::ec2::{input::DescribeLaunchTemplateVersionsInputBuilder, types};
use crate::cloud::identity::STACK;
use crate::cloud::kinds_images::Image;
use crate::cloud::{Access, Account, CallError, Kind, Session, Witness, kinds};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An image in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ami {
    /// `ami-…`
    pub id: String,
    /// Unique among the account's images of the region.
    pub name: String,
    /// What all images of one recipe share: `image/NAME`.
    pub stack: String,
    /// RFC 3339
    pub made: String,
    /// Those of its disks, which go with it.
    pub snapshots: Vec<String>,
    /// From being deregistered.
    pub protected: bool,
}

/// Where to look.
pub struct Region {
    account: Arc<Account>,
}

struct Silent;

impl Witness for Silent {
    fn note(&self, _: &serde_json::Value) {}
}

impl Region {
    /// With the credentials of the environment or of a profile.
    pub async fn of(region: &str, profile: Option<&str>) -> Result<Region, CallError> {
        let (_stop, never) = tokio::sync::watch::channel(false);
        let session = Session::new(Arc::new(Silent), never);
        let access = Access {
            region: Some(region.to_string()),
            profile: profile.map(str::to_string),
            ..Access::default()
        };
        Ok(Region { account: session.account(&access).await? })
    }

    /// Finished images of bakes, the newest last.
    pub async fn images(&self) -> Result<Vec<Ami>, CallError> {
        let filter = types::Filter::builder().name("tag-key").values(HASH).build();
        let found = Image::load(&*self.account.ec2, vec![filter]).await?;
        let one = |image: &types::Image| Ami {
            id: Image::id(image).to_string(),
            name: image.name().unwrap_or_default().to_string(),
            stack: Image::tags(image).get(STACK).cloned().unwrap_or_default(),
            made: image.creation_date().unwrap_or_default().to_string(),
            snapshots: super::ami::snapshots(image),
            protected: super::source::protected(image),
        };
        let mut all: Vec<Ami> = found.iter().map(one).collect();
        all.sort_by(|a, b| (&a.made, &a.id).cmp(&(&b.made, &b.id)));
        Ok(all)
    }

    /// Who uses which image: instances that are not terminated, every version of every launch template, launch
    /// configurations, and groups: these use what their template or configuration names, and what they name beside it.
    pub async fn uses(&self) -> Result<BTreeMap<String, BTreeSet<String>>, CallError> {
        let account = &self.account;
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut note = |image: Option<&str>, who: String| {
            if let Some(image) = image.filter(|i| !i.is_empty()) {
                uses.entry(image.to_string()).or_default().insert(who);
            }
        };
        for instance in account.instances.all(&*account.ec2).await? {
            note(instance.image_id(), format!("instance {}", kinds::Instance::id(&instance)));
        }
        for template in account.launch_templates.all(&*account.ec2).await? {
            let id = kinds::LaunchTemplate::id(&template).to_string();
            let mut input = DescribeLaunchTemplateVersionsInputBuilder::default()
                .launch_template_id(&id)
                .resolve_alias(true)
                .max_results(200);
            loop {
                let page = account.ec2.describe_launch_template_versions(input.clone()).await?;
                for version in page.launch_template_versions() {
                    let image = version.launch_template_data().and_then(|d| d.image_id());
                    let number = version.version_number().unwrap_or_default();
                    note(image, format!("launch template {id}, version {number}"));
                }
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => break,
                }
            }
        }
        let mut input = DescribeLaunchConfigurationsInputBuilder::default();
        loop {
            let page = account.autoscaling().describe_launch_configurations(input.clone()).await?;
            for configuration in page.launch_configurations() {
                let name = configuration.launch_configuration_name().unwrap_or_default();
                note(configuration.image_id(), format!("launch configuration {name}"));
            }
            match page.next_token.filter(|t| !t.is_empty()) {
                Some(next) => input = input.next_token(next),
                None => break,
            }
        }
        let mut input = DescribeAutoScalingGroupsInputBuilder::default();
        loop {
            let page = account.autoscaling().describe_auto_scaling_groups(input.clone()).await?;
            for group in page.auto_scaling_groups() {
                let name = group.auto_scaling_group_name().unwrap_or_default();
                overrides(group).for_each(|image| note(Some(image), format!("Auto Scaling group {name}")));
            }
            match page.next_token.filter(|t| !t.is_empty()) {
                Some(next) => input = input.next_token(next),
                None => return Ok(uses),
            }
        }
    }

    /// Deregisters an image and removes its snapshots.
    pub async fn remove(&self, image: &Ami) -> Result<(), CallError> {
        let account = &self.account;
        account.remove(&account.images, &image.id).await?;
        for snapshot in &image.snapshots {
            account.remove(&account.snapshots, snapshot).await?;
        }
        Ok(())
    }
}

/// Images that a group names itself, beside those of its templates.
fn overrides(group: &AutoScalingGroup) -> impl Iterator<Item = &str> {
    let template = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
    template.into_iter().flat_map(|t| t.overrides()).filter_map(|o| o.image_id())
}

/// All but the newest `keep` of each stack, as far as they are at least so many days old.
pub fn prunable(images: &[Ami], keep: usize, days: u64, now: jiff::Timestamp) -> Vec<Ami> {
    let mut by_stack: BTreeMap<&str, Vec<&Ami>> = BTreeMap::new();
    for image in images {
        by_stack.entry(&image.stack).or_default().push(image);
    }
    let limit = i64::try_from(days.saturating_mul(86400)).unwrap_or(i64::MAX);
    let old = |image: &&&Ami| {
        image.made.parse::<jiff::Timestamp>().is_ok_and(|made| now.as_second() - made.as_second() >= limit)
    };
    let mut out = Vec::new();
    for mut images in by_stack.into_values() {
        images.sort_by(|a, b| (&b.made, &b.id).cmp(&(&a.made, &a.id)));
        out.extend(images.iter().skip(keep).filter(old).map(|image| (*image).clone()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_may_name_images_itself() {
        use crate::cloud::autoscaling::types::{
            LaunchTemplate, LaunchTemplateOverrides, MixedInstancesPolicy,
        };
        let other = LaunchTemplateOverrides::builder().image_id("ami-2").build();
        let none = LaunchTemplateOverrides::builder().instance_type("t3.small").build();
        let template = LaunchTemplate::builder().overrides(none).overrides(other).build();
        let policy = MixedInstancesPolicy::builder().launch_template(template).build();
        let group = AutoScalingGroup::builder().mixed_instances_policy(policy).build();
        assert_eq!(overrides(&group).collect::<Vec<_>>(), ["ami-2"]);
    }

    #[test]
    fn the_newest_of_each_stack_and_the_young_stay() {
        let ami = |id: &str, stack: &str, made: &str| Ami {
            id: id.into(),
            name: id.into(),
            stack: stack.into(),
            made: made.into(),
            snapshots: Vec::new(),
            protected: false,
        };
        let images = [
            ami("a1", "image/a", "2026-01-01T00:00:00.000Z"),
            ami("a2", "image/a", "2026-01-05T00:00:00.000Z"),
            ami("a3", "image/a", "2026-01-09T00:00:00.000Z"),
            ami("b1", "image/b", "2026-01-01T00:00:00.000Z"),
        ];
        let now = "2026-01-10T00:00:00Z".parse().unwrap();
        let ids = |keep, days| -> Vec<String> {
            prunable(&images, keep, days, now).into_iter().map(|i| i.id).collect()
        };
        assert_eq!(ids(1, 0), ["a2", "a1"]);
        assert_eq!(ids(1, 6), ["a1"]);
        assert_eq!(ids(0, 7), ["a1", "b1"]);
    }
}
