//! Routes as a task wants them, as a table has them, and what leads from one to the other.

use crate::base::Value;
use crate::cloud::Ec2;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::remove::or_already;
use crate::modules::cloud::Cx;
use crate::modules::{ArgsExt, Failure};

/// A destination and what it leads to; the target is not always known yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub to: String,
    pub kind: Target,
    pub target: Option<String>,
    /// That of the instance which it leads to: the service tells both, whichever was named.
    pub interface: Option<String>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Gateway,
    Nat,
    Instance,
    Interface,
    Transit,
    Peering,
    EgressOnly,
    Endpoint,
    Carrier,
}

const TARGETS: [(&str, Target); 9] = [
    ("nat_gateway_id", Target::Nat),
    ("instance_id", Target::Instance),
    ("network_interface_id", Target::Interface),
    ("transit_gateway_id", Target::Transit),
    ("vpc_peering_connection_id", Target::Peering),
    ("egress_only_internet_gateway_id", Target::EgressOnly),
    ("vpc_endpoint_id", Target::Endpoint),
    ("carrier_gateway_id", Target::Carrier),
    ("gateway_id", Target::Gateway),
];

pub enum RouteChange {
    Create(Route),
    Replace(Route),
    Delete(Route),
}

/// `gateway_id: igw`
pub fn wants_own_gateway(route: &Value) -> bool {
    route.get("gateway_id").and_then(Value::as_str) == Some("igw")
}

/// What `gateway_id` names by its id's first letters.
fn by_prefix(id: &str) -> Target {
    match id.split('-').next() {
        Some("nat") => Target::Nat,
        Some("i") => Target::Instance,
        Some("eni") => Target::Interface,
        Some("tgw") => Target::Transit,
        Some("pcx") => Target::Peering,
        Some("eigw") => Target::EgressOnly,
        Some("vpce") => Target::Endpoint,
        Some("cagw") => Target::Carrier,
        _ => Target::Gateway,
    }
}

/// The task's routes.
pub fn wanted(cx: &Cx<'_>, own_gateway: Option<&str>) -> Result<Vec<Route>, Failure> {
    let one = |route: &Value| {
        let to = route.get("dest").map(crate::spec::to_text).unwrap_or_default();
        let given = |name: &str| route.get(name).filter(|v| !v.is_null());
        let Some((name, kind, value)) = TARGETS.iter().find_map(|(n, k)| Some((n, k, given(n)?))) else {
            return Err(Failure::new(format!("the route to {to} leads nowhere: give it a `gateway_id`")));
        };
        let target = match value.as_str() {
            Some("igw") if *name == "gateway_id" => match own_gateway {
                Some(own) => Some(own.to_string()),
                None if cx.check => None,
                None => {
                    let vpc = cx.args.str("vpc_id");
                    return Err(Failure::new(format!(
                        "the route to {to} wants the internet gateway of {vpc}, which has none"
                    )));
                }
            },
            text => text.map(str::to_string),
        };
        let kind = target.as_deref().filter(|_| *kind == Target::Gateway).map_or(*kind, by_prefix);
        Ok(Route { to, kind, target, interface: None })
    };
    cx.args.items("routes").iter().map(one).collect()
}

/// The routes that were put in; not the local one and not those of other origin.
pub fn of(table: &types::RouteTable) -> Vec<Route> {
    let own = |r: &&types::Route| {
        r.gateway_id() != Some("local")
            && !matches!(r.origin(), Some(types::RouteOrigin::EnableVgwRoutePropagation))
    };
    let one = |r: &types::Route| {
        let to = r
            .destination_cidr_block()
            .or(r.destination_ipv6_cidr_block())
            .or(r.destination_prefix_list_id())?;
        let targets = [
            (Target::Nat, r.nat_gateway_id()),
            (Target::Instance, r.instance_id()),
            (Target::Interface, r.network_interface_id()),
            (Target::Transit, r.transit_gateway_id()),
            (Target::Peering, r.vpc_peering_connection_id()),
            (Target::EgressOnly, r.egress_only_internet_gateway_id()),
            (Target::Carrier, r.carrier_gateway_id()),
            (Target::Gateway, r.gateway_id()),
        ];
        let (kind, target) =
            targets.into_iter().find_map(|(k, t)| Some((k, t.filter(|t| !t.is_empty())?)))?;
        let kind = if kind == Target::Gateway { by_prefix(target) } else { kind };
        let interface = r.network_interface_id().filter(|_| kind == Target::Instance).map(str::to_string);
        Some(Route { to: to.to_string(), kind, target: Some(target.to_string()), interface })
    };
    table.routes().iter().filter(own).filter_map(one).collect()
}

