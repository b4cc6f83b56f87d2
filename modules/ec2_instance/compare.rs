//! What an instance has, beside what the task wants of it.

use super::Seen;
use super::launch::{self, USER_DATA};
use super::network;
use super::steps::{Changes, Turn};
use crate::base::Value;
use crate::cloud::ec2::{input::DescribeInstanceAttributeInputBuilder, types};
use crate::cloud::identity::{self, from_sdk};
use crate::cloud::kinds::Instance;
use crate::cloud::{CallError, Kind};
use crate::modules::ArgsExt;
use crate::modules::Failure;
use crate::modules::cloud::{Attributes, Cx, values};

/// Whether it refuses termination.
pub async fn protected(cx: &Cx<'_>, instance: &types::Instance) -> Result<bool, CallError> {
    let input = DescribeInstanceAttributeInputBuilder::default()
        .instance_id(Instance::id(instance))
        .attribute(types::InstanceAttributeName::DisableApiTermination);
    let seen = cx.account.ec2.describe_instance_attribute(input).await?;
    Ok(seen.disable_api_termination.and_then(|a| a.value).unwrap_or(false))
}

/// Only whether it runs: instances named by their ids are the user's own affair.
pub fn state_only(cx: &Cx<'_>, attributes: &mut Attributes, instance: &types::Instance) -> Changes {
    let mut changes = Changes::default();
    state(cx, attributes, instance, &mut changes);
    if let Some(wanted) =
        cx.args.opt_bool("source_dest_check").filter(|w| Some(*w) != instance.source_dest_check())
    {
        attributes.compare("source_dest_check", instance.source_dest_check(), wanted);
        changes.source_dest_check = Some(wanted);
    }
    host_keys(cx, attributes, instance, &changes);
    changes.tags = cx.compare_tags(attributes, &from_sdk(instance.tags()));
    changes
}

/// As the task says it, or the options of its interface do.
pub fn source_dest_check(cx: &Cx<'_>) -> Option<bool> {
    let network = cx.args.map("network").and_then(|n| n.get("source_dest_check")).and_then(Value::truth);
    cx.args.opt_bool("source_dest_check").or(network)
}

/// Keys that are asked for and in no tag yet.
fn host_keys(cx: &Cx<'_>, attributes: &mut Attributes, instance: &types::Instance, changes: &Changes) {
    let unknown = super::console::known(instance).is_empty() && changes.turn != Some(Turn::Stop);
    if super::console::wanted(cx) && unknown {
        attributes.element("host_keys", None, Some("of the console"));
    }
}

fn state(cx: &Cx<'_>, attributes: &mut Attributes, instance: &types::Instance, changes: &mut Changes) {
    use types::InstanceStateName::{Pending, Running, Stopped, Stopping};
    let is = instance.state().and_then(|s| s.name());
    let shown = values::word(is);
    match (cx.args.str("state"), is) {
        ("running" | "started", Some(Stopped | Stopping)) => {
            attributes.compare("state", shown, "running");
            changes.turn = Some(Turn::Start);
        }
        ("stopped", Some(Running | Pending)) => {
            attributes.compare("state", shown, "stopped");
            changes.turn = Some(Turn::Stop);
        }
        ("restarted" | "rebooted", Some(Stopped | Stopping)) => {
            attributes.compare("state", shown, "running");
            changes.turn = Some(Turn::Start);
        }
        ("restarted" | "rebooted", _) => {
            attributes.element("state", None, Some("restarted"));
            changes.turn = Some(Turn::Restart);
        }
        _ => {}
    }
}

/// All that the task says. What cannot be changed in place replaces what is ours, and is a warning for the rest.
pub fn compare(
    cx: &Cx<'_>,
    attributes: &mut Attributes,
    instance: &types::Instance,
    seen: &Seen,
    protected: Option<bool>,
    warnings: &mut Vec<String>,
) -> Result<Changes, Failure> {
    let tags = from_sdk(instance.tags());
    let fixed = fixed(cx, instance, seen);
    if identity::is_ours(&tags) || cx.args.bool("adopt") {
        for (name, is, wanted) in fixed {
            attributes.fixed(name, is, wanted);
        }
    } else if let Some((name, is, wanted)) = fixed.into_iter().next() {
        let (is, wanted) = (crate::spec::to_text(&is), crate::spec::to_text(&wanted));
        warnings.push(format!(
            "{} of {} is {is}, not {wanted}; it was not made by fitout and is left as it is",
            name,
            Instance::id(instance)
        ));
    }
    if attributes.forces().is_empty() {
        warnings.extend(super::volumes::otherwise(cx, instance, &seen.volumes));
        warnings.extend(newer(instance, seen));
    }
    let mut changes = Changes::default();
    in_place(cx, attributes, instance, seen, &mut changes);
    if let (Some(is), Some(wanted)) = (protected, cx.args.opt_bool("termination_protection"))
        && attributes.compare("termination_protection", is, wanted)
    {
        changes.protect = Some(wanted);
    }
    metadata(cx, attributes, instance, &mut changes);
    state(cx, attributes, instance, &mut changes);
    host_keys(cx, attributes, instance, &changes);
    changes.tags = cx.compare_named_tags(attributes, &tags);
    Ok(changes)
}

