//! A version's parameters as the service takes them.

use crate::base::{Map, Value};
use crate::cloud::ec2::types::*;
use crate::cloud::identity::to_sdk;
use crate::modules::ArgsExt;
use crate::modules::cloud::tags_of;

/// The parameters out of the mapping that data.rs makes.
pub fn data(data: &Map) -> RequestLaunchTemplateData {
    let maps = |name: &str| -> Vec<&Map> { data.items(name).iter().filter_map(Value::as_map).collect() };
    let texts = |name: &str| -> Option<Vec<String>> {
        data.has(name).then(|| data.list(name).into_iter().map(str::to_string).collect())
    };
    let some = |items: Vec<_>| (!items.is_empty()).then_some(items);
    let interfaces: Vec<_> = maps("network_interfaces").into_iter().map(interface).collect();
    let tags: Vec<_> = maps("tag_specifications").into_iter().map(tag_specification).collect();
    RequestLaunchTemplateData::builder()
        .set_kernel_id(text(data, "kernel_id"))
        .set_ebs_optimized(data.opt_bool("ebs_optimized"))
        .set_iam_instance_profile(data.map("iam_instance_profile").map(profile))
        .set_block_device_mappings(some(maps("block_device_mappings").into_iter().map(mapping).collect()))
        .set_network_interfaces((!interfaces.is_empty()).then_some(interfaces))
        .set_image_id(text(data, "image_id"))
        .set_instance_type(data.opt_str("instance_type").map(Into::into))
        .set_key_name(text(data, "key_name"))
        .set_monitoring(
            data.map("monitoring").map(|m| {
                LaunchTemplatesMonitoringRequest::builder().set_enabled(m.opt_bool("enabled")).build()
            }),
        )
        .set_placement(data.map("placement").map(placement))
        .set_ram_disk_id(text(data, "ram_disk_id"))
        .set_disable_api_termination(data.opt_bool("disable_api_termination"))
        .set_instance_initiated_shutdown_behavior(
            data.opt_str("instance_initiated_shutdown_behavior").map(Into::into),
        )
        .set_user_data(text(data, "user_data"))
        .set_tag_specifications((!tags.is_empty()).then_some(tags))
        .set_security_group_ids(texts("security_group_ids"))
        .set_security_groups(texts("security_groups"))
        .set_instance_market_options(data.map("instance_market_options").map(market))
        .set_credit_specification(data.map("credit_specification").and_then(|c| {
            let cpu = CreditSpecificationRequest::builder().set_cpu_credits(text(c, "cpu_credits"));
            c.has("cpu_credits").then(|| cpu.build())
        }))
        .set_cpu_options(data.map("cpu_options").map(|c| {
            let options = LaunchTemplateCpuOptionsRequest::builder().set_core_count(int(c, "core_count"));
            options.set_threads_per_core(int(c, "threads_per_core")).build()
        }))
        .set_metadata_options(data.map("metadata_options").map(metadata))
        .build()
}

fn text(map: &Map, name: &str) -> Option<String> {
    map.opt_str(name).map(str::to_string)
}

fn int(map: &Map, name: &str) -> Option<i32> {
    map.opt_int(name).and_then(|n| i32::try_from(n).ok())
}

fn profile(map: &Map) -> LaunchTemplateIamInstanceProfileSpecificationRequest {
    let profile = LaunchTemplateIamInstanceProfileSpecificationRequest::builder();
    profile.set_arn(text(map, "arn")).set_name(text(map, "name")).build()
}

fn mapping(map: &Map) -> LaunchTemplateBlockDeviceMappingRequest {
    let ebs = |e: &Map| {
        LaunchTemplateEbsBlockDeviceRequest::builder()
            .set_delete_on_termination(e.opt_bool("delete_on_termination"))
            .set_encrypted(e.opt_bool("encrypted"))
            .set_iops(int(e, "iops"))
            .set_kms_key_id(text(e, "kms_key_id"))
            .set_snapshot_id(text(e, "snapshot_id"))
            .set_throughput(int(e, "throughput"))
            .set_volume_size(int(e, "volume_size"))
            .set_volume_type(e.opt_str("volume_type").map(Into::into))
            .build()
    };
    LaunchTemplateBlockDeviceMappingRequest::builder()
        .set_device_name(text(map, "device_name"))
        .set_virtual_name(text(map, "virtual_name"))
        .set_no_device(text(map, "no_device"))
        .set_ebs(map.map("ebs").map(ebs))
        .build()
}

fn interface(map: &Map) -> LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
    let groups = map.list("groups").into_iter().map(str::to_string).collect::<Vec<_>>();
    let six = map.list("ipv6_addresses").into_iter();
    let six: Vec<_> = six.map(|a| InstanceIpv6AddressRequest::builder().ipv6_address(a).build()).collect();
    LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
        .set_associate_public_ip_address(map.opt_bool("associate_public_ip_address"))
        .set_delete_on_termination(map.opt_bool("delete_on_termination"))
        .set_description(text(map, "description"))
        .set_device_index(int(map, "device_index"))
        .set_groups((!groups.is_empty()).then_some(groups))
        .set_ipv6_address_count(int(map, "ipv6_address_count"))
        .set_ipv6_addresses((!six.is_empty()).then_some(six))
        .set_network_interface_id(text(map, "network_interface_id"))
        .set_private_ip_address(text(map, "private_ip_address"))
        .set_subnet_id(text(map, "subnet_id"))
        .build()
}

fn placement(map: &Map) -> LaunchTemplatePlacementRequest {
    LaunchTemplatePlacementRequest::builder()
        .set_affinity(text(map, "affinity"))
        .set_availability_zone(text(map, "availability_zone"))
        .set_group_name(text(map, "group_name"))
        .set_host_id(text(map, "host_id"))
        .set_tenancy(map.opt_str("tenancy").map(Into::into))
        .build()
}

fn tag_specification(map: &Map) -> LaunchTemplateTagSpecificationRequest {
    let tags = map.map("tags").map(tags_of).unwrap_or_default();
    LaunchTemplateTagSpecificationRequest::builder()
        .set_resource_type(map.opt_str("resource_type").map(Into::into))
        .set_tags(Some(to_sdk(&tags)))
        .build()
}

fn market(map: &Map) -> LaunchTemplateInstanceMarketOptionsRequest {
    let spot = |s: &Map| {
        LaunchTemplateSpotMarketOptionsRequest::builder()
            .set_block_duration_minutes(int(s, "block_duration_minutes"))
            .set_instance_interruption_behavior(s.opt_str("instance_interruption_behavior").map(Into::into))
            .set_max_price(text(s, "max_price"))
            .set_spot_instance_type(s.opt_str("spot_instance_type").map(Into::into))
            .build()
    };
    LaunchTemplateInstanceMarketOptionsRequest::builder()
        .set_market_type(map.opt_str("market_type").map(Into::into))
        .set_spot_options(map.map("spot_options").map(spot))
        .build()
}

fn metadata(map: &Map) -> LaunchTemplateInstanceMetadataOptionsRequest {
    LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .set_http_endpoint(map.opt_str("http_endpoint").map(Into::into))
        .set_http_put_response_hop_limit(int(map, "http_put_response_hop_limit"))
        .set_http_tokens(map.opt_str("http_tokens").map(Into::into))
        .set_http_protocol_ipv6(map.opt_str("http_protocol_ipv6").map(Into::into))
        .set_instance_metadata_tags(map.opt_str("instance_metadata_tags").map(Into::into))
        .build()
}