pub fn difference(is: &[Route], wanted: &[Route], purge: bool) -> Vec<RouteChange> {
    let mut changes = Vec::new();
    for route in wanted {
        match is.iter().find(|r| r.to == route.to) {
            None => changes.push(RouteChange::Create(route.clone())),
            Some(there) if !there.leads_as(route) => changes.push(RouteChange::Replace(route.clone())),
            Some(_) => {}
        }
    }
    let extra = is.iter().filter(|r| purge && r.is_extra(wanted) && !r.is_endpoints());
    changes.extend(extra.cloned().map(RouteChange::Delete));
    changes
}

/// A gateway endpoint puts its routes in itself, and takes them away when it goes.
pub fn of_endpoints(is: &[Route], wanted: &[Route], purge: bool) -> Vec<String> {
    let kept = is.iter().filter(|r| purge && r.is_extra(wanted) && r.is_endpoints());
    kept.map(|r| format!("the route {} is that of a VPC endpoint and stays", r.shown())).collect()
}

impl Route {
    fn is_extra(&self, wanted: &[Route]) -> bool {
        !wanted.iter().any(|w| w.to == self.to)
    }

    fn is_endpoints(&self) -> bool {
        self.kind == Target::Endpoint && self.to.starts_with("pl-")
    }

    fn shown(&self) -> String {
        format!("{} → {}", self.to, self.target.as_deref().unwrap_or("(known after apply)"))
    }

    fn leads_as(&self, wanted: &Route) -> bool {
        let by_interface = wanted.kind == Target::Interface && self.interface == wanted.target;
        by_interface || (self.kind, &self.target) == (wanted.kind, &wanted.target)
    }

    fn is(&self, kind: Target) -> Option<String> {
        self.target.clone().filter(|_| self.kind == kind)
    }

    fn as_sdk(&self) -> types::Route {
        let (v4, v6, list) = self.destination();
        types::Route::builder()
            .set_destination_cidr_block(v4)
            .set_destination_ipv6_cidr_block(v6)
            .set_destination_prefix_list_id(list)
            .set_gateway_id(self.is(Target::Gateway).or(self.is(Target::Endpoint)))
            .set_nat_gateway_id(self.is(Target::Nat))
            .set_instance_id(self.is(Target::Instance))
            .set_network_interface_id(self.is(Target::Interface))
            .set_transit_gateway_id(self.is(Target::Transit))
            .set_vpc_peering_connection_id(self.is(Target::Peering))
            .set_egress_only_internet_gateway_id(self.is(Target::EgressOnly))
            .set_carrier_gateway_id(self.is(Target::Carrier))
            .origin(types::RouteOrigin::CreateRoute)
            .state(types::RouteState::Active)
            .build()
    }

    /// As IPv4, IPv6 or prefix list.
    fn destination(&self) -> (Option<String>, Option<String>, Option<String>) {
        let to = Some(self.to.clone());
        match () {
            () if self.to.starts_with("pl-") => (None, None, to),
            () if self.to.contains(':') => (None, to, None),
            () => (to, None, None),
        }
    }
}

impl RouteChange {
    pub fn shown(&self, is: &[Route]) -> (Option<String>, Option<String>) {
        let former = |to: &str| is.iter().find(|r| r.to == to).map(Route::shown);
        match self {
            RouteChange::Create(route) => (None, Some(route.shown())),
            RouteChange::Replace(route) => (former(&route.to), Some(route.shown())),
            RouteChange::Delete(route) => (Some(route.shown()), None),
        }
    }

