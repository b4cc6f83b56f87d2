//! Things of EC2 as return values: the names that amazon.aws gives them.

pub use super::machine::instance;

use super::input::tags_value;
use crate::base::{List, Map, Value};
use crate::cloud::ec2::types::{InternetGateway, IpPermission, KeyPairInfo};
use crate::cloud::ec2::types::{RouteTable, SecurityGroup, Subnet, Tag, Vpc};
use crate::cloud::identity::from_sdk;

/// `record! { "id" => value, … }`: a mapping in the order written.
#[macro_export]
macro_rules! record {
    ($($key:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut map = $crate::base::Map::new();
        $(map.insert($key.into(), $crate::base::Value::from($value));)*
        map
    }};
}

/// EC2's list of tags as a dictionary.
pub fn tags(tags: &[Tag]) -> Value {
    tags_value(&from_sdk(tags))
}

/// An SDK enum's word.
pub fn word<T: AsRef<str>>(value: Option<&T>) -> Value {
    value.map(|v| v.as_ref().to_string()).into()
}

/// A moment as ISO 8601 in UTC, as Ansible writes it.
pub fn time(moment: &aws_smithy_types::DateTime) -> String {
    let text = moment.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap_or_default();
    text.replace('Z', "+00:00")
}

/// Descriptions one by one, in the service's order.
pub fn list<T>(items: &[T], one: impl Fn(&T) -> Map) -> Value {
    items.iter().map(|i| Value::from(one(i))).collect::<List>().into()
}

/// A VPC as `ec2_vpc_net_info` returns it; attributes that need a call of their own (DNS) are not in it.
pub fn vpc(vpc: &Vpc) -> Map {
    record! {
        "cidr_block" => vpc.cidr_block(),
        "cidr_block_association_set" => list(vpc.cidr_block_association_set(), |a| record! {
            "association_id" => a.association_id(),
            "cidr_block" => a.cidr_block(),
            "cidr_block_state" => record! { "state" => word(a.cidr_block_state().and_then(|s| s.state())) },
        }),
        "ipv6_cidr_block_association_set" => list(vpc.ipv6_cidr_block_association_set(), |a| record! {
            "association_id" => a.association_id(),
            "ipv6_cidr_block" => a.ipv6_cidr_block(),
            "ipv6_cidr_block_state" => record! { "state" => word(a.ipv6_cidr_block_state().and_then(|s| s.state())) },
        }),
        "dhcp_options_id" => vpc.dhcp_options_id(),
        "id" => vpc.vpc_id(),
        "name" => from_sdk(vpc.tags()).remove("Name"),
        "vpc_id" => vpc.vpc_id(),
        "instance_tenancy" => word(vpc.instance_tenancy()),
        "is_default" => vpc.is_default().unwrap_or(false),
        "owner_id" => vpc.owner_id(),
        "state" => word(vpc.state()),
        "tags" => tags(vpc.tags()),
    }
}

/// A subnet as `ec2_vpc_subnet_info` returns it; what the service left out is false or empty.
pub fn subnet(subnet: &Subnet) -> Map {
    let ipv6 = subnet.ipv6_cidr_block_association_set().first();
    record! {
        "assign_ipv6_address_on_creation" => subnet.assign_ipv6_address_on_creation().unwrap_or(false),
        "availability_zone" => subnet.availability_zone(),
        "availability_zone_id" => subnet.availability_zone_id(),
        "available_ip_address_count" => subnet.available_ip_address_count(),
        "cidr_block" => subnet.cidr_block(),
        "default_for_az" => subnet.default_for_az().unwrap_or(false),
        "id" => subnet.subnet_id(),
        "subnet_id" => subnet.subnet_id(),
        "ipv6_association_id" => ipv6.and_then(|a| a.association_id()).unwrap_or_default(),
        "ipv6_cidr_block" => ipv6.and_then(|a| a.ipv6_cidr_block()).unwrap_or_default(),
        "ipv6_cidr_block_association_set" => list(subnet.ipv6_cidr_block_association_set(), |a| record! {
            "association_id" => a.association_id(),
            "ipv6_cidr_block" => a.ipv6_cidr_block(),
            "ipv6_cidr_block_state" => record! { "state" => word(a.ipv6_cidr_block_state().and_then(|s| s.state())) },
        }),
        "ipv6_native" => subnet.ipv6_native().unwrap_or(false),
        "enable_dns64" => subnet.enable_dns64().unwrap_or(false),
        "map_customer_owned_ip_on_launch" => subnet.map_customer_owned_ip_on_launch().unwrap_or(false),
        "private_dns_name_options_on_launch" => subnet.private_dns_name_options_on_launch().map(|o| record! {
            "hostname_type" => word(o.hostname_type()),
            "enable_resource_name_dns_a_record" => o.enable_resource_name_dns_a_record(),
            "enable_resource_name_dns_aaaa_record" => o.enable_resource_name_dns_aaaa_record(),
        }),
        "map_public_ip_on_launch" => subnet.map_public_ip_on_launch().unwrap_or(false),
        "owner_id" => subnet.owner_id(),
        "state" => word(subnet.state()),
        "subnet_arn" => subnet.subnet_arn(),
        "tags" => tags(subnet.tags()),
        "vpc_id" => subnet.vpc_id(),
    }
}

