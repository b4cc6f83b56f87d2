//! What a new instance is launched with.

use super::{Seen, network};
use crate::base::{List, Map, Value};
use crate::cloud::ec2::{input::RunInstancesInputBuilder, types};
use crate::modules::cloud::{self, Attributes, Cx};
use crate::modules::{ArgsExt, Failure};
use crate::spec::to_text;
use base64::Engine;
use sha2::Digest;

/// The tag that says what user data an instance was started with.
pub const USER_DATA: &str = "fitout:user-data";

/// What is launched where nobody says a type, as by Ansible's module.
const DEFAULT_TYPE: &str = "t3.micro";

/// What a plan shows of it.
pub fn attributes(cx: &Cx<'_>, seen: &Seen, attributes: &mut Attributes) -> Result<(), Failure> {
    if seen.image.id.is_none() && !image_is_open(cx) && !cx.args.has("launch_template") {
        return Err(Failure::new("an instance is to be launched, and the task names no image"));
    }
    attributes.wanted("image_id", seen.image.id.clone().map_or_else(|| cx.unknown(), Value::from));
    attributes.wanted("instance_type", kind(cx));
    attributes.wanted("vpc_subnet_id", network::subnet(cx.args));
    for name in ["key_name", "availability_zone", "iam_instance_profile"] {
        attributes.wanted(name, cx.args.value(name).cloned());
    }
    if !seen.groups.is_empty() {
        attributes.wanted("security_groups", seen.groups.clone());
    }
    attributes.wanted("instance_id", cx.unknown());
    attributes.wanted("public_ip_address", cx.unknown());
    Ok(())
}

/// The image is one that an earlier task makes.
fn image_is_open(cx: &Cx<'_>) -> bool {
    cx.is_unknown("image_id") || cx.is_unknown("image")
}

/// The type of a new instance; `None`: its launch template says it.
fn kind(cx: &Cx<'_>) -> Option<Value> {
    let given = cx.args.value("instance_type").filter(|v| !v.is_null()).cloned();
    given.or_else(|| (!cx.args.has("launch_template")).then(|| DEFAULT_TYPE.into()))
}

/// The return values of an instance before it is launched.
pub fn predicted(cx: &Cx<'_>, seen: &Seen) -> Map {
    let given = |name: &str| cx.args.value(name).cloned();
    let groups: List =
        seen.groups.iter().map(|g| crate::record! { "group_id" => g.clone() }.into()).collect();
    let foreseen = crate::record! {
        "instance_id" => cx.unknown(),
        "id" => cx.unknown(),
        "image_id" => seen.image.id.clone().map_or_else(|| cx.unknown(), Value::from),
        "instance_type" => kind(cx).unwrap_or_else(|| cx.unknown()),
        "key_name" => given("key_name"),
        "subnet_id" => network::subnet(cx.args),
        "vpc_id" => cx.unknown(),
        "launch_time" => cx.unknown(),
        "private_ip_address" => network::address(cx.args).unwrap_or_else(|| cx.unknown()),
        "private_ip" => network::address(cx.args).unwrap_or_else(|| cx.unknown()),
        "public_ip_address" => cx.unknown(),
        "public_ip" => cx.unknown(),
        "private_dns_name" => cx.unknown(),
        "public_dns_name" => cx.unknown(),
        "placement" => cx.unknown(),
        "network_interfaces" => cx.unknown(),
        "security_groups" => groups,
        "host_keys" => cx.unknown(),
        "state" => crate::record! { "name" => "running", "code" => 16 },
        "tags" => cloud::tags_value(&cx.wanted_tags()),
    };
    cx.open(foreseen, cloud::values::instance(&types::Instance::builder().build()))
}

