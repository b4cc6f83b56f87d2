//! Removals: what hangs on a thing is let go first, what still uses it is waited for, and gone means gone.

use super::ec2::types;
use super::error::{CallError, Outcome};
use super::kinds::*;
use super::kinds_images::{Image, Snapshot};
use super::named::{self, INSTANCE_PROFILE, PARAMETER, ROLE, SCALING_GROUP};
use super::session::Account;
use super::table::{Kind, Table};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long what uses a thing may take to go: a NAT gateway's interface stays for minutes.
pub const LIMIT: Duration = Duration::from_secs(600);
/// The same where something is known to stay.
const HOPELESS: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Something that was made, as state, destroy and gc speak of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// A kind's name, as messages have it: `instance`, `NAT gateway`.
    pub kind: &'static str,
    /// The service's own: `i-0123`; of what has none, its name.
    pub id: String,
}

/// From those that use others to those that are used. Things of one row go together.
pub const ORDER: &[&[&str]] = &[
    // A group would replace the instances that go before it.
    &[SCALING_GROUP, Image::NAME],
    &[Instance::NAME, NatGateway::NAME, Snapshot::NAME],
    &[Address::NAME, NetworkInterface::NAME, LaunchTemplate::NAME, KeyPair::NAME, Volume::NAME],
    &[INSTANCE_PROFILE, PARAMETER],
    &[ROLE],
    &[InternetGateway::NAME, RouteTable::NAME, SecurityGroup::NAME, Subnet::NAME],
    &[Vpc::NAME],
];

impl Account {
    /// Removes one thing and waits until it is gone; one that is not there is no error. That of what this run made a
    /// moment ago nothing is known means "not yet": the removal is repeated until it is carried out.
    pub async fn remove<K: Kind>(&self, table: &Table<K>, id: &str) -> Result<(), CallError> {
        self.remove_within(table, id, LIMIT).await
    }