/// A route table as `ec2_vpc_route_table_info` returns it, with its routes and associations.
pub fn route_table(table: &RouteTable) -> Map {
    record! {
        "id" => table.route_table_id(),
        "route_table_id" => table.route_table_id(),
        "vpc_id" => table.vpc_id(),
        "owner_id" => table.owner_id(),
        "associations" => list(table.associations(), |a| record! {
            "id" => a.route_table_association_id(),
            "route_table_association_id" => a.route_table_association_id(),
            "route_table_id" => a.route_table_id(),
            "subnet_id" => a.subnet_id(),
            "gateway_id" => a.gateway_id(),
            "main" => a.main().unwrap_or(false),
            "association_state" => record! {
                "state" => word(a.association_state().and_then(|s| s.state())),
                "status_message" => a.association_state().and_then(|s| s.status_message()),
            },
        }),
        "propagating_vgws" => list(table.propagating_vgws(), |v| record! { "gateway_id" => v.gateway_id() }),
        "routes" => list(table.routes(), |r| record! {
            "destination_cidr_block" => r.destination_cidr_block(),
            "destination_ipv6_cidr_block" => r.destination_ipv6_cidr_block(),
            "destination_prefix_list_id" => r.destination_prefix_list_id(),
            "gateway_id" => r.gateway_id(),
            "instance_id" => r.instance_id(),
            "instance_owner_id" => r.instance_owner_id(),
            "interface_id" => r.network_interface_id(),
            "network_interface_id" => r.network_interface_id(),
            "nat_gateway_id" => r.nat_gateway_id(),
            "transit_gateway_id" => r.transit_gateway_id(),
            "vpc_peering_connection_id" => r.vpc_peering_connection_id(),
            "origin" => word(r.origin()),
            "state" => word(r.state()),
        }),
        "tags" => tags(table.tags()),
    }
}

/// A rule of a security group; without ports where the protocol has none, `-1` for all protocols.
pub fn permission(rule: &IpPermission) -> Map {
    record! {
        "ip_protocol" => rule.ip_protocol(),
        "from_port" => rule.from_port(),
        "to_port" => rule.to_port(),
        "ip_ranges" => list(rule.ip_ranges(), |r| record! {
            "cidr_ip" => r.cidr_ip(), "description" => r.description(),
        }),
        "ipv6_ranges" => list(rule.ipv6_ranges(), |r| record! {
            "cidr_ipv6" => r.cidr_ipv6(), "description" => r.description(),
        }),
        "prefix_list_ids" => list(rule.prefix_list_ids(), |r| record! {
            "prefix_list_id" => r.prefix_list_id(), "description" => r.description(),
        }),
        "user_id_group_pairs" => list(rule.user_id_group_pairs(), |g| record! {
            "group_id" => g.group_id(), "group_name" => g.group_name(), "user_id" => g.user_id(),
            "description" => g.description(),
        }),
    }
}

/// A security group as `ec2_security_group_info` returns it.
pub fn security_group(group: &SecurityGroup) -> Map {
    record! {
        "group_id" => group.group_id(),
        "group_name" => group.group_name(),
        "description" => group.description(),
        "ip_permissions" => list(group.ip_permissions(), permission),
        "ip_permissions_egress" => list(group.ip_permissions_egress(), permission),
        "owner_id" => group.owner_id(),
        "vpc_id" => group.vpc_id(),
        "tags" => tags(group.tags()),
    }
}

/// An internet gateway as `ec2_vpc_igw_info` returns it.
pub fn internet_gateway(gateway: &InternetGateway) -> Map {
    record! {
        "internet_gateway_id" => gateway.internet_gateway_id(),
        "attachments" => list(gateway.attachments(), |a| record! {
            "vpc_id" => a.vpc_id(), "state" => word(a.state()),
        }),
        "owner_id" => gateway.owner_id(),
        "tags" => tags(gateway.tags()),
    }
}

/// A key pair as `ec2_key_info` returns it; never with its private half, which the service does not keep.
pub fn key_pair(pair: &KeyPairInfo) -> Map {
    record! {
        "key_pair_id" => pair.key_pair_id(),
        "key_name" => pair.key_name(),
        "key_fingerprint" => pair.key_fingerprint(),
        "key_type" => word(pair.key_type()),
        "public_key" => pair.public_key(),
        "create_time" => pair.create_time().map(time),
        "tags" => tags(pair.tags()),
    }
}
