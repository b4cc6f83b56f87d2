//! ec2_vpc_route_table: a route table with its routes and the subnets that use it.

mod routes;

use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::{RouteTable, Subnet};
use crate::cloud::remove::or_already;
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, find, values};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use routes::RouteChange;
use std::sync::Arc;

/// The truth is DescribeRouteTables of the VPC; routes are compared by destination, propagation by gateway.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Table))
}

struct Table;

struct Seen {
    table: Option<Arc<types::RouteTable>>,
    /// All tables of the VPC: a subnet uses at most one.
    all: Vec<Arc<types::RouteTable>>,
    /// The subnets wanted, as ids or not known yet; `None`: not said.
    subnets: Option<List>,
    /// The VPC's own internet gateway.
    gateway: Option<String>,
}

#[derive(Default)]
enum Steps {
    #[default]
    None,
    Create(Changes),
    Change(Changes),
    Remove,
}

#[derive(Default)]
struct Changes {
    routes: Vec<RouteChange>,
    /// A subnet or gateway, and its association with another table.
    associate: Vec<(String, Option<String>)>,
    disassociate: Vec<String>,
    propagate: Vec<String>,
    stop_propagating: Vec<String>,
    tags: TagChange,
}

impl Resource for Table {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        let name = args.map("tags").and_then(|t| t.get("Name")).map(crate::spec::to_text);
        let name = name.or(args.opt_str("route_table_id").map(str::to_string));
        name.or(args.list("subnets").first().map(ToString::to_string)).unwrap_or_default()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let account = &cx.account;
            let mut seen = Seen { table: None, all: Vec::new(), subnets: None, gateway: None };
            let given = cx.args.has("subnets").then(|| cx.args.items("subnets").to_vec());
            let by_id = match cx.text("route_table_id").filter(|_| cx.args.str("lookup") == "id") {
                Some(id) => account.route_tables.get(&*account.ec2, id).await?,
                None => None,
            };
            let vpc = cx.text("vpc_id").or(by_id.as_ref().and_then(|t| t.vpc_id()));
            let Some(vpc) = vpc else {
                seen.subnets = given;
                return Ok(seen);
            };
            seen.all = account.route_tables.within(account, vpc, |t| t.vpc_id() == Some(vpc)).await?;
            seen.table = match cx.args.str("lookup") {
                "id" if by_id.is_none() && cx.args.str("state") == "present" => {
                    let id = cx.args.str("route_table_id");
                    return Err(Failure::new(format!("there is no route table {id} in {vpc}")));
                }
                "id" => by_id.clone(),
                _ => find::one::<RouteTable>(cx, &seen.all, |table| natural(cx, table))?,
            };
            if cx.args.str("state") == "absent" {
                return Ok(seen);
            }
            if let Some(wanted) = given {
                seen.subnets = Some(resolve(cx, vpc, wanted).await?);
            }
            if cx.args.items("routes").iter().any(routes::wants_own_gateway) {
                let own =
                    |g: &types::InternetGateway| g.attachments().iter().any(|a| a.vpc_id() == Some(vpc));
                let own = account.internet_gateways.within(account, vpc, own).await?;
                seen.gateway = own.first().and_then(|g| g.internet_gateway_id.clone());
            }
            Ok(seen)
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("route table {}", self.key(cx.args)).trim_end().to_string();
        match (&seen.table, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(table), "absent") => {
                find::may_remove::<RouteTable>(cx, table)?;
                let change = Attributes::delete(&format!("{what} ({})", RouteTable::id(table)));
                Ok(Verdict::new(change, Steps::Remove, result(table)))
            }
            (table, _) => decide(cx, seen, table.as_deref(), &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, &seen.table) {
                (Steps::Create(changes), _) => {
                    let table = create(cx).await?;
                    alter(cx, &table, changes).await
                }
                (Steps::Change(changes), Some(table)) => alter(cx, table, changes).await,
                (Steps::Remove, Some(table)) => {
                    account.remove(&account.route_tables, RouteTable::id(table)).await?;
                    Ok(result(table))
                }
                _ => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<RouteTable>(&seen.table)
    }
}

/// The table that has all tags of the task.
fn natural(cx: &Cx<'_>, table: &types::RouteTable) -> bool {
    let (is, wanted) = (from_sdk(table.tags()), cx.args.map("tags").map(cloud::tags_of).unwrap_or_default());
    !wanted.is_empty() && wanted.iter().all(|(k, v)| is.get(k) == Some(v))
}