/// The call's input without count, token and tags.
pub fn input(cx: &Cx<'_>, seen: &Seen) -> Result<RunInstancesInputBuilder, Failure> {
    let text = |name: &str| cx.text(name).map(str::to_string);
    let of_image = |name: &str| cx.args.map("image").and_then(|i| i.opt_str(name)).map(str::to_string);
    let groups: Vec<String> = seen.groups.iter().map(to_text).collect();
    let mut input = RunInstancesInputBuilder::default()
        .set_image_id(seen.image.id.clone())
        .set_instance_type(kind(cx).as_ref().and_then(Value::as_str).map(Into::into))
        .set_key_name(text("key_name"))
        .set_kernel_id(text("kernel").or(of_image("kernel")))
        .set_ramdisk_id(text("ramdisk").or(of_image("ramdisk")))
        .set_ebs_optimized(cx.args.opt_bool("ebs_optimized"))
        .set_disable_api_termination(cx.args.opt_bool("termination_protection"))
        .set_user_data(text("user_data").map(|t| base64::engine::general_purpose::STANDARD.encode(t)))
        .set_metadata_options(metadata(cx))
        .set_block_device_mappings(volumes(cx))
        .set_placement(placement(cx))
        .set_cpu_options(cpu(cx))
        .set_additional_info(text("additional_info"));
    if let Some(profile) = cx.text("iam_instance_profile") {
        let builder = types::IamInstanceProfileSpecification::builder();
        let arn = profile.starts_with("arn:");
        let profile = if arn { builder.arn(profile) } else { builder.name(profile) };
        input = input.iam_instance_profile(profile.build());
    }
    if let Some(on) = cx.args.opt_bool("detailed_monitoring") {
        input = input.monitoring(types::RunInstancesMonitoringEnabled::builder().enabled(on).build());
    }
    if let Some(word) = cx.text("instance_initiated_shutdown_behavior") {
        input = input.instance_initiated_shutdown_behavior(word.into());
    }
    if let Some(credits) = cx.text("cpu_credit_specification") {
        input = input
            .credit_specification(types::CreditSpecificationRequest::builder().cpu_credits(credits).build());
    }
    if cx.args.bool("hibernation_options") {
        let options = types::HibernationOptionsRequest::builder().configured(true);
        input = input.hibernation_options(options.build());
    }
    for license in cx.args.items("license_specifications").iter().filter_map(Value::as_map) {
        let arn = license.opt_str("license_configuration_arn");
        let license =
            types::LicenseConfigurationRequest::builder().set_license_configuration_arn(arn.map(Into::into));
        input = input.license_specifications(license.build());
    }
    if let Some(price) = cx.text("spot_price") {
        let kind = cx.text("spot_type").map(types::SpotInstanceType::from);
        let spot = types::SpotMarketOptions::builder().max_price(price).set_spot_instance_type(kind).build();
        let market = types::InstanceMarketOptionsRequest::builder().market_type(types::MarketType::Spot);
        input = input.instance_market_options(market.spot_options(spot).build());
    }
    if let Some(template) = cx.args.map("launch_template") {
        let text = |name: &str| template.get(name).filter(|v| !v.is_null()).map(to_text);
        let template = types::LaunchTemplateSpecification::builder()
            .set_launch_template_id(text("id"))
            .set_launch_template_name(text("name"))
            .set_version(text("version"));
        input = input.launch_template(template.build());
    }
    network::fill(cx, input, groups)
}

/// Options of the launch count over those of its template, so ours are sent only where there is none.
fn metadata(cx: &Cx<'_>) -> Option<types::InstanceMetadataOptionsRequest> {
    let empty = Map::new();
    let given = cx.args.map("metadata_options").unwrap_or(&empty);
    let text = |name: &str| given.get(name).filter(|v| !v.is_null()).map(to_text);
    let ours = |word: &str| (!cx.args.has("launch_template")).then(|| word.to_string());
    let options = types::InstanceMetadataOptionsRequest::builder()
        .set_http_tokens(text("http_tokens").or(ours("required")).map(|t| t.as_str().into()))
        .set_http_endpoint(text("http_endpoint").or(ours("enabled")).map(|t| t.as_str().into()))
        .set_http_put_response_hop_limit(
            given.opt_int("http_put_response_hop_limit").and_then(|n| n.try_into().ok()),
        )
        .set_http_protocol_ipv6(text("http_protocol_ipv6").map(|t| t.as_str().into()))
        .set_instance_metadata_tags(text("instance_metadata_tags").map(|t| t.as_str().into()))
        .build();
    (options != types::InstanceMetadataOptionsRequest::builder().build()).then_some(options)
}

