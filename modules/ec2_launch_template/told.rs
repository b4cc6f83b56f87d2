//! A template and its versions as return values.

use super::data;
use crate::base::{List, Map, Value};
use crate::cloud::ec2::types;
use crate::modules::ArgsExt;
use crate::modules::cloud::{Cx, values};
use crate::record;

/// A version as [`version`] tells it, made by this run.
pub fn made(
    cx: &Cx<'_>,
    template: &types::LaunchTemplate,
    (number, at): (i64, Option<&aws_smithy_types::DateTime>),
    data: &Map,
) -> Map {
    record! {
        "launch_template_id" => template.launch_template_id(),
        "launch_template_name" => template.launch_template_name(),
        "version_number" => number,
        "version_description" => cx.args.str("version_description"),
        "created_by" => template.created_by(),
        "create_time" => at.map(ToString::to_string),
        "launch_template_data" => data.clone(),
    }
}

/// A template as `ec2_launch_template_info` returns it, without its versions; the time is ISO 8601 in UTC.
pub fn shown(template: &types::LaunchTemplate) -> Map {
    record! {
        "launch_template_id" => template.launch_template_id(),
        "launch_template_name" => template.launch_template_name(),
        "default_version_number" => template.default_version_number(),
        "latest_version_number" => template.latest_version_number(),
        "created_by" => template.created_by(),
        "create_time" => template.create_time().map(ToString::to_string),
        "tags" => values::tags(template.tags()),
    }
}

/// Which version is the default one the template says.
pub fn result(template: &types::LaunchTemplate, versions: &[Map]) -> Map {
    let number = template.default_version_number();
    let marked = |version: &Map| {
        let is = version.opt_int("version_number") == number;
        let mut version = version.clone();
        version.insert("default_version".into(), is.into());
        version
    };
    let versions: Vec<Map> = versions.iter().map(marked).collect();
    let default = versions.iter().find(|v| v.bool("default_version")).cloned();
    let latest = versions.last().cloned();
    record! {
        "template" => shown(template),
        "versions" => versions.into_iter().map(Value::from).collect::<List>(),
        "latest_version" => template.latest_version_number(),
        "default_version" => number,
        "latest_template" => latest,
        "default_template" => default,
    }
}

/// A version as `versions` has it, but for the mark of the default one.
pub fn version(version: &types::LaunchTemplateVersion) -> Map {
    record! {
        "launch_template_id" => version.launch_template_id(),
        "launch_template_name" => version.launch_template_name(),
        "version_number" => version.version_number(),
        "version_description" => version.version_description(),
        "created_by" => version.created_by(),
        "create_time" => version.create_time().map(ToString::to_string),
        "launch_template_data" => version.launch_template_data().map(data::shown),
    }
}
