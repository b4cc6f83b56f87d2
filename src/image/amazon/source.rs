//! The image to begin with, and whether the name of the new one is free.

use super::super::steps::{Step, StepFuture};
use super::instance::{Role, seen_by_the_play};
use super::options::SourceFilter;
use super::{Artifact, Build, HASH};
use crate::cloud::ec2::{input::DescribeImagesInputBuilder, types};
use crate::cloud::identity::STACK;
use crate::cloud::kinds_images::Image;
use crate::cloud::{Account, Kind, Tags, expiry};

pub struct Choose;

impl Step<Build> for Choose {
    fn name(&self) -> &str {
        "source image"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let options = &build.options;
            let (input, said) = match (&options.source_ami, &options.source_filter) {
                (Some(id), _) => (DescribeImagesInputBuilder::default().image_ids(id), id.clone()),
                (None, Some(filter)) => (wanted(filter), described(filter)),
                (None, None) => return Err("no source image is named".into()),
            };
            let ec2 = &build.account.ec2;
            let mut found =
                ec2.describe_images(input).await.map_err(|e| e.to_string())?.images.unwrap_or_default();
            found.sort_by(|a, b| a.creation_date().cmp(&b.creation_date()));
            let newest = options.source_filter.as_ref().is_none_or(|f| f.most_recent);
            let region = &build.account.region;
            let chosen = match found.len() {
                0 => return Err(format!("no image in {region} fits {said}")),
                1 => found.pop(),
                _ if newest => found.pop(),
                n => {
                    return Err(format!(
                        "{n} images in {region} fit {said}\nhint: say more, or `most_recent: true`"
                    ));
                }
            };
            build.source = chosen;
            let source = build.source.as_ref().and_then(|s| s.image_id()).unwrap_or_default();
            let whole = |hash: &String| super::super::sha256_of(&format!("{hash} {source}"));
            build.hash = build.wishes.hash.as_ref().map(whole);
            if let Some(late) = build.late.clone() {
                build.options = late(seen_by_the_play(build, Role::Bake))?;
            }
            there(build).await
        })
    }

    fn completes(&self, build: &Build) -> bool {
        build.found
    }
}

fn wanted(filter: &SourceFilter) -> DescribeImagesInputBuilder {
    let one = |(name, values): (&String, &Vec<String>)| {
        types::Filter::builder().name(name).set_values(Some(values.clone())).build()
    };
    let mut filters: Vec<types::Filter> = filter.filters.iter().map(one).collect();
    filters.push(types::Filter::builder().name("state").values("available").build());
    let owners = (!filter.owners.is_empty()).then(|| filter.owners.clone());
    let deprecated = filter.deprecated.then_some(true);
    let input = DescribeImagesInputBuilder::default().set_filters(Some(filters)).set_owners(owners);
    input.set_include_deprecated(deprecated)
}

fn described(filter: &SourceFilter) -> String {
    let mut parts: Vec<String> = filter.filters.iter().map(|(k, v)| format!("{k}={}", v.join(","))).collect();
    if !filter.owners.is_empty() {
        parts.push(format!("owners={}", filter.owners.join(",")));
    }
    parts.join(" ")
}

/// Looks for the image itself, and whether its name is free, before anything is made.
pub async fn there(build: &mut Build) -> Result<(), String> {
    let options = &build.options;
    let named = holder(build, &build.account).await?;
    let same = |image: &types::Image| {
        build.hash.is_some() && Image::tags(image).get(HASH) == build.hash.as_ref() && !build.wishes.force
    };
    let mut found = named.as_ref().filter(|image| same(image)).cloned();
    // Under another name, as of a template with a timestamp.
    if let (None, Some(hash), false) = (&found, &build.hash, build.wishes.force)
        && named.is_none()
        && !options.ami_name.contains(short(build.wishes.hash.as_ref()))
    {
        let all = own(&build.account, &format!("tag:{HASH}"), &[hash]).await?;
        found = all.into_iter().max_by(|a, b| a.creation_date().cmp(&b.creation_date()));
    }
    if let Some(image) = found {
        let (region, id) = (build.account.region.clone(), Image::id(&image).to_string());
        build.artifacts = vec![Artifact { region, id, snapshots: super::ami::snapshots(&image) }];
        build.found = true;
        return Ok(());
    }
    let account = std::sync::Arc::clone(&build.account);
    if let Some(old) = replaced(build, &account, named)? {
        build.options.force_deregister = true;
        build.home.old = Some(old);
    }
    for region in build.away() {
        let account = build.account_of(&region).await?;
        let named = holder(build, &account).await?;
        if let Some(old) = replaced(build, &account, named)? {
            build.olds.insert(region, old);
        }
    }
    Ok(())
}

/// The image that has the name in a region. Where that is a finished one, what a killed run was to put in its place goes.
async fn holder(build: &Build, account: &Account) -> Result<Option<types::Image>, String> {
    let name = &build.options.ami_name;
    let found = own(account, "name", &[name, &super::slot::draft_names(name)]).await?;
    let (named, drafts): (Vec<_>, Vec<_>) = found.into_iter().partition(|i| i.name() == Some(name));
    let named = named.into_iter().next();
    let now = jiff::Timestamp::now();
    let over = |tags: &Tags| {
        tags.get(STACK) == Some(&build.identity.stack)
            && !tags.contains_key(HASH)
            && expiry::expires(tags).is_some_and(|at| at < now)
    };
    if named.as_ref().is_some_and(|image| Image::tags(image).contains_key(HASH)) {
        for draft in drafts.iter().filter(|image| over(&Image::tags(image))) {
            super::slot::retire(account, draft, true).await.map_err(|e| e.to_string())?;
        }
    }
    Ok(named)
}

/// Of an image that has the name: itself, where it makes way for the new one. An error says what is in the way.
fn replaced(
    build: &Build,
    account: &Account,
    named: Option<types::Image>,
) -> Result<Option<types::Image>, String> {
    let (options, region) = (&build.options, &account.region);
    match named {
        Some(image) if replaces(build) && protected(&image) => Err(format!(
            "{} has the name `{}` in {region} and is protected from being deregistered\nhint: aws ec2 disable-image-deregistration-protection --region {region} --image-id {0}",
            Image::id(&image),
            options.ami_name,
        )),
        Some(image) if !replaces(build) => Err(format!(
            "the name `{}` is taken by {} in {region}\nhint: `force_deregister: true` replaces it, or use a name with {{{{timestamp}}}}",
            options.ami_name,
            Image::id(&image),
        )),
        other => Ok(other),
    }
}

/// Whether an image of another content makes way for the new one.
fn replaces(build: &Build) -> bool {
    build.options.force_deregister || build.wishes.force && build.hash.is_some()
}

/// Whether EC2 refuses to deregister the image.
pub fn protected(image: &types::Image) -> bool {
    image.deregistration_protection().is_some_and(|word| word.starts_with("enabled"))
}

/// The part of a hash that stands in names.
fn short(hash: Option<&String>) -> &str {
    hash.and_then(|h| h.get(..12)).unwrap_or("no hash")
}

async fn own(account: &Account, filter: &str, values: &[&str]) -> Result<Vec<types::Image>, String> {
    let values = values.iter().map(|v| v.to_string()).collect();
    let filter = types::Filter::builder().name(filter).set_values(Some(values)).build();
    Image::load(&*account.ec2, vec![filter]).await.map_err(|e| e.to_string())
}
