//! An instance as return values.

use super::values::{list, tags, time, word};
use crate::base::{Map, Value};
use crate::cloud::ec2::types::*;
use crate::record;

/// An instance as `ec2_instance_info` returns it; times are ISO 8601 in UTC.
pub fn instance(i: &Instance) -> Map {
    let mut all = itself(i);
    all.extend(options(i));
    all.extend(record! {
        "network_interfaces" => list(i.network_interfaces(), interface),
        "block_device_mappings" => list(i.block_device_mappings(), |b| record! {
            "device_name" => b.device_name(),
            "ebs" => b.ebs().map(|e| record! {
                "attach_time" => e.attach_time().map(time),
                "volume_id" => e.volume_id(),
                "delete_on_termination" => e.delete_on_termination(),
                "status" => word(e.status()),
            }),
        }),
        "security_groups" => groups(i.security_groups()),
        "tags" => tags(i.tags()),
    });
    all
}

fn itself(i: &Instance) -> Map {
    let state = i.state();
    record! {
        "instance_id" => i.instance_id(),
        "id" => i.instance_id(),
        "image_id" => i.image_id(),
        "instance_type" => word(i.instance_type()),
        "architecture" => word(i.architecture()),
        "ami_launch_index" => i.ami_launch_index(),
        "client_token" => i.client_token(),
        "hypervisor" => word(i.hypervisor()),
        "iam_instance_profile" => i.iam_instance_profile().map(|p| record! { "arn" => p.arn(), "id" => p.id() }),
        "key_name" => i.key_name(),
        "launch_time" => i.launch_time().map(time),
        "monitoring" => record! { "state" => word(i.monitoring().and_then(|m| m.state())) },
        "placement" => i.placement().map(|p| record! {
            "availability_zone" => p.availability_zone(),
            "group_name" => p.group_name().unwrap_or_default(),
            "tenancy" => word(p.tenancy()),
        }),
        "platform_details" => i.platform_details(),
        "private_dns_name" => i.private_dns_name(),
        "private_ip_address" => i.private_ip_address(),
        "private_ip" => i.private_ip_address(),
        "product_codes" => list(i.product_codes(), |c| record! {
            "product_code_id" => c.product_code_id(),
            "product_code_type" => word(c.product_code_type()),
        }),
        "public_dns_name" => i.public_dns_name().unwrap_or_default(),
        "public_ip_address" => i.public_ip_address(),
        "public_ip" => i.public_ip_address(),
        "root_device_name" => i.root_device_name(),
        "root_device_type" => word(i.root_device_type()),
        "state" => record! {
            "code" => state.and_then(|s| s.code()),
            "name" => word(state.and_then(|s| s.name())),
        },
        "state_transition_reason" => i.state_transition_reason().unwrap_or_default(),
        "subnet_id" => i.subnet_id(),
        "virtualization_type" => word(i.virtualization_type()),
        "vpc_id" => i.vpc_id(),
    }
}

fn options(i: &Instance) -> Map {
    record! {
        "capacity_reservation_specification" => i.capacity_reservation_specification().map(|c| record! {
            "capacity_reservation_preference" => word(c.capacity_reservation_preference()),
        }),
        "cpu_options" => i.cpu_options().map(|c| record! {
            "core_count" => c.core_count(), "threads_per_core" => c.threads_per_core(),
        }),
        "current_instance_boot_mode" => word(i.current_instance_boot_mode()),
        "ebs_optimized" => i.ebs_optimized().unwrap_or(false),
        "ena_support" => i.ena_support(),
        "enclave_options" => i.enclave_options().map(|o| record! { "enabled" => o.enabled() }),
        "hibernation_options" => i.hibernation_options().map(|o| record! { "configured" => o.configured() }),
        "maintenance_options" => i.maintenance_options().map(|o| record! { "auto_recovery" => word(o.auto_recovery()) }),
        "metadata_options" => i.metadata_options().map(|m| record! {
            "http_endpoint" => word(m.http_endpoint()),
            "http_protocol_ipv6" => word(m.http_protocol_ipv6()),
            "http_tokens" => word(m.http_tokens()),
            "http_put_response_hop_limit" => m.http_put_response_hop_limit(),
            "instance_metadata_tags" => word(m.instance_metadata_tags()),
            "state" => word(m.state()),
        }),
        "private_dns_name_options" => i.private_dns_name_options().map(|o| record! {
            "enable_resource_name_dns_a_record" => o.enable_resource_name_dns_a_record(),
            "enable_resource_name_dns_aaaa_record" => o.enable_resource_name_dns_aaaa_record(),
            "hostname_type" => word(o.hostname_type()),
        }),
        "source_dest_check" => i.source_dest_check().unwrap_or(true),
    }
}

fn groups(groups: &[GroupIdentifier]) -> Value {
    list(groups, |g| record! { "group_id" => g.group_id(), "group_name" => g.group_name() })
}

fn interface(n: &InstanceNetworkInterface) -> Map {
    record! {
        "association" => n.association().map(association),
        "attachment" => n.attachment().map(|a| record! {
            "attach_time" => a.attach_time().map(time),
            "attachment_id" => a.attachment_id(),
            "delete_on_termination" => a.delete_on_termination(),
            "device_index" => a.device_index(),
            "network_card_index" => a.network_card_index(),
            "status" => word(a.status()),
        }),
        "description" => n.description(),
        "groups" => groups(n.groups()),
        "interface_type" => n.interface_type(),
        "ipv6_addresses" => list(n.ipv6_addresses(), |a| record! { "ipv6_address" => a.ipv6_address() }),
        "mac_address" => n.mac_address(),
        "network_interface_id" => n.network_interface_id(),
        "owner_id" => n.owner_id(),
        "private_dns_name" => n.private_dns_name(),
        "private_ip_address" => n.private_ip_address(),
        "private_ip_addresses" => list(n.private_ip_addresses(), |a| record! {
            "association" => a.association().map(association),
            "primary" => a.primary(),
            "private_dns_name" => a.private_dns_name(),
            "private_ip_address" => a.private_ip_address(),
        }),
        "source_dest_check" => n.source_dest_check(),
        "status" => word(n.status()),
        "subnet_id" => n.subnet_id(),
        "vpc_id" => n.vpc_id(),
    }
}

fn association(a: &InstanceNetworkInterfaceAssociation) -> Map {
    record! {
        "ip_owner_id" => a.ip_owner_id(),
        "public_dns_name" => a.public_dns_name(),
        "public_ip" => a.public_ip(),
    }
}