    pub async fn carry_out(&self, ec2: &dyn Ec2, table: &str) -> Result<(), Failure> {
        match self {
            RouteChange::Create(route) => {
                let (v4, v6, list) = route.destination();
                let input = CreateRouteInputBuilder::default()
                    .route_table_id(table)
                    .set_destination_cidr_block(v4)
                    .set_destination_ipv6_cidr_block(v6)
                    .set_destination_prefix_list_id(list)
                    .set_gateway_id(route.is(Target::Gateway))
                    .set_nat_gateway_id(route.is(Target::Nat))
                    .set_instance_id(route.is(Target::Instance))
                    .set_network_interface_id(route.is(Target::Interface))
                    .set_transit_gateway_id(route.is(Target::Transit))
                    .set_vpc_peering_connection_id(route.is(Target::Peering))
                    .set_egress_only_internet_gateway_id(route.is(Target::EgressOnly))
                    .set_carrier_gateway_id(route.is(Target::Carrier))
                    .set_vpc_endpoint_id(route.is(Target::Endpoint));
                match ec2.create_route(input).await {
                    Err(error) if !(error.after_doubt && error.is(&["RouteAlreadyExists"])) => {
                        Err(error.into())
                    }
                    _ => Ok(()),
                }
            }
            RouteChange::Replace(route) => {
                let (v4, v6, list) = route.destination();
                let input = ReplaceRouteInputBuilder::default()
                    .route_table_id(table)
                    .set_destination_cidr_block(v4)
                    .set_destination_ipv6_cidr_block(v6)
                    .set_destination_prefix_list_id(list)
                    .set_gateway_id(route.is(Target::Gateway))
                    .set_nat_gateway_id(route.is(Target::Nat))
                    .set_instance_id(route.is(Target::Instance))
                    .set_network_interface_id(route.is(Target::Interface))
                    .set_transit_gateway_id(route.is(Target::Transit))
                    .set_vpc_peering_connection_id(route.is(Target::Peering))
                    .set_egress_only_internet_gateway_id(route.is(Target::EgressOnly))
                    .set_carrier_gateway_id(route.is(Target::Carrier))
                    .set_vpc_endpoint_id(route.is(Target::Endpoint));
                ec2.replace_route(input).await?;
                Ok(())
            }
            RouteChange::Delete(route) => {
                let (v4, v6, list) = route.destination();
                let input = DeleteRouteInputBuilder::default()
                    .route_table_id(table)
                    .set_destination_cidr_block(v4)
                    .set_destination_ipv6_cidr_block(v6)
                    .set_destination_prefix_list_id(list);
                Ok(or_already(ec2.delete_route(input).await.map(drop), &[])?)
            }
        }
    }

    /// What the table has then.
    pub fn note(&self, table: &mut types::RouteTable) {
        let (RouteChange::Create(route) | RouteChange::Replace(route) | RouteChange::Delete(route)) = self;
        let routes = table.routes.get_or_insert_default();
        let to = Some(route.to.as_str());
        routes.retain(|r| {
            r.destination_cidr_block() != to
                && r.destination_ipv6_cidr_block() != to
                && r.destination_prefix_list_id() != to
        });
        if !matches!(self, RouteChange::Delete(_)) {
            routes.push(route.as_sdk());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: &str, target: &str) -> Route {
        Route { to: to.into(), kind: by_prefix(target), target: Some(target.into()), interface: None }
    }

    #[test]
    fn an_instance_may_be_named_by_its_interface() {
        let is = [Route { interface: Some("eni-1".into()), ..route("10.1.0.0/16", "i-1") }];
        for (wanted, changes) in [("i-1", 0), ("eni-1", 0), ("i-2", 1), ("eni-2", 1)] {
            assert_eq!(difference(&is, &[route("10.1.0.0/16", wanted)], true).len(), changes, "{wanted}");
        }
    }

    #[test]
    fn routes_of_endpoints_stay_and_are_told_of() {
        let is = [route("pl-1", "vpce-1"), route("10.1.0.0/16", "vpce-2"), route("pl-2", "cagw-1")];
        let gone: Vec<_> = difference(&is, &[], true).iter().filter_map(|c| c.shown(&is).0).collect();
        assert_eq!(gone, ["10.1.0.0/16 → vpce-2", "pl-2 → cagw-1"]);
        assert_eq!(
            of_endpoints(&is, &[], true),
            ["the route pl-1 → vpce-1 is that of a VPC endpoint and stays"]
        );
        assert!(of_endpoints(&is, &[], false).is_empty() && of_endpoints(&is, &is, true).is_empty());
    }

    #[test]
    fn routes_are_told_apart_by_destination() {
        let is = [route("0.0.0.0/0", "igw-1"), route("10.1.0.0/16", "pcx-1"), route("10.2.0.0/16", "nat-1")];
        let wanted =
            [route("0.0.0.0/0", "nat-2"), route("10.1.0.0/16", "pcx-1"), route("10.3.0.0/16", "i-1")];
        let shown =
            |purge| -> Vec<_> { difference(&is, &wanted, purge).iter().map(|c| c.shown(&is)).collect() };
        let text = |t: &str| Some(t.to_string());
        let changed = (text("0.0.0.0/0 → igw-1"), text("0.0.0.0/0 → nat-2"));
        let new = (None, text("10.3.0.0/16 → i-1"));
        assert_eq!(shown(false), [changed.clone(), new.clone()]);
        assert_eq!(shown(true), [changed, new, (text("10.2.0.0/16 → nat-1"), None)]);
    }
}
