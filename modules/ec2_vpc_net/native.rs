//! ec2_vpc_net: a VPC with its address ranges, DNS attributes and DHCP options.

use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::Vpc;
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{
    self, Attributes, CloudFuture, Cx, Place, Resource, TagChange, Verdict, find, values,
};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use std::sync::Arc;
use std::time::Duration;

/// The truth is DescribeVpcs, by id, by tags or by name and range; DNS attributes cost a call each and are
/// read where needed.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Net))
}

struct Net;

struct Seen {
    vpc: Option<Arc<types::Vpc>>,
    dns_support: bool,
    dns_hostnames: bool,
}

#[derive(Default)]
enum Steps {
    #[default]
    None,
    Create(Changes),
    /// Made anew; the former one goes at the end of the run.
    Replace(Changes),
    Change(Changes),
    Remove,
}

/// What a VPC that is there still needs.
#[derive(Default)]
struct Changes {
    associate: Vec<String>,
    /// Ids of associations.
    disassociate: Vec<String>,
    ipv6: bool,
    dns_support: Option<bool>,
    dns_hostnames: Option<bool>,
    dhcp: Option<String>,
    tags: TagChange,
}

const READY: Duration = Duration::from_secs(120);

impl Resource for Net {
    type Seen = Seen;
    type Steps = Steps;
    const PLACED: bool = true;

    fn key(&self, args: &Args) -> String {
        args.opt_str("name").or(args.opt_str("vpc_id")).unwrap_or_default().to_string()
    }

