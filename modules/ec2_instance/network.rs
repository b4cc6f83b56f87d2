//! The network interfaces that a new instance is launched with.

use crate::base::{Map, Value};
use crate::cloud::ec2::{input::RunInstancesInputBuilder, types};
use crate::modules::ArgsExt;
use crate::modules::cloud::Cx;
use crate::spec::to_text;
use types::InstanceNetworkInterfaceSpecification as Interface;

/// Interfaces that the task names, with their positions; they keep their own tags.
pub fn existing(cx: &Cx<'_>) -> Vec<(i32, String)> {
    let ids = cx.args.map("network").map_or(&[][..], |n| n.items("interfaces"));
    let ids = if ids.is_empty() { cx.args.items("network_interfaces_ids") } else { ids };
    let one = |(at, value): (usize, &Value)| {
        let index = value.as_map().and_then(|m| m.opt_int("device_index"));
        let index = index.and_then(|n| n.try_into().ok()).or(at.try_into().ok());
        (index.unwrap_or_default(), value.get("id").map_or_else(|| to_text(value), to_text))
    };
    ids.iter().enumerate().map(one).collect()
}

/// Plain, or as interfaces where something of them is said that only an interface can have.
pub fn fill(cx: &Cx<'_>, input: RunInstancesInputBuilder, groups: Vec<String>) -> RunInstancesInputBuilder {
    let there = existing(cx);
    if !there.is_empty() {
        let one = |(index, id)| Interface::builder().device_index(index).network_interface_id(id).build();
        return input.set_network_interfaces(Some(there.into_iter().map(one).collect()));
    }
    let several = cx.args.items("network_interfaces").iter().filter_map(Value::as_map);
    let several: Vec<_> = several.enumerate().map(|(at, given)| interface(cx, given, at, &groups)).collect();
    if !several.is_empty() {
        return input.set_network_interfaces(Some(several));
    }
    let empty = Map::new();
    let given = cx.args.map("network").unwrap_or(&empty);
    let words = ["assign_public_ip", "description", "delete_on_termination"];
    let special = cx.args.has("assign_public_ip") || words.iter().any(|name| given.has(name));
    if special {
        return input.network_interfaces(interface(cx, given, 0, &groups));
    }
    let address = cx.text("private_ip").or(given.opt_str("private_ip_address"));
    input
        .set_subnet_id(cx.text("vpc_subnet_id").map(Into::into))
        .set_private_ip_address(address.map(Into::into))
        .set_security_group_ids((!groups.is_empty()).then_some(groups))
}

/// One of these options; what it leaves out is as the task has it.
fn interface(cx: &Cx<'_>, given: &Map, at: usize, groups: &[String]) -> Interface {
    let text = |name: &str| given.opt_str(name).map(str::to_string);
    let number = |name: &str| given.opt_int(name).and_then(|n| n.try_into().ok());
    let own: Vec<String> = given.list("groups").into_iter().map(str::to_string).collect();
    // Those of `network` are among the task's.
    let groups = if own.is_empty() || cx.args.has("network") { groups.to_vec() } else { own };
    let first = |name: &str| cx.text(name).filter(|_| at == 0).map(str::to_string);
    let further = given.list("private_ip_addresses").into_iter().enumerate().map(|(at, address)| {
        types::PrivateIpAddressSpecification::builder().primary(at == 0).private_ip_address(address).build()
    });
    let further: Vec<_> = further.collect();
    let ipv6 = given.list("ipv6_addresses").into_iter();
    let ipv6: Vec<_> = ipv6.map(|a| types::InstanceIpv6Address::builder().ipv6_address(a).build()).collect();
    let public = given.opt_bool("assign_public_ip");
    Interface::builder()
        .device_index(number("device_index").or(at.try_into().ok()).unwrap_or_default())
        .set_associate_public_ip_address(cx.args.opt_bool("assign_public_ip").filter(|_| at == 0).or(public))
        .set_subnet_id(text("subnet_id").or(cx.text("vpc_subnet_id").map(str::to_string)))
        .set_groups((!groups.is_empty()).then_some(groups))
        .set_private_ip_address(first("private_ip").or(text("private_ip_address")))
        .set_private_ip_addresses((!further.is_empty()).then_some(further))
        .set_ipv6_addresses((!ipv6.is_empty()).then_some(ipv6))
        .set_ipv6_address_count(number("ipv6_address_count"))
        .set_description(text("description"))
        .delete_on_termination(given.opt_bool("delete_on_termination").unwrap_or(true))
        .build()
}
