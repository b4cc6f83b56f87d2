//! The image to launch: by id, or chosen by what it is.

use crate::base::Value;
use crate::cloud::ec2::{input::DescribeImagesInputBuilder, types};
use crate::cloud::ssm::{Ssm, input::GetParameterInputBuilder};
use crate::modules::cloud::{self, Cx};
use crate::modules::{ArgsExt, Failure};
use crate::spec::to_text;

/// The id; `None` where the task names none, or none is known yet.
pub async fn choose(cx: &Cx<'_>) -> Result<Option<String>, Failure> {
    if let Some(id) = cx.text("image_id") {
        return Ok(Some(id.to_string()));
    }
    let Some(image) = cx.args.value("image").filter(|v| !v.is_null()) else { return Ok(None) };
    let Some(map) = image.as_map() else { return Ok(image.as_str().map(str::to_string)) };
    match map.get("id") {
        Some(Value::Unknown(_)) => return Ok(None),
        Some(id) if !id.is_null() => return Ok(Some(to_text(id))),
        _ => {}
    }
    match map.get("ssm") {
        Some(Value::Unknown(_)) => return Ok(None),
        Some(name) if !name.is_null() => return parameter(cx, &to_text(name)).await.map(Some),
        _ => {}
    }
    let mut filters = cloud::filters(map.get("filters").and_then(Value::as_map));
    for name in ["name", "architecture", "virtualization_type", "root_device_type"] {
        if let Some(value) = map.get(name).filter(|v| !v.is_null()) {
            let filter = types::Filter::builder().name(name.replace('_', "-"));
            filters.push(filter.values(to_text(value)).build());
        }
    }
    if filters.is_empty() {
        return Err(Failure::new(
            "image: give an `id`, an `ssm` parameter, or a `name` or `filters` to choose by",
        ));
    }
    filters.push(types::Filter::builder().name("state").values("available").build());
    let owners = match map.get("owners") {
        Some(Value::List(owners)) => owners.iter().map(to_text).collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(owner) => vec![to_text(owner)],
    };
    let said = described(&filters, &owners);
    let input = DescribeImagesInputBuilder::default()
        .set_filters(Some(filters))
        .set_owners((!owners.is_empty()).then_some(owners));
    let mut found = cx.account.ec2.describe_images(input).await?.images.unwrap_or_default();
    found.sort_by(|a, b| a.creation_date().cmp(&b.creation_date()));
    let newest = map.get("most_recent").and_then(crate::spec::to_bool).unwrap_or(false);
    match found.as_slice() {
        [] => Err(Failure::new(format!("no image in {} fits {said}", cx.account.region))),
        [only] => Ok(only.image_id.clone()),
        [.., last] if newest => Ok(last.image_id.clone()),
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
