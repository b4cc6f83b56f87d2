//! Things of EC2 as return values: the names that amazon.aws gives them.

use super::input::tags_value;
use crate::base::{List, Map, Value};
use crate::cloud::identity::from_sdk;
use aws_sdk_ec2::types::{Subnet, Tag, Vpc};

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

pub fn tags(tags: &[Tag]) -> Value {
    tags_value(&from_sdk(tags))
}

/// An SDK enum's word.
pub fn word<T: AsRef<str>>(value: Option<&T>) -> Value {
    value.map(|v| v.as_ref().to_string()).into()
}

pub fn list<T>(items: &[T], one: impl Fn(&T) -> Map) -> Value {
    items.iter().map(|i| Value::from(one(i))).collect::<List>().into()
}

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
        "vpc_id" => vpc.vpc_id(),
        "instance_tenancy" => word(vpc.instance_tenancy()),
        "is_default" => vpc.is_default().unwrap_or(false),
        "owner_id" => vpc.owner_id(),
        "state" => word(vpc.state()),
        "tags" => tags(vpc.tags()),
    }
}

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
        }),
        "map_public_ip_on_launch" => subnet.map_public_ip_on_launch().unwrap_or(false),
        "owner_id" => subnet.owner_id(),
        "state" => word(subnet.state()),
        "subnet_arn" => subnet.subnet_arn(),
        "tags" => tags(subnet.tags()),
        "vpc_id" => subnet.vpc_id(),
    }
}
