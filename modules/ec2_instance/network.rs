//! The network interfaces that a new instance is launched with.

use crate::base::{Map, Value};
use crate::cloud::ec2::{input::RunInstancesInputBuilder, types};
use crate::modules::cloud::Cx;
use crate::modules::{Args, ArgsExt, Failure};
use crate::spec::to_text;
use types::InstanceNetworkInterfaceSpecification as Interface;

/// What the task says of its first interface: with it, under `network`, or as the first one of several.
fn first(args: &Args, own: &str, inner: &str) -> Option<Value> {
    let given = |v: Option<&Value>| v.filter(|v| !v.is_null()).cloned();
    let network = args.map("network").and_then(|n| n.get(inner));
    let foremost = args.items("network_interfaces").first();
    let foremost = foremost.filter(|i| i.get("device_index").is_none_or(|at| *at == Value::Int(0)));
    given(args.value(own)).or(given(network)).or(given(foremost.and_then(|i| i.get(inner))))
}

/// The subnet where the task wants the instance; `None`: it does not say.
pub fn subnet(args: &Args) -> Option<Value> {
    first(args, "vpc_subnet_id", "subnet_id")
}

/// The primary address that the task wants.
pub fn address(args: &Args) -> Option<Value> {
    let several = || addresses(first(args, "", "private_ip_addresses")?.as_list()?).into_iter().next();
    first(args, "private_ip", "private_ip_address").or_else(several)
}

/// Addresses as text or as `{primary: …, private_ip_address: …}`, the primary one first.
fn addresses(given: &[Value]) -> Vec<Value> {
    let primary = |value: &Value| value.get("primary").and_then(crate::spec::to_bool) == Some(true);
    let (first, others): (Vec<_>, Vec<_>) = given.iter().partition(|v| primary(v));
    let text = |value: &Value| value.get("private_ip_address").unwrap_or(value).clone();
    first.into_iter().chain(others).map(text).collect()
}

/// Interfaces that the task names, with their positions; they keep their own tags.
pub fn existing(cx: &Cx<'_>) -> Vec<(i32, String)> {
    let ids = cx.args.map("network").map_or(&[][..], |n| n.items("interfaces"));
    let ids = if ids.is_empty() { cx.args.items("network_interfaces_ids") } else { ids };
    // As the old module has them: ids instead of options.
    let old = cx.args.items("network_interfaces");
    let ids = if ids.is_empty() && old.iter().all(|i| i.as_str().is_some()) { old } else { ids };
    let one = |(at, value): (usize, &Value)| {
        let index = value.as_map().and_then(|m| m.opt_int("device_index"));
        let index = index.and_then(|n| n.try_into().ok()).or(at.try_into().ok());
        (index.unwrap_or_default(), value.get("id").map_or_else(|| to_text(value), to_text))
    };
    ids.iter().enumerate().map(one).collect()
}

/// Plain, or as interfaces where something of them is said that only an interface can have.
///
/// # Errors
/// Ids of interfaces stand between options of new ones.
pub fn fill(
    cx: &Cx<'_>,
    input: RunInstancesInputBuilder,
    groups: Vec<String>,
) -> Result<RunInstancesInputBuilder, Failure> {
    let there = existing(cx);
    if !there.is_empty() {
        let one = |(index, id)| Interface::builder().device_index(index).network_interface_id(id).build();
        return Ok(input.set_network_interfaces(Some(there.into_iter().map(one).collect())));
    }
    let given = cx.args.items("network_interfaces");
    let several: Vec<&Map> = given.iter().filter_map(Value::as_map).collect();
    if several.len() != given.len() {
        return Err(Failure::new(
            "network_interfaces: ids of interfaces that are there stand beside options of new ones\nhint: give either",
        ));
    }
    if !several.is_empty() {
        let several = several.into_iter().enumerate().map(|(at, given)| interface(cx, given, at, &groups));
        return Ok(input.set_network_interfaces(Some(several.collect())));
    }
    let empty = Map::new();
    let given = cx.args.map("network").unwrap_or(&empty);
    let words = [
        "assign_public_ip",
        "description",
        "delete_on_termination",
        "ipv6_addresses",
        "private_ip_addresses",
    ];
    let special = cx.args.has("assign_public_ip") || words.iter().any(|name| given.has(name));
    if special {
        return Ok(input.network_interfaces(interface(cx, given, 0, &groups)));
    }
    let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_string);
    Ok(input
        .set_subnet_id(text(subnet(cx.args)))
        .set_private_ip_address(text(address(cx.args)))
        .set_security_group_ids((!groups.is_empty()).then_some(groups)))
}

/// One of these options; what it leaves out is as the task has it.
fn interface(cx: &Cx<'_>, given: &Map, at: usize, groups: &[String]) -> Interface {
    let text = |name: &str| given.opt_str(name).map(str::to_string);
    let number = |name: &str| given.opt_int(name).and_then(|n| n.try_into().ok());
    let own: Vec<String> = given.list("groups").into_iter().map(str::to_string).collect();
    // Those of `network` are among the task's.
    let groups = if own.is_empty() || cx.args.has("network") { groups.to_vec() } else { own };
    let first = |name: &str| cx.text(name).filter(|_| at == 0).map(str::to_string);
    let further =
        addresses(given.items("private_ip_addresses")).into_iter().enumerate().map(|(at, address)| {
            let specification = types::PrivateIpAddressSpecification::builder().primary(at == 0);
            specification.private_ip_address(to_text(&address)).build()
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
