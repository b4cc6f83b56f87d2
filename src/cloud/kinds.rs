//! The kinds of things in EC2: how each is listed, page by page, and removed.

use super::calls::CallFuture;
use super::ec2::{Ec2, types};
use super::identity::{Tags, from_sdk};
use super::session::Account;
use super::table::Kind;
use aws_sdk_ec2::operation as op;
use types::Filter;

/// `kind!(Type: item type, "name", id filter "…", id(|i| …), list(describe, Builder, items, filter setter [, page]),
/// delete(call, Builder, id setter) [, gone(|i| …)])`
macro_rules! kind {
    (
        $(#[$doc:meta])*
        $kind:ident: $item:ident, $name:literal, $filter:literal, $id:ident, $tags:ident,
        list $describe:ident::$input:ident.$items:ident($filters:ident $(, $page:literal)?),
        delete $delete:ident::$delete_input:ident.$delete_id:ident
        $(, gone $gone:expr)?
        $(, release $release:ident)?
    ) => {
        $(#[$doc])*
        pub struct $kind;

        impl Kind for $kind {
            type Item = types::$item;
            const NAME: &'static str = $name;
            const ID_FILTER: &'static str = $filter;

            fn id(item: &types::$item) -> &str {
                item.$id().unwrap_or_default()
            }

            fn tags(item: &types::$item) -> Tags {
                from_sdk(item.$tags())
            }

            fn load(ec2: &dyn Ec2, filters: Vec<Filter>) -> CallFuture<'_, Vec<types::$item>> {
                Box::pin(async move {
                    let filters = (!filters.is_empty()).then_some(filters);
                    #[allow(unused_mut)]
                    let mut input = op::$describe::builders::$input::default().$filters(filters);
                    kind!(@pages ec2 $describe $items input $($page)?)
                })
            }

            fn delete<'a>(ec2: &'a dyn Ec2, id: &'a str) -> CallFuture<'a, ()> {
                Box::pin(async move {
                    let input = op::$delete::builders::$delete_input::default().$delete_id(id);
                    ec2.$delete(input).await.map(drop)
                })
            }

            $(fn is_gone(item: &types::$item) -> bool {
                let gone: fn(&types::$item) -> bool = $gone;
                gone(item)
            }

            const LINGERS: bool = true;)?

            $(fn release<'a>(account: &'a Account, item: &'a types::$item) -> CallFuture<'a, ()> {
                Box::pin(super::remove::$release(account, item))
            })?
        }
    };
    (@pages $ec2:ident $describe:ident $items:ident $input:ident) => {
        Ok($ec2.$describe($input).await?.$items.unwrap_or_default())
    };
    (@pages $ec2:ident $describe:ident $items:ident $input:ident $page:literal) => {{
        let mut all = Vec::new();
        $input = $input.max_results($page);
        loop {
            let page = $ec2.$describe($input.clone()).await?;
            all.extend(page.$items.unwrap_or_default());
            match page.next_token.filter(|t| !t.is_empty()) {
                Some(next) => $input = $input.next_token(next),
                None => break Ok(all),
            }
        }
    }};
}

kind!(
    /// VPCs, the default one among them.
    Vpc: Vpc, "VPC", "vpc-id", vpc_id, tags,
    list describe_vpcs::DescribeVpcsInputBuilder.vpcs(set_filters, 1000),
    delete delete_vpc::DeleteVpcInputBuilder.vpc_id);

kind!(
    /// Subnets of all VPCs.
    Subnet: Subnet, "subnet", "subnet-id", subnet_id, tags,
    list describe_subnets::DescribeSubnetsInputBuilder.subnets(set_filters, 1000),
    delete delete_subnet::DeleteSubnetInputBuilder.subnet_id);

kind!(
    /// Internet gateways; one is detached before it is removed.
    InternetGateway: InternetGateway, "internet gateway", "internet-gateway-id", internet_gateway_id, tags,
    list describe_internet_gateways::DescribeInternetGatewaysInputBuilder.internet_gateways(set_filters, 1000),
    delete delete_internet_gateway::DeleteInternetGatewayInputBuilder.internet_gateway_id,
    release detach_gateway);

kind!(
    /// Route tables, the main one of each VPC among them; a table lets go of its subnets before it is removed.
    RouteTable: RouteTable, "route table", "route-table-id", route_table_id, tags,
    list describe_route_tables::DescribeRouteTablesInputBuilder.route_tables(set_filters, 100),
    delete delete_route_table::DeleteRouteTableInputBuilder.route_table_id,
    release dissociate_table);

kind!(
    /// Security groups, each VPC's `default` among them; rules that name a group keep it, and are revoked first.
    SecurityGroup: SecurityGroup, "security group", "group-id", group_id, tags,
    list describe_security_groups::DescribeSecurityGroupsInputBuilder.security_groups(set_filters, 1000),
    delete delete_security_group::DeleteSecurityGroupInputBuilder.group_id,
    release unlink_group);

kind!(
    /// EBS volumes of any state; sizes are in GiB.
    Volume: Volume, "volume", "volume-id", volume_id, tags,
    list describe_volumes::DescribeVolumesInputBuilder.volumes(set_filters, 500),
    delete delete_volume::DeleteVolumeInputBuilder.volume_id,
    gone |v| matches!(v.state(), Some(types::VolumeState::Deleted | types::VolumeState::Deleting)));

kind!(
    /// Network interfaces, those that belong to other services' things among them.
    NetworkInterface: NetworkInterface, "network interface", "network-interface-id", network_interface_id, tag_set,
    list describe_network_interfaces::DescribeNetworkInterfacesInputBuilder.network_interfaces(set_filters, 1000),
    delete delete_network_interface::DeleteNetworkInterfaceInputBuilder.network_interface_id);

kind!(
    /// NAT gateways; a deleted one is listed for about an hour.
    NatGateway: NatGateway, "NAT gateway", "nat-gateway-id", nat_gateway_id, tags,
    list describe_nat_gateways::DescribeNatGatewaysInputBuilder.nat_gateways(set_filter, 1000),
    delete delete_nat_gateway::DeleteNatGatewayInputBuilder.nat_gateway_id,
    gone |n| matches!(n.state(), Some(types::NatGatewayState::Deleted)));

kind!(
    /// Elastic IPs. To remove one is to release it: the address itself is lost.
    Address: Address, "elastic IP", "allocation-id", allocation_id, tags,
    list describe_addresses::DescribeAddressesInputBuilder.addresses(set_filters),
    delete release_address::ReleaseAddressInputBuilder.allocation_id,
    release dissociate_address);

/// Launch templates; their versions are not in the listing.
pub struct LaunchTemplate;

impl Kind for LaunchTemplate {
    type Item = types::LaunchTemplate;
    const NAME: &'static str = "launch template";
    const ID_FILTER: &'static str = "launch-template-id";

    fn id(item: &types::LaunchTemplate) -> &str {
        item.launch_template_id().unwrap_or_default()
    }

    fn tags(item: &types::LaunchTemplate) -> Tags {
        from_sdk(item.tags())
    }

    /// The service has no filter by id, and among ids one that is missing is an error for all: so they are chosen here.
    fn load(ec2: &dyn Ec2, mut filters: Vec<Filter>) -> CallFuture<'_, Vec<types::LaunchTemplate>> {
        Box::pin(async move {
            let by_id = |f: &Filter| f.name() == Some(Self::ID_FILTER);
            let ids = filters.iter().position(by_id).map(|at| filters.swap_remove(at));
            let filters = (!filters.is_empty()).then_some(filters);
            let input =
                op::describe_launch_templates::builders::DescribeLaunchTemplatesInputBuilder::default();
            let mut input = input.set_filters(filters);
            let all: Result<Vec<types::LaunchTemplate>, _> =
                kind!(@pages ec2 describe_launch_templates launch_templates input 200);
            let chosen = |t: &types::LaunchTemplate| {
                ids.as_ref().is_none_or(|ids| ids.values().iter().any(|id| id == Self::id(t)))
            };
            Ok(all?.into_iter().filter(chosen).collect())
        })
    }

    fn delete<'a>(ec2: &'a dyn Ec2, id: &'a str) -> CallFuture<'a, ()> {
        Box::pin(async move {
            let input = op::delete_launch_template::builders::DeleteLaunchTemplateInputBuilder::default();
            ec2.delete_launch_template(input.launch_template_id(id)).await.map(drop)
        })
    }
}

