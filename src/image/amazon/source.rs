//! The image to begin with, and whether the name of the new one is free.

use super::super::steps::{Step, StepFuture};
use super::instance::{Role, seen_by_the_play};
use super::options::SourceFilter;
use super::{Artifact, Build, HASH};
use crate::cloud::Kind;
use crate::cloud::ec2::{input::DescribeImagesInputBuilder, types};
use crate::cloud::kinds_images::Image;

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
    DescribeImagesInputBuilder::default().set_filters(Some(filters)).set_owners(owners)
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
    let named = own(build, "name", &options.ami_name).await?;
    let same = |image: &types::Image| {
        build.hash.is_some() && Image::tags(image).get(HASH) == build.hash.as_ref() && !build.wishes.force
    };
    let mut found = named.iter().find(|image| same(image)).cloned();
    // Under another name, as of a template with a timestamp.
    if let (None, Some(hash), false) = (&found, &build.hash, build.wishes.force)
        && named.is_empty()
        && !options.ami_name.contains(short(build.wishes.hash.as_ref()))
    {
        let all = own(build, &format!("tag:{HASH}"), hash).await?;
        found = all.into_iter().max_by(|a, b| a.creation_date().cmp(&b.creation_date()));
    }
    if let Some(image) = found {
        let (region, id) = (build.account.region.clone(), Image::id(&image).to_string());
        build.artifacts = vec![Artifact { region, id, snapshots: super::ami::snapshots(&image) }];
        build.found = true;
        return Ok(());
    }
    match named.into_iter().next() {
        Some(image) if replaces(build) && protected(&image) => Err(format!(
            "{} has the name `{}` and is protected from being deregistered\nhint: aws ec2 disable-image-deregistration-protection --region {} --image-id {0}",
            Image::id(&image),
            options.ami_name,
            build.account.region
        )),
        Some(image) if replaces(build) => {
            build.options.force_deregister = true;
            build.old = Some(image);
            Ok(())
        }
        Some(image) => Err(format!(
            "the name `{}` is taken by {} in {}\nhint: `force_deregister: true` replaces it, or use a name with {{{{timestamp}}}}",
            options.ami_name,
            Image::id(&image),
            build.account.region
        )),
        None => Ok(()),
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

async fn own(build: &Build, filter: &str, value: &str) -> Result<Vec<types::Image>, String> {
    let filter = types::Filter::builder().name(filter).values(value).build();
    Image::load(&*build.account.ec2, vec![filter]).await.map_err(|e| e.to_string())
}
