//! ec2_vpc_subnet: a subnet with its range, zone and what its instances get.

use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::{Instance, Subnet};
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, find, values};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use std::sync::Arc;
use std::time::Duration;

/// The truth is DescribeSubnets of the VPC, by tags or by address range; the range and the zone cannot
/// change.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Net))
}

struct Net;

#[derive(Default)]
enum Steps {
    #[default]
    None,
    Create(Changes),
    /// Its range is free for the new one only when the old one is gone.
    Replace(Changes),
    Change(Changes),
    Remove,
}

#[derive(Default)]
struct Changes {
    map_public: Option<bool>,
    assign_ipv6: Option<bool>,
    ipv6_cidr: Option<String>,
    tags: TagChange,
}

impl Resource for Net {
    type Seen = Option<Arc<types::Subnet>>;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.str("cidr").to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Self::Seen> {
        Box::pin(async move {
            // In a VPC that is not there yet is nothing.
            let Some(vpc) = cx.text("vpc_id") else { return Ok(None) };
            let inside = |s: &types::Subnet| s.vpc_id() == Some(vpc);
            let all = cx.account.subnets.within(&cx.account, vpc, inside).await?;
            let found = find::one::<Subnet>(cx, &all, |s| s.cidr_block() == cx.text("cidr"))?;
            if let Some(subnet) = &found {
                empty_if_replaced(cx, subnet).await?;
            }
            Ok(found)
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Self::Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("subnet {}", self.key(cx.args));
        match (seen, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(subnet), "absent") => {
                find::may_remove::<Subnet>(cx, subnet)?;
                let change = Attributes::delete(&format!("{what} ({})", Subnet::id(subnet)));
                Ok(Verdict::new(change, Steps::Remove, result(values::subnet(subnet))))
            }
            (None, _) => {
                let mut attributes = Attributes::default();
                for name in ["vpc_id", "cidr"] {
                    attributes.wanted(name, cx.args.value(name).cloned());
                }
                attributes.wanted("az", known_zone(cx));
                let changes = compare(cx, &mut attributes, None);
                attributes.wanted("id", cx.unknown());
                Ok(Verdict::new(attributes.create(&what), Steps::Create(changes), predicted(cx)))
            }
            (Some(subnet), _) => change(cx, subnet, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Self::Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, seen) {
                (Steps::Create(changes), _) => {
                    let subnet = create(cx).await?;
                    alter(cx, &subnet, changes).await
                }
                (Steps::Replace(changes), Some(old)) => {
                    account.remove(&account.subnets, Subnet::id(old)).await?;
                    let subnet = create(cx).await?;
                    alter(cx, &subnet, changes).await
                }
                (Steps::Change(changes), Some(subnet)) => alter(cx, subnet, changes).await,
                (Steps::Remove, Some(subnet)) => {
                    account.remove(&account.subnets, Subnet::id(subnet)).await?;
                    Ok(result(values::subnet(subnet)))
                }
                _ => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Self::Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<Subnet>(seen)
    }
}

/// The zone that is asked for; a letter alone is a zone of the region.
fn wanted_zone(cx: &Cx<'_>) -> Option<String> {
    let zone = cx.text("az")?;
    Some(if zone.len() == 1 { format!("{}{zone}", cx.account.region) } else { zone.to_string() })
}

/// Two subnets cannot have one range, so the old one goes before its successor is there; with an instance inside it cannot.
async fn empty_if_replaced(cx: &Cx<'_>, subnet: &types::Subnet) -> Result<(), Failure> {
    let zone = subnet.availability_zone();
    let Some(wanted) = wanted_zone(cx).filter(|wanted| zone != Some(wanted.as_str())) else { return Ok(()) };
    if cx.args.str("state") == "absent" {
        return Ok(());
    }
    let instances = cx.account.instances.all(&*cx.account.ec2).await?;
    let inside = |i: &&Arc<types::Instance>| i.subnet_id() == Some(Subnet::id(subnet));
    let Some(instance) = instances.iter().find(inside) else { return Ok(()) };
    Err(Failure::new(format!(
        "the {} {} is in {}, and cannot move to {} while the instance {} is in it\nhint: terminate what is in it first, or \
         make a subnet of another range",
        Subnet::NAME,
        find::described::<Subnet>(subnet),
        zone.unwrap_or_default(),
        wanted,
        find::described::<Instance>(instance)
    )))
}

/// What can be changed in place; of a new subnet (`None`) the defaults are known.
fn compare(cx: &Cx<'_>, attributes: &mut Attributes, subnet: Option<&types::Subnet>) -> Changes {
    let mut changes = Changes::default();
    let is = subnet.is_some_and(|s| s.map_public_ip_on_launch() == Some(true));
    let wanted = cx.args.bool("map_public");
    if attributes.compare("map_public", is, wanted) {
        changes.map_public = Some(wanted);
    }
    let is = subnet.is_some_and(|s| s.assign_ipv6_address_on_creation() == Some(true));
    let wanted = cx.args.bool("assign_instances_ipv6");
    if attributes.compare("assign_instances_ipv6", is, wanted) {
        changes.assign_ipv6 = Some(wanted);
    }
    if let (Some(subnet), Some(wanted)) = (subnet, cx.text("ipv6_cidr")) {
        let there = subnet.ipv6_cidr_block_association_set().iter();
        if !there.filter_map(|a| a.ipv6_cidr_block()).any(|is| is == wanted) {
            attributes.element("ipv6_cidr", None, Some(wanted));
            changes.ipv6_cidr = Some(wanted.to_string());
        }
    }
    changes
}

fn change(cx: &Cx<'_>, subnet: &types::Subnet, what: &str) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    attributes.fixed("cidr", subnet.cidr_block(), cx.text("cidr"));
    if let Some(zone) = wanted_zone(cx) {
        attributes.fixed("az", subnet.availability_zone(), zone.as_str());
    }
    if !attributes.forces().is_empty() {
        find::may_remove::<Subnet>(cx, subnet)?;
        let changes = compare(cx, &mut attributes, None);
        let change = attributes.change(what).ok_or_else(|| Failure::new("nothing differs"))?;
        return Ok(Verdict::new(change, Steps::Replace(changes), predicted(cx)));
    }
    let mut changes = compare(cx, &mut attributes, Some(subnet));
    let tags = from_sdk(subnet.tags());
    changes.tags = cx.compare_tags(&mut attributes, &tags);
    match attributes.change(what) {
        None => Ok(Verdict::unchanged(result(values::subnet(subnet)))),
        Some(change) => {
            find::may_touch::<Subnet>(cx, subnet)?;
            Ok(Verdict::new(change, Steps::Change(changes), result(values::subnet(subnet))))
        }
    }
}

/// The same, as a value that may be unknown.
fn known_zone(cx: &Cx<'_>) -> Option<Value> {
    wanted_zone(cx).map(Value::from).or_else(|| cx.args.value("az").filter(|v| !v.is_null()).cloned())
}

fn predicted(cx: &Cx<'_>) -> Map {
    let given = |name: &str| cx.args.value(name).cloned();
    let foreseen = crate::record! {
        "id" => cx.unknown(),
        "subnet_id" => cx.unknown(),
        "cidr_block" => given("cidr"),
        "vpc_id" => given("vpc_id"),
        "availability_zone" => known_zone(cx).unwrap_or_else(|| cx.unknown()),
        "availability_zone_id" => cx.unknown(),
        "available_ip_address_count" => cx.unknown(),
        "map_public_ip_on_launch" => cx.args.bool("map_public"),
        "assign_ipv6_address_on_creation" => cx.args.bool("assign_instances_ipv6"),
        "ipv6_cidr_block" => given("ipv6_cidr").unwrap_or_else(|| "".into()),
        "ipv6_cidr_block_association_set" => List::new(),
        "default_for_az" => false,
        "owner_id" => cx.unknown(),
        "subnet_arn" => cx.unknown(),
        "state" => "available",
        "tags" => cloud::tags_value(&cx.wanted_tags()),
    };
    result(cx.open(foreseen, cloud::values::subnet(&types::Subnet::builder().build())))
}

fn result(subnet: Map) -> Map {
    crate::record! { "subnet" => subnet }
}

async fn create(cx: &Cx<'_>) -> Result<Arc<types::Subnet>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let given = |name: &str| cx.text(name).map(str::to_string);
    let tags = op.specification(types::ResourceType::Subnet, &cx.wanted_tags());
    let input = CreateSubnetInputBuilder::default()
        .set_vpc_id(given("vpc_id"))
        .set_cidr_block(given("cidr"))
        .set_availability_zone(wanted_zone(cx))
        .set_ipv6_cidr_block(given("ipv6_cidr"))
        .tag_specifications(tags);
    let send = || -> CallFuture<'_, types::Subnet> {
        let input = input.clone();
        Box::pin(async move {
            let made = account.ec2.create_subnet(input).await?.subnet;
            made.ok_or_else(|| CallError::own("ec2:CreateSubnet", "the answer names no subnet"))
        })
    };
    let subnet = account.create(&account.subnets, &op, &send).await?;
    if !cx.args.bool("wait") {
        return Ok(subnet);
    }
    let limit = Duration::from_secs(cx.args.int("wait_timeout").max(1) as u64);
    let ready = |seen: Option<&Arc<types::Subnet>>| {
        seen.filter(|s| matches!(s.state(), Some(types::SubnetState::Available))).map(Arc::clone)
    };
    Ok(account.subnets.until(&*account.ec2, &account.manner, Subnet::id(&subnet), limit, ready).await?)
}

async fn alter(cx: &Cx<'_>, subnet: &types::Subnet, changes: &Changes) -> Result<Map, Failure> {
    let (account, id) = (&cx.account, Subnet::id(subnet));
    let value = |on: bool| types::AttributeBooleanValue::builder().value(on).build();
    let modify = || ModifySubnetAttributeInputBuilder::default().subnet_id(id);
    if let Some(on) = changes.map_public {
        account.ec2.modify_subnet_attribute(modify().map_public_ip_on_launch(value(on))).await?;
    }
    if let Some(range) = &changes.ipv6_cidr {
        let input = AssociateSubnetCidrBlockInputBuilder::default().subnet_id(id).ipv6_cidr_block(range);
        account.ec2.associate_subnet_cidr_block(input).await?;
    }
    if let Some(on) = changes.assign_ipv6 {
        account.ec2.modify_subnet_attribute(modify().assign_ipv6_address_on_creation(value(on))).await?;
    }
    cx.write_tags(&[id], &changes.tags).await?;
    if changes.ipv6_cidr.is_some() {
        account.subnets.refresh(&*account.ec2, &[id.to_string()]).await?;
    }
    let known = account.subnets.get(&*account.ec2, id).await?;
    let known = known.as_deref().unwrap_or(subnet);
    let mut after = cloud::with_tags(known, from_sdk(known.tags()), &changes.tags, |s, t| s.tags = Some(t));
    after.map_public_ip_on_launch = changes.map_public.or(after.map_public_ip_on_launch);
    after.assign_ipv6_address_on_creation = changes.assign_ipv6.or(after.assign_ipv6_address_on_creation);
    let shown = result(values::subnet(&after));
    account.subnets.put(after);
    Ok(shown)
}
