//! A version's parameters as a mapping of amazon.aws's names: out of the task, and out of what the service tells.

use crate::base::{List, Map, Value};
use crate::cloud::ec2::types::*;
use crate::cloud::identity::HANDED_ON;
use crate::modules::cloud::values::{list, word};
use crate::modules::cloud::{Cx, tags_of, tags_value};
use crate::modules::{Args, ArgsExt};
use crate::record;
use crate::spec::to_text;

/// Arguments that are parameters as they stand.
const PLAIN: [&str; 18] = [
    "block_device_mappings",
    "cpu_options",
    "credit_specification",
    "disable_api_termination",
    "ebs_optimized",
    "image_id",
    "instance_initiated_shutdown_behavior",
    "instance_market_options",
    "instance_type",
    "kernel_id",
    "key_name",
    "metadata_options",
    "monitoring",
    "network_interfaces",
    "placement",
    "ram_disk_id",
    "security_group_ids",
    "security_groups",
];

/// Members of lists by which an element of one is found in the other.
const KEYS: [&str; 3] = ["device_name", "device_index", "resource_type"];

/// What the task says, without what it leaves out.
pub fn wanted(args: &Args) -> Map {
    let mut data = Map::new();
    for name in PLAIN {
        if let Some(value) = args.get(name).map(given).filter(|value| !value.is_null()) {
            data.insert(name.into(), value);
        }
    }
    if let Some(profile) = args.opt_str("iam_instance_profile") {
        let kind = if profile.starts_with("arn:") { "arn" } else { "name" };
        data.insert("iam_instance_profile".into(), record! { kind => profile }.into());
    }
    if let Some(text) = args.opt_str("user_data") {
        data.insert("user_data".into(), text.into());
    }
    let specifications = args.items("tag_specifications").iter().filter_map(|one| {
        let one = one.as_map()?;
        let tags = tags_of(one.map("tags")?);
        Some(record! { "resource_type" => one.str("resource_type"), "tags" => tags_value(&tags) }.into())
    });
    let specifications: List = specifications.collect();
    if !specifications.is_empty() {
        data.insert("tag_specifications".into(), specifications.into());
    }
    data
}

/// Without the members that were not given.
fn given(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let kept = map.iter().map(|(k, v)| (k.clone(), given(v))).filter(|(_, v)| !v.is_null());
            Value::from(kept.collect::<Map>())
        }
        Value::List(items) => items.iter().map(given).collect::<List>().into(),
        other => other.clone(),
    }
}

/// What a first version has beside what the task says: IMDSv2, and the stack's tags on what is launched.
pub fn completed(cx: &Cx<'_>, mut data: Map) -> Map {
    if !data.contains_key("metadata_options") {
        let options = record! { "http_endpoint" => "enabled", "http_tokens" => "required" };
        data.insert("metadata_options".into(), options.into());
    }
    let specifications = with_stack(cx, data.get("tag_specifications"));
    data.insert("tag_specifications".into(), specifications);
    data
}

/// Tag specifications with the stack's tags on everything that can be left behind.
pub fn with_stack(cx: &Cx<'_>, given: Option<&Value>) -> Value {
    let mut kinds: Vec<(String, crate::cloud::Tags)> = Vec::new();
    for one in given.and_then(Value::as_list).into_iter().flatten().filter_map(Value::as_map) {
        let tags = one.map("tags").map(tags_of).unwrap_or_default();
        kinds.push((one.str("resource_type").to_string(), tags));
    }
    for kind in ["instance", "volume", "network-interface"] {
        if !kinds.iter().any(|(name, _)| name == kind) {
            kinds.push((kind.to_string(), crate::cloud::Tags::new()));
        }
    }
    let specification = |(kind, mut tags): (String, crate::cloud::Tags)| -> Value {
        let own = cx.identity.tags().into_iter();
        tags.extend(own.filter(|(key, _)| HANDED_ON.contains(&key.as_str())));
        // As they are sent: among return values the stack's tags would be left out.
        let tags: Value = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        record! { "resource_type" => kind, "tags" => tags }.into()
    };
    kinds.into_iter().map(specification).collect::<List>().into()
}

/// Whether all that is wanted is so; elements of lists are found by what names them.
pub fn covers(is: Option<&Value>, wanted: &Value) -> bool {
    match (is, wanted) {
        (Some(Value::Map(is)), Value::Map(wanted)) => {
            wanted.iter().all(|(key, value)| covers(is.get(key), value))
        }
        (Some(Value::List(is)), Value::List(wanted)) => {
            let keyed = wanted.iter().find_map(|one| KEYS.into_iter().find(|k| one.get(k).is_some()));
            match keyed {
                Some(key) => wanted.iter().all(|one| {
                    let same = is.iter().find(|other| other.get(key) == one.get(key));
                    same.is_some_and(|same| covers(Some(same), one))
                }),
                None => is.len() == wanted.len() && wanted.iter().all(|one| is.contains(one)),
            }
        }
        (Some(is), wanted) => is == wanted || scalar(is).is_some() && scalar(is) == scalar(wanted),
        (None, _) => false,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Map(_) | Value::List(_) | Value::Null | Value::Unknown(_) | Value::Template(_) => None,
        other => Some(to_text(other)),
    }
}

/// A version of another's parameters (`base`) and further ones: each given parameter takes the place of the other's.
pub fn merged(base: &Map, data: &Map) -> Map {
    let mut all = base.clone();
    all.extend(data.iter().map(|(k, v)| (k.clone(), v.clone())));
    all
}

