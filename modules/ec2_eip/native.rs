//! ec2_eip: an elastic IP and what it is with.

use crate::base::Map;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::{NODE, STACK, from_sdk};
use crate::cloud::kinds::Address;
use crate::cloud::{Kind, Tags, Thing};
use crate::modules::cloud::{
    self, Attributes, CloudFuture, Cx, Place, Resource, TagChange, Verdict, address, find,
};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::record;
use std::sync::Arc;

/// The truth is DescribeAddresses; an address is found by itself, by tags, or by what it is with.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Eip))
}

struct Eip;

type Seen = Option<Arc<types::Address>>;

/// What `apply` has to do; an address is released only where the task says so.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// An address is allocated, and given to the device where there is one.
    Create,
    /// It is not with the device that is wanted, or its tags differ.
    Change {
        /// It is to be given to the device.
        associate: bool,
        /// Its tags that differ.
        tags: TagChange,
    },
    /// It is taken from its device and stays.
    Dissociate,
    /// It is released.
    Remove,
}

impl Resource for Eip {
    type Seen = Seen;
    type Steps = Steps;
    const PLACED: bool = true;

    fn key(&self, args: &Args) -> String {
        let name = || args.map("tags").and_then(|tags| tags.opt_str("Name"));
        let given = args.opt_str("public_ip").or_else(name).or(args.opt_str("device_id"));
        given.unwrap_or("address").to_string()
    }

    fn place(&self, args: &Args) -> Place {
        match args.has("public_ip") {
            true => Place::default(),
            false => Place::new(vec![("device_id", args.value("device_id").cloned())]),
        }
    }

