//! Security groups of an instance: names become ids, in the VPC where it is or is to be.

use super::network;
use crate::base::{List, Map, Value};
use crate::cloud::Kind;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds::SecurityGroup;
use crate::modules::cloud::Cx;
use crate::modules::{ArgsExt, Failure};
use crate::spec::to_text;
use std::sync::Arc;

/// Where the names of groups are looked up.
enum Place {
    Vpc(String),
    /// What an earlier task makes will tell.
    Open,
}

/// Ids of the wanted groups; in a plan what is not known yet stays so.
pub async fn ids(cx: &Cx<'_>, instances: &[Arc<types::Instance>]) -> Result<List, Failure> {
    let mut wanted: Vec<Value> = cx.args.items("security_groups").to_vec();
    wanted.extend(cx.args.value("security_group").filter(|v| !v.is_null()).cloned());
    wanted.extend(cx.args.items("group_id").iter().cloned());
    let network = cx.args.map("network").and_then(|n| n.get("groups")).and_then(Value::as_list);
    wanted.extend(network.into_iter().flatten().cloned());
    let is_name = |v: &Value| v.as_str().is_some_and(|t| !t.starts_with("sg-"));
    let names: Vec<&str> = wanted.iter().filter(|v| is_name(v)).filter_map(Value::as_str).collect();
    if names.is_empty() {
        return Ok(wanted);
    }
    let vpc = match place(cx, instances, &names).await? {
        Place::Vpc(vpc) => vpc,
        Place::Open if cx.check => {
            let open = |v: &Value| if is_name(v) { cx.unknown() } else { v.clone() };
            return Ok(wanted.iter().map(open).collect());
        }
        Place::Open => return Err(unplaced(&names, "where the instance is to be is not known")),
    };
    let account = &cx.account;
    let inside = |g: &types::SecurityGroup| g.vpc_id() == Some(vpc.as_str());
    let all = account.security_groups.within(account, &vpc, inside).await?;
    let one = |value: &Value| {
        let Some(name) = value.as_str().filter(|_| is_name(value)) else { return Ok(value.clone()) };
        match all.iter().find(|g| g.group_name() == Some(name)) {
            Some(group) => Ok(SecurityGroup::id(group).into()),
            None if cx.check => Ok(cx.unknown()),
            None => Err(Failure::new(format!("there is no security group `{name}` in {vpc}"))),
        }
    };
    wanted.iter().map(one).collect()
}

fn unplaced(names: &[&str], why: &str) -> Failure {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Failure::new(format!(
        "no security group can be looked up by the name {}: {why}\nhint: name the subnet (`vpc_subnet_id`), or the \
         groups by their ids (sg-…)",
        names.join(", ")
    ))
}

/// The VPC of the subnet that the task names, of the instances that are there, of the interfaces that are taken, of the
/// template's subnet, or else the default one: as EC2 itself chooses where it launches.
async fn place(cx: &Cx<'_>, instances: &[Arc<types::Instance>], names: &[&str]) -> Result<Place, Failure> {
    if let Some(subnet) = network::subnet(cx.args) {
        return match subnet.as_str() {
            Some(id) => of_subnet(cx, id).await,
            None => Ok(Place::Open),
        };
    }
    if let Some(vpc) = instances.iter().find_map(|i| i.vpc_id()) {
        return Ok(Place::Vpc(vpc.to_string()));
    }
    if ["network", "network_interfaces", "network_interfaces_ids", "launch_template"]
        .iter()
        .any(|name| cx.is_unknown(name))
    {
        return Ok(Place::Open);
    }
    let account = &cx.account;
    if let Some((_, id)) = network::existing(cx).first() {
        let input = DescribeNetworkInterfacesInputBuilder::default().network_interface_ids(id);
        let found = account.ec2.describe_network_interfaces(input).await?.network_interfaces;
        if let Some(vpc) = found.unwrap_or_default().into_iter().find_map(|i| i.vpc_id) {
            return Ok(Place::Vpc(vpc));
        }
    }
    if let Some(template) = cx.args.map("launch_template") {
        match of_template(cx, template).await {
            Ok(Some(subnet)) => return of_subnet(cx, &subnet).await,
            Ok(None) => {}
            // An earlier task makes it.
            Err(error) if cx.check && error.not_found() => return Ok(Place::Open),
            Err(error) => return Err(error.into()),
        }
    }
    let all = account.vpcs.all(&*account.ec2).await?;
    let default = all.iter().find(|v| v.is_default() == Some(true)).and_then(|v| v.vpc_id.clone());
    let none = || format!("the task names no subnet, and {} has no default VPC", account.region);
    default.map(Place::Vpc).ok_or_else(|| unplaced(names, &none()))
}

async fn of_subnet(cx: &Cx<'_>, id: &str) -> Result<Place, Failure> {
    let account = &cx.account;
    let subnet = account.subnets.get(&*account.ec2, id).await?;
    let subnet =
        subnet.ok_or_else(|| Failure::new(format!("there is no subnet {id} in {}", account.region)))?;
    Ok(subnet.vpc_id.clone().map_or(Place::Open, Place::Vpc))
}

/// The subnet of the version that is launched, where it names one.
async fn of_template(cx: &Cx<'_>, template: &Map) -> Result<Option<String>, crate::cloud::CallError> {
    let text = |name: &str| template.get(name).filter(|v| !v.is_null()).map(to_text);
    let input = DescribeLaunchTemplateVersionsInputBuilder::default()
        .set_launch_template_id(text("id"))
        .set_launch_template_name(text("name"))
        .versions(text("version").unwrap_or_else(|| "$Default".into()));
    let found = cx.account.ec2.describe_launch_template_versions(input).await?.launch_template_versions;
    let data = found.unwrap_or_default().into_iter().find_map(|v| v.launch_template_data);
    Ok(data.and_then(|d| d.network_interfaces().iter().find_map(|i| i.subnet_id.clone())))
}
