//! ec2_vpc_nat_gateway: a NAT gateway and its address.

use crate::base::{List, Map};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::{Address, NatGateway};
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{
    self, Attributes, CloudFuture, Cx, Place, Resource, TagChange, Verdict, address, find,
};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::plan::Claims;
use crate::record;
use crate::spec::ModuleSpec;
use std::sync::Arc;
use std::time::Duration;

/// The truth is DescribeNatGateways, only those pending or available, by id, tags or subnet.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Nat))
}

struct Nat;

/// The gateway, and an address that it has or may have.
pub struct Seen {
    gateway: Option<Arc<types::NatGateway>>,
    /// Allocated by an earlier run of this task, which did not come to use it, or with the gateway.
    own: Vec<Arc<types::Address>>,
}

/// What `apply` has to do; in place only tags can change.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// A gateway is made, with an address where it is public.
    Create,
    /// Another is made in its place: what differs cannot be changed.
    Replace,
    /// Only its tags differ.
    Tags(TagChange),
    /// One that was begun earlier is not available yet.
    Wait,
    /// It goes, or what is left of it: an address that was made for it.
    Remove,
}

impl Resource for Nat {
    type Seen = Seen;
    type Steps = Steps;
    const PLACED: bool = true;

    fn key(&self, args: &Args) -> String {
        let name = args.map("tags").and_then(|tags| tags.opt_str("Name"));
        name.or(args.opt_str("subnet_id")).or(args.opt_str("nat_gateway_id")).unwrap_or_default().to_string()
    }

    fn place(&self, args: &Args) -> Place {
        match args.has("nat_gateway_id") {
            true => Place::default(),
            false => Place::new(vec![("subnet_id", args.value("subnet_id").cloned())]),
        }
    }

    /// Those of one node after each other: they share the addresses that it left.
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        let mut claims = cloud::claims(spec, args);
        if args.map("tags").is_some_and(|tags| tags.has("Name")) {
            claims.writes.push(format!("ec2_nat_gateway:{}", self.key(args)));
        }
        claims
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let account = &cx.account;
            let (all, addresses) = tokio::try_join!(
                account.nat_gateways.all(&*account.ec2),
                account.addresses.all(&*account.ec2)
            )?;
            let live: Vec<_> = all.into_iter().filter(|g| alive(g)).collect();
            let gateway = match cx.text("nat_gateway_id") {
                Some(id) => live.iter().find(|g| g.nat_gateway_id() == Some(id)).map(Arc::clone),
                None => {
                    let is = |g: &types::NatGateway, _: &str| g.subnet_id.iter().cloned().collect();
                    find::placed::<NatGateway>(cx, &live, is, |g| {
                        cx.text("subnet_id").is_some() && g.subnet_id() == cx.text("subnet_id")
                    })?
                }
            };
            let mut own = find::in_place::<Address>(cx, &addresses);
            own.retain(|a| cx.identity.is(&from_sdk(a.tags())));
            // Others of the node have addresses of their own.
            let is_own = |g: &Arc<types::NatGateway>| gateway.as_ref().is_some_and(|own| Arc::ptr_eq(own, g));
            let others: Vec<_> = live.iter().filter(|g| !is_own(g)).collect();
            let has = |g: &types::NatGateway, address: &types::Address| {
                g.nat_gateway_addresses().iter().any(|a| a.allocation_id() == Some(Address::id(address)))
            };
            own.retain(|a| !others.iter().any(|g| has(g, a)));
            Ok(Seen { gateway, own })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("NAT gateway {}", self.key(cx.args));
        match (&seen.gateway, cx.args.str("state")) {
            (None, "absent") => Ok(match seen.own.is_empty() {
                true => Verdict::unchanged(Map::new()),
                false => {
                    Verdict::new(Attributes::delete(&format!("address of {what}")), Steps::Remove, Map::new())
                }
            }),
            (Some(gateway), "absent") => {
                find::may_remove::<NatGateway>(cx, gateway)?;
                Ok(Verdict::new(Attributes::delete(&what), Steps::Remove, shown(gateway)))
            }
            (None, _) => creation(cx, &what),
            (Some(gateway), _) => change(cx, gateway, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            match (steps, &seen.gateway) {
                (Steps::Create, _) => create(cx, seen, &[]).await,
                (Steps::Replace, Some(old)) if keeps_address(cx) => {
                    // Its address is free for the new one when it is gone.
                    cx.account.remove(&cx.account.nat_gateways, NatGateway::id(old)).await?;
                    create(cx, seen, &[]).await
                }
                (Steps::Replace, Some(old)) => create(cx, seen, std::slice::from_ref(old)).await,
                (Steps::Tags(tags), Some(gateway)) => {
                    cx.write_tags(&[NatGateway::id(gateway)], tags).await?;
                    let is = from_sdk(gateway.tags());
                    let after = cloud::with_tags(&**gateway, is, tags, |g, tags| g.tags = Some(tags));
                    let gateway = cx.account.nat_gateways.put(after);
                    ready(cx, gateway).await
                }
                (Steps::Wait, Some(gateway)) => ready(cx, Arc::clone(gateway)).await,
                (Steps::Remove, gateway) => remove(cx, seen, gateway.as_deref()).await,
                (_, Some(gateway)) => Ok(shown(gateway)),
                (_, None) => Ok(Map::new()),
            }
        })
    }

    fn waits(&self, steps: &Steps) -> bool {
        matches!(steps, Steps::Wait)
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        let mut things = cloud::thing::<NatGateway>(&seen.gateway);
        let own = seen.own.iter().map(|a| Some(Arc::clone(a)));
        things.extend(own.flat_map(|address| cloud::thing::<Address>(&address)));
        things
    }
}