    fn nameless(&self, args: &Args) -> bool {
        !args.has("public_ip") && !args.has("device_id") && !args.bool("reuse_existing_ip_allowed")
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            if cx.args.has("domain_name") || cx.args.bool("update_reverse_dns_record") {
                return Err(Failure::new(
                    "`domain_name` and `update_reverse_dns_record`: the name that an address resolves to is not written \
                     here\nhint: `aws ec2 modify-address-attribute --allocation-id … --domain-name …` writes it",
                ));
            }
            let all = cx.account.addresses.all(&*cx.account.ec2).await?;
            if let Some(ip) = cx.text("public_ip") {
                let found = all.into_iter().find(|a| a.public_ip() == Some(ip));
                if found.is_none() && cx.args.str("state") == "present" {
                    return Err(Failure::new(format!(
                        "no address {ip} is allocated in {}",
                        cx.account.region
                    )));
                }
                return Ok(found);
            }
            // What it is with goes on in its successor.
            let is = |a: &types::Address, _: &str| {
                let devices = [a.instance_id(), a.network_interface_id()].into_iter().flatten();
                devices.flat_map(|d| [Some(d.to_string()), cx.account.successor(d)]).flatten().collect()
            };
            let here = |a: &types::Address| cx.text("device_id").is_some_and(|d| with(a, d));
            let found = find::placed::<Address>(cx, &all, is, here)?;
            let open = cx.is_unknown("device_id");
            let follower =
                |a: &&Arc<types::Address>| follows(cx, a) && (!open || cx.account.follow(Address::id(a)));
            let found = found.or_else(|| all.iter().find(follower).map(Arc::clone));
            let reusable = || all.iter().find(|a| reusable(cx, a)).map(Arc::clone);
            Ok(found.or_else(reusable))
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let device = cx.text("device_id");
        match (seen, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (None, _) => Ok(creation(cx, &self.key(cx.args))),
            (Some(address), "absent") => {
                let what = described(address);
                let shown = result(address);
                if device.is_some() && !cx.args.bool("release_on_disassociation") {
                    let mut attributes = Attributes::default();
                    if address.association_id().is_none() {
                        return Ok(Verdict::unchanged(shown));
                    }
                    attributes.element("device_id", device, None);
                    let change = attributes.change(&what).ok_or_else(|| Failure::new("nothing differs"))?;
                    return Ok(Verdict::new(change, Steps::Dissociate, shown));
                }
                find::may_remove::<Address>(cx, address)?;
                Ok(Verdict::new(Attributes::delete(&what), Steps::Remove, shown))
            }
            (Some(address), _) => change(cx, address),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, seen) {
                (Steps::Create, _) => {
                    let pool = cx.text("public_ipv4_pool");
                    let made = address::allocate(cx, &cx.wanted_tags(), pool).await?;
                    match cx.args.has("device_id") {
                        true => associate(cx, &made).await,
                        false => Ok(result(&made)),
                    }
                }
                (Steps::Change { associate: to_device, tags }, Some(address)) => {
                    cx.write_tags(&[Address::id(address)], tags).await?;
                    match to_device {
                        true => associate(cx, address).await,
                        false => Ok(result(address)),
                    }
                }
                (Steps::Dissociate, Some(address)) => {
                    address::dissociate(cx, address).await?;
                    account.addresses.refresh(&*account.ec2, &[Address::id(address).to_string()]).await?;
                    Ok(result(address))
                }
                (Steps::Remove, Some(address)) => {
                    account.remove(&account.addresses, Address::id(address)).await?;
                    Ok(result(address))
                }
                (_, Some(address)) => Ok(result(address)),
                (_, None) => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<Address>(seen)
    }
}

fn with(address: &types::Address, device: &str) -> bool {
    address.instance_id() == Some(device) || address.network_interface_id() == Some(device)
}

/// Whether it was named after a device that the wanted one takes the place of: with that it goes to it.
fn follows(cx: &Cx<'_>, address: &types::Address) -> bool {
    let (tags, stack) = (from_sdk(address.tags()), Some(&cx.identity.stack));
    let node = tags.get(NODE).filter(|_| tags.get(STACK) == stack);
    let old = node.and_then(|node| node.strip_prefix("ec2_eip/"));
    cx.args.has("device_id") && old.is_some_and(|old| cx.account.takes_place(old, cx.text("device_id")))
}

/// Whether the device that has it goes, and the wanted one comes in its place.
fn moves(cx: &Cx<'_>, address: &types::Address) -> bool {
    let is = [address.instance_id(), address.network_interface_id()];
    is.into_iter().flatten().any(|old| cx.account.takes_place(old, cx.text("device_id")))
}

/// Unused, and with the tag that was asked for.
fn reusable(cx: &Cx<'_>, address: &types::Address) -> bool {
    let tags = from_sdk(address.tags());
    let tagged = match (cx.text("tag_name"), cx.text("tag_value")) {
        (Some(name), Some(value)) => tags.get(name).map(String::as_str) == Some(value),
        (Some(name), None) => tags.contains_key(name),
        (None, _) => true,
    };
    cx.args.bool("reuse_existing_ip_allowed") && address.association_id().is_none() && tagged
}

fn described(address: &types::Address) -> String {
    format!("elastic IP {}", address.public_ip().unwrap_or_default())
}

fn creation(cx: &Cx<'_>, key: &str) -> Verdict<Steps> {
    let mut attributes = Attributes::default();
    attributes.wanted("device_id", cx.args.get("device_id").cloned().unwrap_or_default());
    attributes.wanted("public_ip", cx.unknown());
    let shown = record! {
        "allocation_id" => cx.unknown(),
        "public_ip" => cx.unknown(),
        "association_id" => cx.unknown(),
    };
    Verdict::new(attributes.create(&format!("elastic IP {key}")), Steps::Create, shown)
}

fn change(cx: &Cx<'_>, address: &types::Address) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let is = address.instance_id().filter(|i| !i.is_empty()).or(address.network_interface_id());
    let wanted = cx.args.get("device_id").filter(|d| !d.is_null());
    let mut associate = false;
    if let Some(device) = wanted
        && !device.as_str().is_some_and(|d| with(address, d))
    {
        let may = cx.args.bool("allow_reassociation") || moves(cx, address);
        if address.association_id().is_some() && !may {
            return Err(Failure::new(format!(
                "{} is with {}\nhint: `allow_reassociation: true` takes it from there",
                described(address),
                is.unwrap_or("another device")
            )));
        }
        associate = attributes.compare("device_id", is, device.clone());
    }
    let mut tags = cx.compare_tags(&mut attributes, &from_sdk(address.tags()));
    if associate && follows(cx, address) {
        tags.set.insert(NODE.into(), cx.identity.node.clone());
    }
    match attributes.change(&described(address)) {
        None => Ok(Verdict::unchanged(result(address))),
        Some(change) => {
            // Whoever names an address may use it; its tags are its owner's.
            if !tags.is_empty() {
                find::may_touch::<Address>(cx, address)?;
            }
            Ok(Verdict::new(change, Steps::Change { associate, tags }, result(address)))
        }
    }
}

async fn associate(cx: &Cx<'_>, address: &types::Address) -> Result<Map, Failure> {
    let account = &cx.account;
    let device = cx.args.str("device_id");
    let input = AssociateAddressInputBuilder::default()
        .set_allocation_id(address.allocation_id.clone())
        .allow_reassociation(cx.args.bool("allow_reassociation") || moves(cx, address))
        .set_private_ip_address(cx.text("private_ip_address").map(str::to_string));
    let input = match device.starts_with("eni-") {
        true => input.network_interface_id(device),
        false => input.instance_id(device),
    };
    account.ec2.associate_address(input).await?;
    account.addresses.refresh(&*account.ec2, &[Address::id(address).to_string()]).await?;
    if device.starts_with("i-") {
        account.instances.refresh(&*account.ec2, &[device.to_string()]).await?;
    }
    let now = account.addresses.get(&*account.ec2, Address::id(address)).await?;
    Ok(result(now.as_deref().unwrap_or(address)))
}

fn result(address: &types::Address) -> Map {
    record! {
        "allocation_id" => address.allocation_id(),
        "public_ip" => address.public_ip(),
        "association_id" => address.association_id(),
    }
}

/// As ec2_eip_info tells it.
pub fn shown(address: &types::Address) -> Map {
    record! {
        "allocation_id" => address.allocation_id(),
        "public_ip" => address.public_ip(),
        "association_id" => address.association_id(),
        "domain" => address.domain().map(|d| d.as_str().to_string()),
        "instance_id" => address.instance_id(),
        "network_border_group" => address.network_border_group(),
        "network_interface_id" => address.network_interface_id(),
        "network_interface_owner_id" => address.network_interface_owner_id(),
        "private_ip_address" => address.private_ip_address(),
        "tags" => cloud::values::tags(address.tags()),
    }
}