/// Key pairs, with their public keys. Their names are their ids: all calls take them.
pub struct KeyPair;

impl Kind for KeyPair {
    type Item = types::KeyPairInfo;
    const NAME: &'static str = "key pair";
    const ID_FILTER: &'static str = "key-name";

    fn id(item: &types::KeyPairInfo) -> &str {
        item.key_name().unwrap_or_default()
    }

    fn tags(item: &types::KeyPairInfo) -> Tags {
        from_sdk(item.tags())
    }

    fn load(ec2: &dyn Ec2, filters: Vec<Filter>) -> CallFuture<'_, Vec<types::KeyPairInfo>> {
        Box::pin(async move {
            let filters = (!filters.is_empty()).then_some(filters);
            let input = op::describe_key_pairs::builders::DescribeKeyPairsInputBuilder::default();
            let input = input.set_filters(filters).include_public_key(true);
            Ok(ec2.describe_key_pairs(input).await?.key_pairs.unwrap_or_default())
        })
    }

    fn delete<'a>(ec2: &'a dyn Ec2, id: &'a str) -> CallFuture<'a, ()> {
        Box::pin(async move {
            let input = op::delete_key_pair::builders::DeleteKeyPairInputBuilder::default();
            ec2.delete_key_pair(input.key_name(id)).await.map(drop)
        })
    }
}

/// Instances of any state; a terminated one is listed by the service for about an hour and counts as gone.
pub struct Instance;

impl Kind for Instance {
    type Item = types::Instance;
    const NAME: &'static str = "instance";
    const ID_FILTER: &'static str = "instance-id";

    fn id(item: &types::Instance) -> &str {
        item.instance_id().unwrap_or_default()
    }

    fn tags(item: &types::Instance) -> Tags {
        from_sdk(item.tags())
    }

    fn load(ec2: &dyn Ec2, filters: Vec<Filter>) -> CallFuture<'_, Vec<types::Instance>> {
        Box::pin(async move {
            let filters = (!filters.is_empty()).then_some(filters);
            let input = op::describe_instances::builders::DescribeInstancesInputBuilder::default();
            let mut input = input.set_filters(filters).max_results(1000);
            let mut all = Vec::new();
            loop {
                let page = ec2.describe_instances(input.clone()).await?;
                let reservations = page.reservations.unwrap_or_default();
                all.extend(reservations.into_iter().flat_map(|r| r.instances.unwrap_or_default()));
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => return Ok(all),
                }
            }
        })
    }

    fn delete<'a>(ec2: &'a dyn Ec2, id: &'a str) -> CallFuture<'a, ()> {
        Box::pin(async move {
            let input = op::terminate_instances::builders::TerminateInstancesInputBuilder::default();
            ec2.terminate_instances(input.instance_ids(id)).await.map(drop)
        })
    }

    fn is_gone(item: &types::Instance) -> bool {
        let state = item.state().and_then(|s| s.name());
        matches!(state, Some(types::InstanceStateName::Terminated))
    }

    const LINGERS: bool = true;
}