    fn place(&self, args: &Args) -> Place {
        match args.has("vpc_id") {
            true => Place::default(),
            false => Place::new(vec![("cidr_block", args.value("cidr_block").cloned())]),
        }
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let account = &cx.account;
            let present = cx.args.str("state") == "present";
            let all = account.vpcs.all(&*account.ec2).await?;
            let vpc = match cx.text("vpc_id") {
                Some(id) => all.into_iter().find(|v| v.vpc_id() == Some(id)),
                None => {
                    let is = |vpc: &types::Vpc, _: &str| ranges(vpc).map(|(_, is)| is.to_string()).collect();
                    find::placed::<Vpc>(cx, &all, is, |vpc| natural(cx, vpc))?
                }
            };
            let (mut dns_support, mut dns_hostnames) = (true, false);
            match (&vpc, cx.text("vpc_id")) {
                (Some(vpc), _) if present => {
                    // It is on from a VPC's beginning; only who speaks of it pays a call for it.
                    let support = async {
                        match cx.args.has("dns_support") {
                            true => support(cx, vpc).await,
                            false => Ok(true),
                        }
                    };
                    (dns_support, dns_hostnames) = tokio::try_join!(support, hostnames(cx, vpc))?;
                }
                (None, Some(id)) if present => {
                    return Err(Failure::new(format!("there is no VPC {id} in {}", account.region)));
                }
                _ => {}
            }
            Ok(Seen { vpc, dns_support, dns_hostnames })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("VPC {}", self.key(cx.args));
        match (&seen.vpc, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(vpc), "absent") => {
                find::may_remove::<Vpc>(cx, vpc)?;
                let change = Attributes::delete(&format!("{what} ({})", Vpc::id(vpc)));
                Ok(Verdict::new(change, Steps::Remove, result(values::vpc(vpc))))
            }
            (None, _) => creation(cx, &what),
            (Some(vpc), _) => change(cx, vpc, seen, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            match (steps, &seen.vpc) {
                (Steps::Create(changes), _) => {
                    let vpc = create(cx, &[]).await?;
                    alter(cx, &vpc, changes).await
                }
                (Steps::Replace(changes), Some(old)) => {
                    let vpc = create(cx, std::slice::from_ref(old)).await?;
                    alter(cx, &vpc, changes).await
                }
                (Steps::Change(changes), Some(vpc)) => alter(cx, vpc, changes).await,
                (Steps::Remove, Some(vpc)) => {
                    cx.account.remove(&cx.account.vpcs, Vpc::id(vpc)).await?;
                    Ok(result(values::vpc(vpc)))
                }
                _ => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<Vpc>(&seen.vpc)
    }
}

/// By name and one of its ranges, as Ansible finds it.
fn natural(cx: &Cx<'_>, vpc: &types::Vpc) -> bool {
    let named = from_sdk(vpc.tags()).get("Name").map(String::as_str) == cx.text("name");
    let wanted = cx.args.list("cidr_block");
    named && (wanted.is_empty() || wanted.iter().any(|cidr| ranges(vpc).any(|(_, is)| is == *cidr)))
}

/// The ranges in use, with the ids of their associations.
fn ranges(vpc: &types::Vpc) -> impl Iterator<Item = (&str, &str)> {
    let used = |a: &&types::VpcCidrBlockAssociation| {
        let state = a.cidr_block_state().and_then(|s| s.state());
        matches!(
            state,
            Some(types::VpcCidrBlockStateCode::Associated | types::VpcCidrBlockStateCode::Associating)
        )
    };
    let sets = vpc.cidr_block_association_set().iter().filter(used);
    sets.filter_map(|a| Some((a.association_id().unwrap_or_default(), a.cidr_block()?)))
}

/// Whether names are resolved in it, and whether machines get some: DescribeVpcAttribute tells one at a time.
pub async fn dns(cx: &Cx<'_>, vpc: &str) -> Result<(bool, bool), CallError> {
    let vpc = types::Vpc::builder().vpc_id(vpc).build();
    Ok((support(cx, &vpc).await?, hostnames(cx, &vpc).await?))
}

async fn support(cx: &Cx<'_>, vpc: &types::Vpc) -> Result<bool, CallError> {
    let input = DescribeVpcAttributeInputBuilder::default().vpc_id(Vpc::id(vpc));
    let seen =
        cx.account.ec2.describe_vpc_attribute(input.attribute(types::VpcAttributeName::EnableDnsSupport));
    Ok(seen.await?.enable_dns_support.and_then(|a| a.value).unwrap_or(false))
}

async fn hostnames(cx: &Cx<'_>, vpc: &types::Vpc) -> Result<bool, CallError> {
    let input = DescribeVpcAttributeInputBuilder::default().vpc_id(Vpc::id(vpc));
    let seen =
        cx.account.ec2.describe_vpc_attribute(input.attribute(types::VpcAttributeName::EnableDnsHostnames));
    Ok(seen.await?.enable_dns_hostnames.and_then(|a| a.value).unwrap_or(false))
}

fn creation(cx: &Cx<'_>, what: &str) -> Result<Verdict<Steps>, Failure> {
    let ranges = cx.args.items("cidr_block");
    let Some(first) = ranges.first() else {
        return Err(Failure::new(format!("there is no {what}, and without `cidr_block` it cannot be made")));
    };
    let mut attributes = Attributes::default();
    attributes.wanted("cidr_block", first.clone());
    attributes.wanted("instance_tenancy", cx.args.str("tenancy"));
    let changes = missing(cx, &mut attributes, true, false, None, &ranges[1..]);
    attributes.wanted("id", cx.unknown());
    Ok(Verdict::new(attributes.create(what), Steps::Create(changes), predicted(cx)))
}

/// What a new VPC needs after its creation.
fn missing(
    cx: &Cx<'_>,
    attributes: &mut Attributes,
    support: bool,
    hostnames: bool,
    dhcp: Option<&str>,
    associate: &[Value],
) -> Changes {
    let mut changes =
        Changes { associate: associate.iter().map(crate::spec::to_text).collect(), ..Changes::default() };
    for range in &changes.associate {
        attributes.element("cidr_block", None, Some(range));
    }
    let wanted = cx.args.opt_bool("dns_support").unwrap_or(true);
    if attributes.compare("dns_support", support, wanted) {
        changes.dns_support = Some(wanted);
    }
    let wanted = cx.args.bool("dns_hostnames");
    if attributes.compare("dns_hostnames", hostnames, wanted) {
        changes.dns_hostnames = Some(wanted);
    }
    if let Some(wanted) = cx.text("dhcp_opts_id").filter(|w| Some(*w) != dhcp) {
        attributes.compare("dhcp_options_id", dhcp, wanted);
        changes.dhcp = Some(wanted.to_string());
    }
    changes
}

fn change(cx: &Cx<'_>, vpc: &types::Vpc, seen: &Seen, what: &str) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let wanted = cx.args.list("cidr_block");
    let by_id = cx.args.has("vpc_id");
    if let Some(first) = wanted.first().filter(|_| !wanted.contains(&vpc.cidr_block().unwrap_or_default())) {
        attributes.fixed("cidr_block", vpc.cidr_block(), *first);
    }
    if !by_id {
        attributes.fixed("instance_tenancy", values::word(vpc.instance_tenancy()), cx.args.str("tenancy"));
    }
    if !attributes.forces().is_empty() {
        find::may_remove::<Vpc>(cx, vpc)?;
        let changes = missing(cx, &mut attributes, true, false, None, &cx.args.items("cidr_block")[1..]);
        let change = attributes.change(what).ok_or_else(|| Failure::new("nothing differs"))?;
        return Ok(Verdict::new(change, Steps::Replace(changes), predicted(cx)));
    }
    let there: Vec<(&str, &str)> = ranges(vpc).collect();
    let new = wanted.iter().filter(|w| !there.iter().any(|(_, is)| is == *w));
    let new: List = new.map(|w| Value::from(*w)).collect();
    let dhcp = vpc.dhcp_options_id();
    let mut changes = missing(cx, &mut attributes, seen.dns_support, seen.dns_hostnames, dhcp, &new);
    if cx.args.bool("purge_cidrs") && !wanted.is_empty() {
        for (association, range) in there.iter().filter(|(_, is)| !wanted.contains(is)) {
            attributes.element("cidr_block", Some(range), None);
            changes.disassociate.push(association.to_string());
        }
    }
    if cx.args.bool("ipv6_cidr") && vpc.ipv6_cidr_block_association_set().is_empty() {
        attributes.element("ipv6_cidr_block", None, Some("of Amazon's"));
        changes.ipv6 = true;
    }
    let tags = from_sdk(vpc.tags());
    changes.tags = cx.compare_named_tags(&mut attributes, &tags);
    match attributes.change(what) {
        None => Ok(Verdict::unchanged(result(values::vpc(vpc)))),
        Some(change) => {
            find::may_touch::<Vpc>(cx, vpc)?;
            let mut after = values::vpc(vpc);
            after.insert("tags".into(), cloud::tags_value(&changes.tags.applied(&tags)));
            Ok(Verdict::new(change, Steps::Change(changes), result(after)))
        }
    }
}

/// What can be said of a VPC that is to be made.
fn predicted(cx: &Cx<'_>) -> Map {
    let first = cx.args.items("cidr_block").first().cloned();
    result(crate::record! {
        "id" => cx.unknown(),
        "name" => cx.wanted_tags().remove("Name"),
        "vpc_id" => cx.unknown(),
        "cidr_block" => first.unwrap_or_default(),
        "cidr_block_association_set" => cx.unknown(),
        "ipv6_cidr_block_association_set" => List::new(),
        "dhcp_options_id" => cx.unknown(),
        "instance_tenancy" => cx.args.str("tenancy"),
        "is_default" => false,
        "owner_id" => cx.unknown(),
        "state" => "available",
        "tags" => cloud::tags_value(&cx.wanted_tags()),
    })
}

fn result(vpc: Map) -> Map {
    crate::record! { "vpc" => vpc }
}

/// `old`: what the new one takes the place of.
async fn create(cx: &Cx<'_>, old: &[Arc<types::Vpc>]) -> Result<Arc<types::Vpc>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let tags = op.specification(types::ResourceType::Vpc, &cx.wanted_tags());
    let input = CreateVpcInputBuilder::default()
        .set_cidr_block(cx.args.list("cidr_block").first().map(ToString::to_string))
        .instance_tenancy(cx.args.str("tenancy").into())
        .set_amazon_provided_ipv6_cidr_block(cx.args.bool("ipv6_cidr").then_some(true))
        .tag_specifications(tags);
    let send = || -> CallFuture<'_, types::Vpc> {
        let input = input.clone();
        Box::pin(async move {
            let made = account.ec2.create_vpc(input).await?.vpc;
            made.ok_or_else(|| CallError::own("ec2:CreateVpc", "the answer names no VPC"))
        })
    };
    let vpc = find::in_place_of::<Vpc, _>(cx, old, account.create(&account.vpcs, &op, &send)).await?;
    let ready = |seen: Option<&Arc<types::Vpc>>| {
        seen.filter(|v| matches!(v.state(), Some(types::VpcState::Available))).map(Arc::clone)
    };
    Ok(account.vpcs.until(&*account.ec2, &account.manner, Vpc::id(&vpc), READY, ready).await?)
}

/// Carries out the changes; the result is the VPC as it is then.
async fn alter(cx: &Cx<'_>, vpc: &types::Vpc, changes: &Changes) -> Result<Map, Failure> {
    let (account, id) = (&cx.account, Vpc::id(vpc));
    let ec2 = &account.ec2;
    let dns = || ModifyVpcAttributeInputBuilder::default().vpc_id(id);
    let value = |on: bool| types::AttributeBooleanValue::builder().value(on).build();
    if let Some(on) = changes.dns_support {
        ec2.modify_vpc_attribute(dns().enable_dns_support(value(on))).await?;
    }
    if let Some(on) = changes.dns_hostnames {
        ec2.modify_vpc_attribute(dns().enable_dns_hostnames(value(on))).await?;
    }
    for range in &changes.associate {
        let input = AssociateVpcCidrBlockInputBuilder::default().vpc_id(id).cidr_block(range);
        ec2.associate_vpc_cidr_block(input).await?;
    }
    if changes.ipv6 {
        let input = AssociateVpcCidrBlockInputBuilder::default().vpc_id(id);
        ec2.associate_vpc_cidr_block(input.amazon_provided_ipv6_cidr_block(true)).await?;
    }
    for association in &changes.disassociate {
        let input = DisassociateVpcCidrBlockInputBuilder::default().association_id(association);
        ec2.disassociate_vpc_cidr_block(input).await?;
    }
    if let Some(dhcp) = &changes.dhcp {
        let input = AssociateDhcpOptionsInputBuilder::default().vpc_id(id).dhcp_options_id(dhcp);
        ec2.associate_dhcp_options(input).await?;
    }
    cx.write_tags(&[id], &changes.tags).await?;
    let ranges = !changes.associate.is_empty() || !changes.disassociate.is_empty() || changes.ipv6;
    if ranges || changes.dhcp.is_some() {
        account.vpcs.refresh(&**ec2, &[id.to_string()]).await?;
    }
    let vpc = match account.vpcs.get(&**ec2, id).await? {
        Some(vpc) => {
            cloud::with_tags(&*vpc, from_sdk(vpc.tags()), &changes.tags, |vpc, tags| vpc.tags = Some(tags))
        }
        None => vpc.clone(),
    };
    let shown = result(values::vpc(&vpc));
    account.vpcs.put(vpc);
    Ok(shown)
}