fn cpu(cx: &Cx<'_>) -> Option<types::CpuOptionsRequest> {
    let given = cx.args.map("cpu_options")?;
    let number = |name: &str| given.opt_int(name).and_then(|n| n.try_into().ok());
    let options = types::CpuOptionsRequest::builder().set_core_count(number("core_count"));
    Some(options.set_threads_per_core(number("threads_per_core")).build())
}

fn placement(cx: &Cx<'_>) -> Option<types::Placement> {
    let given = |name: &str| cx.args.map("placement").and_then(|p| p.get(name)).filter(|v| !v.is_null());
    let inner = |name: &str| given(name).map(to_text);
    let zone = cx.text("availability_zone").map(str::to_string).or(inner("availability_zone"));
    // A subnet is in one zone anyway.
    let zone = zone.filter(|_| network::subnet(cx.args).is_none());
    let group = cx.text("placement_group").map(str::to_string).or(inner("group_name"));
    let tenancy = cx.text("tenancy").map(str::to_string).or(inner("tenancy"));
    let placement = types::Placement::builder()
        .set_availability_zone(zone)
        .set_group_name(group)
        .set_tenancy(tenancy.as_deref().map(Into::into))
        .set_affinity(inner("affinity"))
        .set_host_id(inner("host_id"))
        .set_host_resource_group_arn(inner("host_resource_group_arn"))
        .set_partition_number(given("partition_number").and_then(|n| to_text(n).parse().ok()))
        .build();
    (placement != types::Placement::builder().build()).then_some(placement)
}

/// The task's volumes as the launch has them.
pub fn volumes(cx: &Cx<'_>) -> Option<Vec<types::BlockDeviceMapping>> {
    let one = |volume: &Value| {
        let member = |name: &str| {
            let inner = volume.get("ebs").and_then(|e| e.get(name)).filter(|v| !v.is_null());
            inner.or_else(|| volume.get(name).filter(|v| !v.is_null()))
        };
        let text = |name: &str| member(name).map(to_text);
        let number = |name: &str| match member(name) {
            Some(Value::Int(n)) => i32::try_from(*n).ok(),
            _ => None,
        };
        let flag = |name: &str| member(name).and_then(crate::spec::to_bool);
        let mapping = types::BlockDeviceMapping::builder().set_device_name(text("device_name"));
        if flag("no_device") == Some(true) {
            return mapping.no_device("").build();
        }
        if let Some(name) = text("virtual_name") {
            return mapping.virtual_name(name).build();
        }
        let ebs = types::EbsBlockDevice::builder()
            .set_volume_size(number("volume_size"))
            .set_volume_type(text("volume_type").map(|t| t.as_str().into()))
            .set_iops(number("iops"))
            .set_throughput(number("throughput"))
            .set_encrypted(flag("encrypted"))
            .set_kms_key_id(text("kms_key_id"))
            .set_snapshot_id(text("snapshot_id").or(text("snapshot")))
            .delete_on_termination(flag("delete_on_termination").unwrap_or(true));
        mapping.ebs(ebs.build()).build()
    };
    let all: Vec<_> = cx.args.items("volumes").iter().map(one).collect();
    (!all.is_empty()).then_some(all)
}

/// A short name of the user data, to tell whether it is still the same.
pub fn user_data_hash(cx: &Cx<'_>) -> Option<String> {
    let text = cx.text("user_data").filter(|t| !t.is_empty())?;
    let hash = sha2::Sha256::digest(text.as_bytes());
    Some(hash.iter().take(8).map(|b| format!("{b:02x}")).collect())
}