fn alive(gateway: &types::NatGateway) -> bool {
    matches!(gateway.state(), Some(types::NatGatewayState::Pending | types::NatGatewayState::Available))
}

fn creation(cx: &Cx<'_>, what: &str) -> Result<Verdict<Steps>, Failure> {
    if !cx.args.has("subnet_id") {
        return Err(Failure::new(format!("there is no {what}, and without `subnet_id` it cannot be made")));
    }
    let mut attributes = Attributes::default();
    attributes.wanted("subnet_id", cx.args.get("subnet_id").cloned().unwrap_or_default());
    attributes.wanted("connectivity_type", cx.args.str("connectivity_type"));
    attributes.wanted("nat_gateway_id", cx.unknown());
    Ok(Verdict::new(attributes.create(what), Steps::Create, predicted(cx)))
}

/// One that is to be made.
fn predicted(cx: &Cx<'_>) -> Map {
    let foreseen = record! {
        "nat_gateway_id" => cx.unknown(),
        "subnet_id" => cx.args.get("subnet_id").cloned().unwrap_or_default(),
        "vpc_id" => cx.unknown(),
        "state" => if cx.args.bool("wait") { "available" } else { "pending" },
        "connectivity_type" => cx.args.str("connectivity_type"),
        "nat_gateway_addresses" => cx.unknown(),
        "create_time" => cx.unknown(),
        "tags" => cloud::tags_value(&cx.wanted_tags()),
    };
    cx.open(foreseen, shown(&types::NatGateway::builder().build()))
}

/// Whether the task names the address, so that two gateways cannot be there at once.
fn keeps_address(cx: &Cx<'_>) -> bool {
    cx.text("allocation_id").is_some() || cx.text("eip_address").is_some()
}

fn change(cx: &Cx<'_>, gateway: &types::NatGateway, what: &str) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    if let Some(subnet) = cx.args.get("subnet_id").filter(|wanted| !wanted.is_null()) {
        attributes.fixed("subnet_id", gateway.subnet_id(), subnet.clone());
    }
    if cx.text("nat_gateway_id").is_none() {
        let is = gateway.connectivity_type().map_or("public", |kind| kind.as_str());
        attributes.fixed("connectivity_type", is, cx.args.str("connectivity_type"));
    }
    for (name, wanted) in
        [("allocation_id", cx.text("allocation_id")), ("eip_address", cx.text("eip_address"))]
    {
        let mut addresses = gateway.nat_gateway_addresses().iter();
        let of = |a: &types::NatGatewayAddress| {
            [a.allocation_id(), a.public_ip()].into_iter().flatten().any(|is| Some(is) == wanted)
        };
        if wanted.is_some() && !addresses.any(of) {
            let is = gateway.nat_gateway_addresses().first();
            let is = is.and_then(|a| if name == "allocation_id" { a.allocation_id() } else { a.public_ip() });
            attributes.fixed(name, is, wanted);
        }
    }
    if !attributes.forces().is_empty() {
        find::may_remove::<NatGateway>(cx, gateway)?;
        let change = attributes.change(what).ok_or_else(|| Failure::new("nothing differs"))?;
        return Ok(Verdict::new(change, Steps::Replace, predicted(cx)));
    }
    let tags = cx.compare_tags(&mut attributes, &from_sdk(gateway.tags()));
    let pending = matches!(gateway.state(), Some(types::NatGatewayState::Pending)) && cx.args.bool("wait");
    match attributes.change(what) {
        Some(change) => {
            find::may_touch::<NatGateway>(cx, gateway)?;
            Ok(Verdict::new(change, Steps::Tags(tags), shown(gateway)))
        }
        None if pending => {
            Ok(Verdict { change: None, steps: Steps::Wait, result: shown(gateway), warnings: Vec::new() })
        }
        None => Ok(Verdict::unchanged(shown(gateway))),
    }
}