/// Ids of subnets that are named by id, range or `Name` tag.
async fn resolve(cx: &Cx<'_>, vpc: &str, wanted: List) -> Result<List, Failure> {
    let account = &cx.account;
    let mut ids = List::new();
    for value in wanted {
        let Some(text) = value.as_str().filter(|t| !t.starts_with("subnet-")) else {
            ids.push(value);
            continue;
        };
        let all = account.subnets.within(account, vpc, |s| s.vpc_id() == Some(vpc)).await?;
        let named = |s: &&Arc<types::Subnet>| from_sdk(s.tags()).get("Name").is_some_and(|name| name == text);
        let found = all.iter().find(|s| s.cidr_block() == Some(text)).or_else(|| all.iter().find(named));
        match found {
            Some(subnet) => ids.push(Subnet::id(subnet).into()),
            None if cx.check => ids.push(cx.unknown()),
            None => {
                return Err(Failure::new(format!("there is no subnet `{text}` in {vpc}")));
            }
        }
    }
    Ok(ids)
}

fn decide(
    cx: &Cx<'_>,
    seen: &Seen,
    table: Option<&types::RouteTable>,
    what: &str,
) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let mut changes = Changes::default();
    let mut warnings = Vec::new();
    if table.is_none() {
        attributes.wanted("vpc_id", cx.args.value("vpc_id").cloned());
    }
    if cx.args.has("routes") {
        let wanted = routes::wanted(cx, seen.gateway.as_deref())?;
        let is = table.map(routes::of).unwrap_or_default();
        let purge = cx.args.bool("purge_routes");
        changes.routes = routes::difference(&is, &wanted, purge);
        warnings = routes::of_endpoints(&is, &wanted, purge);
        for change in &changes.routes {
            let (before, after) = change.shown(&is);
            attributes.element("route", before.as_deref(), after.as_deref());
        }
    }
    if let Some(wanted) = &seen.subnets {
        subnets(seen, table, wanted, cx.args.bool("purge_subnets"), &mut attributes, &mut changes);
    }
    gateway(cx, seen, table, &mut attributes, &mut changes);
    let propagating: Vec<&str> =
        table.iter().flat_map(|t| t.propagating_vgws()).filter_map(|v| v.gateway_id()).collect();
    if cx.args.has("propagating_vgw_ids") {
        let wanted = cx.args.list("propagating_vgw_ids");
        for id in wanted.iter().filter(|id| !propagating.contains(id)) {
            attributes.element("propagating_vgw", None, Some(id));
            changes.propagate.push(id.to_string());
        }
        for id in propagating.iter().filter(|id| !wanted.contains(id)) {
            attributes.element("propagating_vgw", Some(id), None);
            changes.stop_propagating.push(id.to_string());
        }
    }
    let Some(table) = table else {
        attributes.wanted("id", cx.unknown());
        return Ok(Verdict::new(attributes.create(what), Steps::Create(changes), predicted(cx)));
    };
    changes.tags = cx.compare_tags(&mut attributes, &from_sdk(table.tags()));
    match attributes.change(what) {
        None => Ok(Verdict { warnings, ..Verdict::unchanged(result(table)) }),
        Some(change) => {
            find::may_touch::<RouteTable>(cx, table)?;
            Ok(Verdict { warnings, ..Verdict::new(change, Steps::Change(changes), result(table)) })
        }
    }
}

fn subnets(
    seen: &Seen,
    table: Option<&types::RouteTable>,
    wanted: &[Value],
    purge: bool,
    attributes: &mut Attributes,
    changes: &mut Changes,
) {
    let own: Vec<&types::RouteTableAssociation> =
        table.iter().flat_map(|t| t.associations()).filter(|a| a.subnet_id().is_some()).collect();
    for value in wanted {
        let Some(id) = value.as_str() else {
            attributes.wanted("subnet", value.clone());
            continue;
        };
        if own.iter().any(|a| a.subnet_id() == Some(id)) {
            continue;
        }
        attributes.element("subnet", None, Some(id));
        let other = seen.all.iter().flat_map(|t| t.associations()).find(|a| a.subnet_id() == Some(id));
        let other = other.and_then(|a| a.route_table_association_id.clone());
        changes.associate.push((id.to_string(), other));
    }
    let wanted: Vec<&str> = wanted.iter().filter_map(Value::as_str).collect();
    for association in own.iter().filter(|a| purge && !a.subnet_id().is_some_and(|s| wanted.contains(&s))) {
        attributes.element("subnet", association.subnet_id(), None);
        changes.disassociate.extend(association.route_table_association_id.clone());
    }
}

