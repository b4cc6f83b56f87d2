//! Elastic IPs, for the module that makes them and for gateways that need one.

use super::Cx;
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::remove::or_already;
use crate::cloud::{CallError, Tags};
use std::sync::Arc;

/// Allocates an address with the task's tags and these.
pub async fn allocate(
    cx: &Cx<'_>,
    tags: &Tags,
    pool: Option<&str>,
) -> Result<Arc<types::Address>, CallError> {
    let account = &cx.account;
    let op = cx.identity.op();
    let input = AllocateAddressInputBuilder::default()
        .domain(types::DomainType::Vpc)
        .set_public_ipv4_pool(pool.map(str::to_string))
        .tag_specifications(op.specification(types::ResourceType::ElasticIp, tags));
    let all = crate::cloud::identity::to_sdk(&op.tags(tags));
    let send = || -> CallFuture<'_, types::Address> {
        let (input, all) = (input.clone(), all.clone());
        Box::pin(async move {
            let made = account.ec2.allocate_address(input).await?;
            Ok(types::Address::builder()
                .set_allocation_id(made.allocation_id)
                .set_public_ip(made.public_ip)
                .set_public_ipv4_pool(made.public_ipv4_pool)
                .domain(types::DomainType::Vpc)
                .set_tags(Some(all))
                .build())
        })
    };
    account.create(&account.addresses, &op, &send).await
}

/// Takes the address away from what it is with.
pub async fn dissociate(cx: &Cx<'_>, address: &types::Address) -> Result<(), CallError> {
    let Some(association) = address.association_id() else { return Ok(()) };
    let input = DisassociateAddressInputBuilder::default().association_id(association);
    or_already(cx.account.ec2.disassociate_address(input).await.map(drop), &[])
}