/// `old`: what the new one takes the place of, with its own address.
async fn create(cx: &Cx<'_>, seen: &Seen, old: &[Arc<types::NatGateway>]) -> Result<Map, Failure> {
    let account = &cx.account;
    let allocation = match cx.args.str("connectivity_type") {
        "private" => None,
        _ => Some(allocation(cx, seen).await?),
    };
    let op = cx.identity.op();
    let tags = cx.wanted_tags();
    let input = CreateNatGatewayInputBuilder::default()
        .set_subnet_id(cx.text("subnet_id").map(str::to_string))
        .set_allocation_id(allocation)
        .connectivity_type(cx.args.str("connectivity_type").into())
        .client_token(op.token())
        .tag_specifications(op.specification(types::ResourceType::Natgateway, &tags));
    let send = || -> CallFuture<'_, types::NatGateway> {
        let input = input.clone();
        Box::pin(async move {
            let made = account.ec2.create_nat_gateway(input).await?.nat_gateway;
            made.ok_or_else(|| CallError::own("ec2:CreateNatGateway", "the answer names no gateway"))
        })
    };
    let (used, _) = addresses(seen);
    let used = if old.is_empty() { Vec::new() } else { used };
    let made = find::in_place_of::<NatGateway, _>(cx, old, account.create(&account.nat_gateways, &op, &send));
    let gateway = find::in_place_of::<Address, _>(cx, &used, made).await?;
    ready(cx, gateway).await
}

/// Its own addresses: those in use, and one that is not.
fn addresses(seen: &Seen) -> (Vec<Arc<types::Address>>, Option<Arc<types::Address>>) {
    let (used, free): (Vec<_>, Vec<_>) = seen.own.iter().cloned().partition(|a| a.association_id().is_some());
    (used, free.into_iter().next())
}

/// The allocation that the task names, or one of its own.
async fn allocation(cx: &Cx<'_>, seen: &Seen) -> Result<String, Failure> {
    if let Some(id) = cx.text("allocation_id") {
        return Ok(id.to_string());
    }
    let account = &cx.account;
    let address = match (cx.text("eip_address"), addresses(seen).1) {
        (Some(ip), _) => {
            let all = account.addresses.all(&*account.ec2).await?;
            let found = all.into_iter().find(|a| a.public_ip() == Some(ip));
            found
                .ok_or_else(|| Failure::new(format!("no address {ip} is allocated in {}", account.region)))?
        }
        (None, Some(own)) => own,
        (None, None) => address::allocate(cx, &cx.wanted_tags(), None).await?,
    };
    Ok(Address::id(&address).to_string())
}

/// Waits where the task wants it; a gateway that failed says why.
async fn ready(cx: &Cx<'_>, gateway: Arc<types::NatGateway>) -> Result<Map, Failure> {
    if !cx.args.bool("wait") {
        return Ok(shown(&gateway));
    }
    let account = &cx.account;
    let settled = |seen: Option<&Arc<types::NatGateway>>| {
        seen.filter(|g| !matches!(g.state(), Some(types::NatGatewayState::Pending))).map(Arc::clone)
    };
    let limit = Duration::from_secs(cx.args.int("wait_timeout").max(1).unsigned_abs());
    let id = NatGateway::id(&gateway);
    let gateway = account.nat_gateways.until(&*account.ec2, &account.manner, id, limit, settled).await?;
    match gateway.state() {
        Some(types::NatGatewayState::Available) => Ok(shown(&gateway)),
        _ => Err(Failure::new(format!(
            "the NAT gateway {id} did not become available: {} ({})",
            gateway.failure_message().unwrap_or("it is being removed"),
            gateway.failure_code().unwrap_or_default()
        ))),
    }
}

async fn remove(cx: &Cx<'_>, seen: &Seen, gateway: Option<&types::NatGateway>) -> Result<Map, Failure> {
    let account = &cx.account;
    let mut released: Vec<&str> = seen.own.iter().map(|a| Address::id(a)).collect();
    if let Some(gateway) = gateway {
        account.remove(&account.nat_gateways, NatGateway::id(gateway)).await?;
        if cx.args.bool("release_eip") {
            released.extend(gateway.nat_gateway_addresses().iter().filter_map(|a| a.allocation_id()));
            released.dedup();
        }
    }
    for id in released {
        account.addresses.refresh(&*account.ec2, &[id.to_string()]).await?;
        account.remove(&account.addresses, id).await?;
    }
    Ok(gateway.map(shown).unwrap_or_default())
}

/// A gateway as `ec2_vpc_nat_gateway_info` returns it; the time is ISO 8601 in UTC.
pub fn shown(gateway: &types::NatGateway) -> Map {
    let addresses = gateway.nat_gateway_addresses().iter().map(|a| {
        crate::base::Value::from(record! {
            "allocation_id" => a.allocation_id(),
            "association_id" => a.association_id(),
            "is_primary" => a.is_primary(),
            "status" => cloud::values::word(a.status()),
            "network_interface_id" => a.network_interface_id(),
            "private_ip" => a.private_ip(),
            "public_ip" => a.public_ip(),
        })
    });
    record! {
        "nat_gateway_id" => gateway.nat_gateway_id(),
        "subnet_id" => gateway.subnet_id(),
        "vpc_id" => gateway.vpc_id(),
        "state" => cloud::values::word(gateway.state()),
        "connectivity_type" => cloud::values::word(gateway.connectivity_type()),
        "nat_gateway_addresses" => addresses.collect::<List>(),
        "create_time" => gateway.create_time().map(ToString::to_string),
        "delete_time" => gateway.delete_time().map(ToString::to_string),
        "tags" => cloud::values::tags(gateway.tags()),
    }
}
