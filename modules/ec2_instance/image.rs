//! The image to launch: by id, or chosen by what it is.

use crate::base::{Map, Value};
use crate::cloud::ec2::{input::DescribeImagesInputBuilder, types};
use crate::cloud::ssm::{Ssm, input::GetParameterInputBuilder};
use crate::modules::cloud::{self, Cx};
use crate::modules::{ArgsExt, Failure};
use crate::spec::to_text;
use std::sync::Arc;

/// What the task says of the image.
#[derive(Default)]
pub struct Choice {
    /// To launch; `None` where the task names none, or none is known yet.
    pub id: Option<String>,
    /// Found as the newest of several, or as what a parameter names now: another day it may be another one.
    pub moves: bool,
    /// Images of instances that are there and that are what the task says, though it would launch a newer one.
    pub fitting: Vec<String>,
}

impl Choice {
    /// Whether an instance of this image is what the task says.
    pub fn fits(&self, image: &str) -> bool {
        self.id.as_deref() == Some(image) || self.fitting.iter().any(|f| f == image)
    }
}

/// `instances`: those that are there.
pub async fn choose(cx: &Cx<'_>, instances: &[Arc<types::Instance>]) -> Result<Choice, Failure> {
    let named = |id: Option<String>| Choice { id, ..Choice::default() };
    if let Some(id) = cx.text("image_id") {
        return Ok(named(Some(id.to_string())));
    }
    let Some(image) = cx.args.value("image").filter(|v| !v.is_null()) else { return Ok(named(None)) };
    let Some(map) = image.as_map() else { return Ok(named(image.as_str().map(str::to_string))) };
    check(map)?;
    match map.get("id") {
        Some(Value::Unknown(_)) => return Ok(named(None)),
        Some(id) if !id.is_null() => return Ok(named(Some(to_text(id)))),
        _ => {}
    }
    let replaces = map.get("when_newer").is_some_and(|w| to_text(w) == "replace");
    let mut there: Vec<String> = instances.iter().filter_map(|i| i.image_id().map(str::to_string)).collect();
    there.sort();
    there.dedup();
    match map.get("ssm") {
        Some(Value::Unknown(_)) => return Ok(named(None)),
        Some(name) if !name.is_null() => {
            let id = Some(parameter(cx, &to_text(name)).await?);
            return Ok(Choice { id, moves: true, fitting: if replaces { Vec::new() } else { there } });
        }
        _ => {}
    }
    let (filters, owners) = (filters(map)?, owners(map));
    let found = found(cx, &filters, &owners).await?;
    let newest = map.get("most_recent").and_then(crate::spec::to_bool).unwrap_or(false);
    let id = one_of(cx, &found, newest, &described(&filters, &owners))?;
    let mut choice = Choice { id: id.image_id.clone(), moves: newest, fitting: Vec::new() };
    if newest && !replaces {
        for image in there {
            if choice.id.as_deref() != Some(&image) && fits(cx, &image, &found, (&filters, &owners)).await? {
                choice.fitting.push(image);
            }
        }
    }
    Ok(choice)
}

const WORDS: [&str; 12] = [
    "architecture",
    "filters",
    "id",
    "kernel",
    "most_recent",
    "name",
    "owners",
    "ramdisk",
    "root_device_type",
    "ssm",
    "virtualization_type",
    "when_newer",
];

/// Nothing that is misspelt is left out of the choice.
fn check(map: &Map) -> Result<(), Failure> {
    if let Some(word) = map.keys().map(ToString::to_string).find(|word| !WORDS.contains(&word.as_str())) {
        let near = crate::base::diag::nearest(&word, WORDS.iter().copied());
        let hint = near.map_or_else(String::new, |n| format!("\nhint: did you mean `{n}`?"));
        return Err(Failure::new(format!("`image` has no option `{word}`{hint}")));
    }
    match map.get("when_newer").filter(|w| !w.is_null()).map(to_text).as_deref() {
        None | Some("keep" | "replace") => Ok(()),
        Some(other) => {
            Err(Failure::new(format!("image: `when_newer: {other}` is neither `keep` nor `replace`")))
        }
    }
}

