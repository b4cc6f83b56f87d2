//! The image to begin with, and whether the name of the new one is free.

use super::super::steps::{Step, StepFuture};
use super::Build;
use super::options::SourceFilter;
use crate::cloud::ec2::{input::DescribeImagesInputBuilder, types};

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
            taken(build).await
        })
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

/// A name that is taken is found before anything is made.
async fn taken(build: &Build) -> Result<(), String> {
    let options = &build.options;
    if options.force_deregister {
        return Ok(());
    }
    let named = types::Filter::builder().name("name").values(&options.ami_name).build();
    let input = DescribeImagesInputBuilder::default().owners("self").filters(named);
    let found = build.account.ec2.describe_images(input).await.map_err(|e| e.to_string())?;
    match found.images().first() {
        None => Ok(()),
        Some(image) => Err(format!(
            "the name `{}` is taken by {} in {}\nhint: `force_deregister: true` replaces it, or use a name with {{{{timestamp}}}}",
            options.ami_name,
            image.image_id().unwrap_or_default(),
            build.account.region
        )),
    }
}