/// The gateway whose traffic into the VPC goes by the table; `''` lets go of those that have it.
fn gateway(
    cx: &Cx<'_>,
    seen: &Seen,
    table: Option<&types::RouteTable>,
    attributes: &mut Attributes,
    changes: &mut Changes,
) {
    let Some(wanted) = cx.args.value("gateway_id").filter(|v| !v.is_null()) else { return };
    let Some(id) = wanted.as_str() else {
        attributes.wanted("gateway_id", wanted.clone());
        return;
    };
    let own = table.iter().flat_map(|t| t.associations()).filter(|a| a.gateway_id().is_some());
    if matches!(id, "" | "None") {
        for association in own {
            attributes.element("gateway_id", association.gateway_id(), None);
            changes.disassociate.extend(association.route_table_association_id.clone());
        }
        return;
    }
    if own.into_iter().any(|a| a.gateway_id() == Some(id)) {
        return;
    }
    attributes.element("gateway_id", None, Some(id));
    let other = seen.all.iter().flat_map(|t| t.associations()).find(|a| a.gateway_id() == Some(id));
    changes.associate.push((id.to_string(), other.and_then(|a| a.route_table_association_id.clone())));
}

fn predicted(cx: &Cx<'_>) -> Map {
    let foreseen = crate::record! {
        "id" => cx.unknown(),
        "route_table_id" => cx.unknown(),
        "routes" => cx.unknown(),
        "associations" => cx.unknown(),
        "vpc_id" => cx.args.value("vpc_id").cloned(),
        "tags" => cloud::tags_value(&cx.wanted_tags()),
    };
    let like = values::route_table(&types::RouteTable::builder().build());
    crate::record! { "route_table" => cx.open(foreseen, like) }
}

fn result(table: &types::RouteTable) -> Map {
    crate::record! { "route_table" => values::route_table(table) }
}

async fn create(cx: &Cx<'_>) -> Result<Arc<types::RouteTable>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let tags = op.specification(types::ResourceType::RouteTable, &cx.wanted_tags());
    let input = CreateRouteTableInputBuilder::default()
        .vpc_id(cx.args.str("vpc_id"))
        .client_token(op.token())
        .tag_specifications(tags);
    let send = || -> CallFuture<'_, types::RouteTable> {
        let input = input.clone();
        Box::pin(async move {
            let made = account.ec2.create_route_table(input).await?.route_table;
            made.ok_or_else(|| CallError::own("ec2:CreateRouteTable", "the answer names no table"))
        })
    };
    Ok(account.create(&account.route_tables, &op, &send).await?)
}

async fn alter(cx: &Cx<'_>, table: &types::RouteTable, changes: &Changes) -> Result<Map, Failure> {
    let (account, id) = (&cx.account, RouteTable::id(table));
    let ec2 = &account.ec2;
    let is = from_sdk(table.tags());
    let mut after = cloud::with_tags(table, is, &changes.tags, |table, tags| table.tags = Some(tags));
    for change in &changes.routes {
        change.carry_out(&**ec2, id).await?;
        change.note(&mut after);
    }
    let mut associations = after.associations.take().unwrap_or_default();
    for (end, other) in &changes.associate {
        let subnet = Some(end.clone()).filter(|id| id.starts_with("subnet-"));
        let gateway = Some(end.clone()).filter(|_| subnet.is_none());
        let association = match other {
            Some(other) => {
                let input = ReplaceRouteTableAssociationInputBuilder::default();
                let input = input.association_id(other).route_table_id(id);
                ec2.replace_route_table_association(input).await?.new_association_id
            }
            None => {
                let input = AssociateRouteTableInputBuilder::default()
                    .route_table_id(id)
                    .set_subnet_id(subnet.clone())
                    .set_gateway_id(gateway.clone());
                match ec2.associate_route_table(input).await {
                    Ok(done) => done.association_id,
                    // An attempt whose answer was lost did it; what it is called is looked up when it matters.
                    Err(error) if error.after_doubt && error.is(&["Resource.AlreadyAssociated"]) => None,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let made = types::RouteTableAssociation::builder().route_table_id(id);
        let made = made.set_subnet_id(subnet).set_gateway_id(gateway);
        associations.push(made.set_route_table_association_id(association).main(false).build());
    }
    for association in &changes.disassociate {
        let input = DisassociateRouteTableInputBuilder::default().association_id(association);
        or_already(ec2.disassociate_route_table(input).await.map(drop), &[])?;
        associations.retain(|a| a.route_table_association_id() != Some(association));
    }
    after.associations = Some(associations);
    for gateway in &changes.propagate {
        let input = EnableVgwRoutePropagationInputBuilder::default();
        ec2.enable_vgw_route_propagation(input.route_table_id(id).gateway_id(gateway)).await?;
    }
    for gateway in &changes.stop_propagating {
        let input = DisableVgwRoutePropagationInputBuilder::default();
        ec2.disable_vgw_route_propagation(input.route_table_id(id).gateway_id(gateway)).await?;
    }
    cx.write_tags(&[id], &changes.tags).await?;
    let shown = result(&after);
    account.route_tables.put(after);
    Ok(shown)
}