/// A newer image is there, and the instance stays: as Ansible's modules do, which never look at a running one's image.
fn newer(instance: &types::Instance, seen: &Seen) -> Option<String> {
    let (is, newest) = (instance.image_id()?, seen.image.id.as_deref()?);
    (is != newest && seen.image.moves).then(|| {
        format!(
            "{} stays with its image {is}, though {newest} is newer; `when_newer: replace` in `image` replaces it",
            Instance::id(instance)
        )
    })
}

/// Attributes that differ and cannot be changed in place.
fn fixed(cx: &Cx<'_>, instance: &types::Instance, seen: &Seen) -> Vec<(&'static str, Value, Value)> {
    let mut out = Vec::new();
    let mut row = |name, is: Option<&str>, wanted: Option<Value>| {
        let is = Value::from(is);
        if let Some(wanted) = wanted.filter(|w| !w.is_null() && *w != is) {
            out.push((name, is, wanted));
        }
    };
    let given = |name: &str| cx.args.value(name).cloned();
    // A parameter's value is looked up by EC2 when it launches.
    let image = seen.image.id.as_deref().filter(|i| !i.starts_with("resolve:"));
    let other = image.filter(|_| !seen.image.fits(instance.image_id().unwrap_or_default()));
    let told = |id: &str| if seen.image.moves { format!("{id} (the newest that fits)") } else { id.into() };
    row("image_id", instance.image_id(), other.map(|id| told(id).into()));
    row("key_name", instance.key_name(), given("key_name"));
    row("vpc_subnet_id", instance.subnet_id(), network::subnet(cx.args));
    row("private_ip", instance.private_ip_address(), network::address(cx.args));
    let zone = instance.placement().and_then(|p| p.availability_zone());
    row("availability_zone", zone, given("availability_zone"));
    let tags = from_sdk(instance.tags());
    // Without the tag it is not known what it was started with.
    if let (Some(is), Some(wanted)) = (tags.get(USER_DATA), launch::user_data_hash(cx)) {
        row("user_data", Some(is), Some(wanted.into()));
    }
    out
}

fn in_place(
    cx: &Cx<'_>,
    attributes: &mut Attributes,
    instance: &types::Instance,
    seen: &Seen,
    changes: &mut Changes,
) {
    if let Some(wanted) = cx.text("instance_type")
        && attributes.compare("instance_type", values::word(instance.instance_type()), wanted)
    {
        changes.instance_type = Some(wanted.to_string());
    }
    if !seen.groups.is_empty() {
        let mut is: Vec<Value> = instance.security_groups().iter().map(|g| g.group_id().into()).collect();
        let mut wanted = seen.groups.clone();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
        is.sort_by_key(text);
        wanted.sort_by_key(text);
        wanted.dedup();
        if attributes.compare("security_groups", is, wanted.clone()) {
            changes.groups = Some(wanted.iter().map(crate::spec::to_text).collect());
        }
    }
    if let Some(wanted) = source_dest_check(cx)
        && attributes.compare("source_dest_check", instance.source_dest_check().unwrap_or(true), wanted)
    {
        changes.source_dest_check = Some(wanted);
    }
    if let Some(wanted) = cx.args.opt_bool("detailed_monitoring") {
        use types::MonitoringState::{Enabled, Pending};
        let is = matches!(instance.monitoring().and_then(|m| m.state()), Some(Enabled | Pending));
        if attributes.compare("detailed_monitoring", is, wanted) {
            changes.monitoring = Some(wanted);
        }
    }
    if let Some(wanted) = cx.args.opt_bool("ebs_optimized")
        && attributes.compare("ebs_optimized", instance.ebs_optimized().unwrap_or(false), wanted)
    {
        changes.ebs_optimized = Some(wanted);
    }
    if let Some(wanted) = cx.text("iam_instance_profile") {
        let is = instance.iam_instance_profile().and_then(|p| p.arn()).unwrap_or_default();
        let same = is == wanted || is.rsplit('/').next() == Some(wanted);
        if !same && attributes.compare("iam_instance_profile", is, wanted) {
            changes.profile = Some(wanted.to_string());
        }
    }
}

fn metadata(cx: &Cx<'_>, attributes: &mut Attributes, instance: &types::Instance, changes: &mut Changes) {
    let Some(wanted) = cx.args.map("metadata_options") else { return };
    let is = instance.metadata_options();
    let rows = [
        ("http_tokens", values::word(is.and_then(|m| m.http_tokens()))),
        ("http_endpoint", values::word(is.and_then(|m| m.http_endpoint()))),
        ("http_put_response_hop_limit", is.and_then(|m| m.http_put_response_hop_limit()).into()),
        ("http_protocol_ipv6", values::word(is.and_then(|m| m.http_protocol_ipv6()))),
        ("instance_metadata_tags", values::word(is.and_then(|m| m.instance_metadata_tags()))),
    ];
    for (name, is) in rows {
        if let Some(wanted) = wanted.get(name).filter(|v| !v.is_null()) {
            changes.metadata |= attributes.compare(&format!("metadata_options.{name}"), is, wanted.clone());
        }
    }
}