    /// The same, where what still uses the thing is waited for only so long; zero: what uses it is known to stay.
    pub async fn remove_within<K: Kind>(
        &self,
        table: &Table<K>,
        id: &str,
        limit: Duration,
    ) -> Result<(), CallError> {
        self.note(&json!({"remove": K::NAME, "id": id, "region": self.region}));
        let item = table.get(&*self.ec2, id).await?;
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let done = match &item {
                Some(item) => K::release(self, item).await,
                None => Ok(()),
            };
            let done = match done {
                Ok(()) => K::delete(&*self.ec2, id).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => break,
                Err(error) if error.not_found() => break,
                Err(error) if error.in_use() && began.elapsed() < self.patience_of_removal(limit) => {
                    self.manner.pause(&error.call, pause).await?;
                    pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        if K::LINGERS {
            // What was made a moment ago may not be listed yet.
            let gone = |seen: Option<&std::sync::Arc<K::Item>>| {
                seen.map_or_else(|| !self.manner.is_young(id), |i| K::is_gone(i)).then_some(())
            };
            table.refresh(&*self.ec2, &[id.to_string()]).await?;
            table.until(&*self.ec2, &self.manner, id, LIMIT, gone).await?;
        }
        self.manner.note_removed(id);
        table.forget(id);
        self.note(&json!({"removed": K::NAME, "id": id}));
        Ok(())
    }

    fn patience_of_removal(&self, limit: Duration) -> Duration {
        if self.manner.stays() { limit.min(HOPELESS) } else { limit }
    }

    /// Removes a thing by the name of its kind.
    pub async fn remove_thing(&self, thing: &Thing) -> Result<(), CallError> {
        let id = &thing.id;
        match thing.kind {
            Vpc::NAME => self.remove(&self.vpcs, id).await,
            Subnet::NAME => self.remove(&self.subnets, id).await,
            InternetGateway::NAME => self.remove(&self.internet_gateways, id).await,
            RouteTable::NAME => self.remove(&self.route_tables, id).await,
            SecurityGroup::NAME => self.remove(&self.security_groups, id).await,
            KeyPair::NAME => self.remove(&self.key_pairs, id).await,
            Instance::NAME => self.remove(&self.instances, id).await,
            Volume::NAME => self.remove(&self.volumes, id).await,
            NetworkInterface::NAME => self.remove(&self.network_interfaces, id).await,
            NatGateway::NAME => self.remove(&self.nat_gateways, id).await,
            Address::NAME => self.remove(&self.addresses, id).await,
            LaunchTemplate::NAME => self.remove(&self.launch_templates, id).await,
            Image::NAME => self.remove(&self.images, id).await,
            Snapshot::NAME => self.remove(&self.snapshots, id).await,
            SCALING_GROUP => named::remove_scaling_group(self, id).await,
            ROLE => named::remove_role(self, id, false).await,
            INSTANCE_PROFILE => named::remove_instance_profile(self, id).await,
            PARAMETER => named::remove_parameter(self, id).await,
            other => Err(CallError::own(other, "there is no way to remove this kind")),
        }
    }
}

/// What was so already is as good as done.
pub fn or_already(done: Result<(), CallError>, codes: &[&str]) -> Result<(), CallError> {
    match done {
        Err(error) if error.outcome == Outcome::Refused && (error.is(codes) || error.not_found()) => Ok(()),
        other => other,
    }
}

/// An internet gateway lets go of its VPCs.
pub async fn detach_gateway(account: &Account, gateway: &types::InternetGateway) -> Result<(), CallError> {
    for attachment in gateway.attachments() {
        let input = aws_sdk_ec2::operation::detach_internet_gateway::builders::DetachInternetGatewayInputBuilder::default()
            .set_internet_gateway_id(gateway.internet_gateway_id.clone())
            .set_vpc_id(attachment.vpc_id.clone());
        or_already(account.ec2.detach_internet_gateway(input).await.map(drop), &["Gateway.NotAttached"])?;
    }
    Ok(())
}

/// A route table lets go of its subnets.
pub async fn dissociate_table(account: &Account, table: &types::RouteTable) -> Result<(), CallError> {
    for association in table.associations().iter().filter(|a| a.main() != Some(true)) {
        let input = aws_sdk_ec2::operation::disassociate_route_table::builders::DisassociateRouteTableInputBuilder::default()
            .set_association_id(association.route_table_association_id.clone());
        or_already(account.ec2.disassociate_route_table(input).await.map(drop), &[])?;
    }
    Ok(())
}

/// A group drops its rules about other groups, so that two that name each other can go.
pub async fn unlink_group(account: &Account, group: &types::SecurityGroup) -> Result<(), CallError> {
    let others = |rules: &[types::IpPermission]| -> Vec<types::IpPermission> {
        let foreign = |p: &&types::IpPermission| {
            p.user_id_group_pairs().iter().any(|g| g.group_id() != group.group_id())
        };
        rules.iter().filter(foreign).cloned().collect()
    };
    let (into, out) = (others(group.ip_permissions()), others(group.ip_permissions_egress()));
    use aws_sdk_ec2::operation as op;
    if !into.is_empty() {
        let input =
            op::revoke_security_group_ingress::builders::RevokeSecurityGroupIngressInputBuilder::default()
                .set_group_id(group.group_id.clone())
                .set_ip_permissions(Some(into));
        or_already(account.ec2.revoke_security_group_ingress(input).await.map(drop), &[])?;
    }
    if !out.is_empty() {
        let input =
            op::revoke_security_group_egress::builders::RevokeSecurityGroupEgressInputBuilder::default()
                .set_group_id(group.group_id.clone())
                .set_ip_permissions(Some(out));
        or_already(account.ec2.revoke_security_group_egress(input).await.map(drop), &[])?;
    }
    Ok(())
}

/// An address leaves what it is on.
pub async fn dissociate_address(account: &Account, address: &types::Address) -> Result<(), CallError> {
    let Some(association) = address.association_id() else { return Ok(()) };
    let input =
        aws_sdk_ec2::operation::disassociate_address::builders::DisassociateAddressInputBuilder::default()
            .association_id(association);
    or_already(account.ec2.disassociate_address(input).await.map(drop), &[])
}