/// What the service tells, without what is not set.
pub fn shown(data: &ResponseLaunchTemplateData) -> Map {
    let mut all = record! {
        "kernel_id" => data.kernel_id(),
        "ebs_optimized" => data.ebs_optimized(),
        "iam_instance_profile" => data.iam_instance_profile().map(|p| record! { "arn" => p.arn(), "name" => p.name() }),
        "block_device_mappings" => list(data.block_device_mappings(), mapping),
        "network_interfaces" => list(data.network_interfaces(), interface),
        "image_id" => data.image_id(),
        "instance_type" => word(data.instance_type()),
        "key_name" => data.key_name(),
        "monitoring" => data.monitoring().map(|m| record! { "enabled" => m.enabled() }),
        "placement" => data.placement().map(|p| record! {
            "affinity" => p.affinity(),
            "availability_zone" => p.availability_zone(),
            "group_name" => p.group_name(),
            "host_id" => p.host_id(),
            "tenancy" => word(p.tenancy()),
        }),
        "ram_disk_id" => data.ram_disk_id(),
        "disable_api_termination" => data.disable_api_termination(),
        "instance_initiated_shutdown_behavior" => word(data.instance_initiated_shutdown_behavior()),
        "user_data" => data.user_data(),
        "tag_specifications" => list(data.tag_specifications(), |t| record! {
            "resource_type" => word(t.resource_type()),
            "tags" => crate::modules::cloud::values::tags(t.tags()),
        }),
        "security_group_ids" => texts(data.security_group_ids()),
        "security_groups" => texts(data.security_groups()),
        "instance_market_options" => data.instance_market_options().map(market),
        "credit_specification" => data.credit_specification().map(|c| record! { "cpu_credits" => c.cpu_credits() }),
        "cpu_options" => data.cpu_options().map(|c| record! {
            "core_count" => c.core_count(),
            "threads_per_core" => c.threads_per_core(),
        }),
        "metadata_options" => data.metadata_options().map(metadata),
    };
    all = given(&all.into()).as_map().cloned().unwrap_or_default();
    all.retain(|_, value| value.as_list().is_none_or(|items| !items.is_empty()));
    all
}

fn texts(items: &[String]) -> Value {
    items.iter().map(|t| Value::from(t.as_str())).collect::<List>().into()
}

fn mapping(mapping: &LaunchTemplateBlockDeviceMapping) -> Map {
    record! {
        "device_name" => mapping.device_name(),
        "virtual_name" => mapping.virtual_name(),
        "no_device" => mapping.no_device(),
        "ebs" => mapping.ebs().map(|e| record! {
            "delete_on_termination" => e.delete_on_termination(),
            "encrypted" => e.encrypted(),
            "iops" => e.iops(),
            "kms_key_id" => e.kms_key_id(),
            "snapshot_id" => e.snapshot_id(),
            "throughput" => e.throughput(),
            "volume_size" => e.volume_size(),
            "volume_type" => word(e.volume_type()),
        }),
    }
}

fn interface(nic: &LaunchTemplateInstanceNetworkInterfaceSpecification) -> Map {
    let six = nic.ipv6_addresses().iter().filter_map(|a| a.ipv6_address()).map(Value::from);
    record! {
        "associate_public_ip_address" => nic.associate_public_ip_address(),
        "delete_on_termination" => nic.delete_on_termination(),
        "description" => nic.description(),
        "device_index" => nic.device_index(),
        "groups" => texts(nic.groups()),
        "ipv6_address_count" => nic.ipv6_address_count(),
        "ipv6_addresses" => six.collect::<List>(),
        "network_interface_id" => nic.network_interface_id(),
        "private_ip_address" => nic.private_ip_address(),
        "subnet_id" => nic.subnet_id(),
    }
}

fn market(options: &LaunchTemplateInstanceMarketOptions) -> Map {
    record! {
        "market_type" => word(options.market_type()),
        "spot_options" => options.spot_options().map(|s| record! {
            "block_duration_minutes" => s.block_duration_minutes(),
            "instance_interruption_behavior" => word(s.instance_interruption_behavior()),
            "max_price" => s.max_price(),
            "spot_instance_type" => word(s.spot_instance_type()),
        }),
    }
}

fn metadata(options: &LaunchTemplateInstanceMetadataOptions) -> Map {
    record! {
        "http_endpoint" => word(options.http_endpoint()),
        "http_put_response_hop_limit" => options.http_put_response_hop_limit(),
        "http_tokens" => word(options.http_tokens()),
        "http_protocol_ipv6" => word(options.http_protocol_ipv6()),
        "instance_metadata_tags" => word(options.instance_metadata_tags()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(yaml: &str) -> Value {
        Value::from_json(&serde_yaml::from_str(yaml).unwrap())
    }

    #[test]
    fn a_version_covers_what_is_left_out() {
        for (is, wanted, covered) in [
            ("{a: 1, b: 2}", "{a: 1}", true),
            ("{a: 1}", "{a: 2}", false),
            ("{a: 1}", "{b: 1}", false),
            ("{a: '1'}", "{a: 1}", true),
            ("{g: [x, y]}", "{g: [y, x]}", true),
            ("{g: [x, y]}", "{g: [x]}", false),
            ("{d: [{device_name: a, s: 1, t: 2}, {device_name: b}]}", "{d: [{device_name: a, s: 1}]}", true),
            ("{d: [{device_name: a, s: 1}]}", "{d: [{device_name: a, s: 2}]}", false),
            ("{d: [{device_name: a}]}", "{d: [{device_name: b}]}", false),
        ] {
            assert_eq!(covers(Some(&value(is)), &value(wanted)), covered, "{is} {wanted}");
        }
    }
}