/// What tells images apart.
fn filters(map: &Map) -> Result<Vec<types::Filter>, Failure> {
    let mut filters = cloud::filters(map.get("filters").and_then(Value::as_map));
    for name in ["name", "architecture", "virtualization_type", "root_device_type"] {
        if let Some(value) = map.get(name).filter(|v| !v.is_null()) {
            filters.push(filter(&name.replace('_', "-"), &to_text(value)));
        }
    }
    if filters.is_empty() {
        return Err(Failure::new(
            "image: give an `id`, an `ssm` parameter, or a `name` or `filters` to choose by",
        ));
    }
    filters.push(filter("state", "available"));
    Ok(filters)
}

fn filter(name: &str, value: &str) -> types::Filter {
    types::Filter::builder().name(name).values(value).build()
}

fn owners(map: &Map) -> Vec<String> {
    match map.get("owners") {
        Some(Value::List(owners)) => owners.iter().map(to_text).collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(owner) => vec![to_text(owner)],
    }
}

/// The oldest first.
async fn found(
    cx: &Cx<'_>,
    filters: &[types::Filter],
    owners: &[String],
) -> Result<Vec<types::Image>, Failure> {
    let input = DescribeImagesInputBuilder::default()
        .set_filters(Some(filters.to_vec()))
        .set_owners((!owners.is_empty()).then(|| owners.to_vec()));
    let mut found = cx.account.ec2.describe_images(input).await?.images.unwrap_or_default();
    found.sort_by(|a, b| a.creation_date().cmp(&b.creation_date()));
    Ok(found)
}

/// Whether an instance's image is one of those that the task chooses from, also one that its owner calls old: such are not
/// listed. Of one that is no more nobody can say that it does not fit.
async fn fits(
    cx: &Cx<'_>,
    image: &str,
    found: &[types::Image],
    (filters, owners): (&[types::Filter], &[String]),
) -> Result<bool, Failure> {
    if found.iter().any(|f| f.image_id() == Some(image)) {
        return Ok(true);
    }
    let list = async |filters: Vec<types::Filter>, owners: &[String]| -> Result<bool, Failure> {
        let input = DescribeImagesInputBuilder::default()
            .set_filters(Some(filters))
            .include_deprecated(true)
            .set_owners((!owners.is_empty()).then(|| owners.to_vec()));
        Ok(!cx.account.ec2.describe_images(input).await?.images.unwrap_or_default().is_empty())
    };
    let own = filter("image-id", image);
    let of_old = list([filters, std::slice::from_ref(&own)].concat(), owners).await?;
    Ok(of_old || !list(vec![own], &[]).await?)
}

fn one_of<'a>(
    cx: &Cx<'_>,
    found: &'a [types::Image],
    newest: bool,
    said: &str,
) -> Result<&'a types::Image, Failure> {
    match found {
        [] => Err(Failure::new(format!("no image in {} fits {said}", cx.account.region))),
        [only] => Ok(only),
        [.., last] if newest => Ok(last),
        [one, two, ..] => Err(Failure::new(format!(
            "{} images fit {said}, among them {} ({}) and {} ({})\nhint: say more, or `most_recent: true`",
            found.len(),
            one.image_id().unwrap_or_default(),
            one.name().unwrap_or_default(),
            two.image_id().unwrap_or_default(),
            two.name().unwrap_or_default(),
        ))),
    }
}

/// The id that a parameter names, as vendors publish their newest images.
async fn parameter(cx: &Cx<'_>, name: &str) -> Result<String, Failure> {
    let wrong =
        |why: &str| Failure::new(format!("image: the parameter {name} in {} {why}", cx.account.region));
    let found = cx.account.ssm().get_parameter(GetParameterInputBuilder::default().name(name)).await;
    let found = match found {
        Err(error) if error.not_found() || error.is(&["ParameterNotFound"]) => {
            return Err(wrong("does not exist"));
        }
        other => other?,
    };
    let value = found.parameter.and_then(|p| p.value).unwrap_or_default();
    match value.starts_with("ami-") {
        true => Ok(value),
        false => Err(wrong("names no image")),
    }
}

fn described(filters: &[types::Filter], owners: &[String]) -> String {
    let mut parts: Vec<String> = filters
        .iter()
        .map(|f| format!("{}={}", f.name().unwrap_or_default(), f.values().join(",")))
        .collect();
    if !owners.is_empty() {
        parts.push(format!("owners={}", owners.join(",")));
    }
    parts.join(" ")
}
