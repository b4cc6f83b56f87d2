//! What there is of a stack, by tag, from any machine.

use super::census_named::{self, Unseen};
use super::ec2::{input::DescribeTagsInputBuilder, types};
use super::error::CallError;
use super::identity::{STACK, Tags};
use super::kinds::*;
use super::named;
use super::remove::Thing;
use super::session::Account;
use super::table::{Kind, Table};
use std::collections::BTreeSet;
use types::{Filter, ResourceType};

/// What carries a stack's tag, and what could not be looked at.
#[derive(Debug, Default)]
pub struct Census {
    /// With their tags, in no order.
    pub things: Vec<(Thing, Tags)>,
    /// Why there may be more, in a user's words: calls that are not allowed.
    pub unseen: Vec<String>,
}

impl Account {
    /// All that carries the stack's tag (`None`: any stack's), in no order. What belongs to no region (roles, instance
    /// profiles) is there in each region's.
    pub async fn tagged(&self, stack: Option<&str>) -> Result<Census, CallError> {
        let mut filters = vec![Filter::builder().name("key").values(STACK).build()];
        if let Some(stack) = stack {
            filters.push(Filter::builder().name("value").values(stack).build());
        }
        let mut input = DescribeTagsInputBuilder::default().set_filters(Some(filters)).max_results(1000);
        let mut kinds = BTreeSet::new();
        loop {
            let page = self.ec2.describe_tags(input.clone()).await?;
            let tags = page.tags.unwrap_or_default();
            kinds.extend(tags.into_iter().filter_map(|t| t.resource_type).map(|t| t.as_str().to_string()));
            match page.next_token.filter(|t| !t.is_empty()) {
                Some(next) => input = input.next_token(next),
                None => break,
            }
        }
        let mut things = Vec::new();
        for kind in kinds {
            things.extend(self.of_type(&ResourceType::from(kind.as_str()), stack).await?);
        }
        things.extend(named::tagged_groups(self, stack).await?);
        let mut census = Census { things, unseen: Vec::new() };
        let named = [census_named::parameters(self, stack).await, census_named::global(self, stack).await];
        for found in named {
            match found {
                Ok(found) => census.things.extend(found),
                Err(Unseen::Denied(why)) => census.unseen.push(why),
                Err(Unseen::Failed(error)) => return Err(error),
            }
        }
        Ok(census)
    }

    async fn of_type(
        &self,
        kind: &ResourceType,
        stack: Option<&str>,
    ) -> Result<Vec<(Thing, Tags)>, CallError> {
        match kind {
            ResourceType::Vpc => self.own(&self.vpcs, stack).await,
            ResourceType::Subnet => self.own(&self.subnets, stack).await,
            ResourceType::InternetGateway => self.own(&self.internet_gateways, stack).await,
            ResourceType::RouteTable => self.own(&self.route_tables, stack).await,
            ResourceType::SecurityGroup => self.own(&self.security_groups, stack).await,
            ResourceType::KeyPair => self.own(&self.key_pairs, stack).await,
            ResourceType::Instance => self.own(&self.instances, stack).await,
            ResourceType::Volume => self.own(&self.volumes, stack).await,
            ResourceType::NetworkInterface => self.own(&self.network_interfaces, stack).await,
            ResourceType::Natgateway => self.own(&self.nat_gateways, stack).await,
            ResourceType::ElasticIp => self.own(&self.addresses, stack).await,
            ResourceType::LaunchTemplate => self.own(&self.launch_templates, stack).await,
            ResourceType::Image => self.own(&self.images, stack).await,
            ResourceType::Snapshot => self.own(&self.snapshots, stack).await,
            _ => Ok(Vec::new()),
        }
    }

    /// Of one kind; looked at anew.
    async fn own<K: Kind>(
        &self,
        table: &Table<K>,
        stack: Option<&str>,
    ) -> Result<Vec<(Thing, Tags)>, CallError> {
        let filter = match stack {
            Some(stack) => Filter::builder().name(format!("tag:{STACK}")).values(stack).build(),
            None => Filter::builder().name("tag-key").values(STACK).build(),
        };
        let mut items = K::load(&*self.ec2, vec![filter]).await?;
        items.retain(|i| !K::is_gone(i));
        let mut things = Vec::new();
        for item in items {
            things.push((Thing { kind: K::NAME, id: K::id(&item).to_string() }, K::tags(&item)));
            table.put(item);
        }
        Ok(things)
    }
}

impl Account {
    /// What stacks, this one and others, have inside a VPC; of other things nothing is inside.
    pub async fn inside(&self, thing: &Thing) -> Result<Vec<(Thing, Tags)>, CallError> {
        if thing.kind != Vpc::NAME {
            return Ok(Vec::new());
        }
        let mut all = self.inside_by("vpc-id", thing, &self.instances).await?;
        all.extend(self.inside_by("vpc-id", thing, &self.nat_gateways).await?);
        all.extend(self.inside_by("attachment.vpc-id", thing, &self.internet_gateways).await?);
        all.extend(self.inside_by("vpc-id", thing, &self.route_tables).await?);
        all.extend(self.inside_by("vpc-id", thing, &self.security_groups).await?);
        all.extend(self.inside_by("vpc-id", thing, &self.subnets).await?);
        Ok(all)
    }

    async fn inside_by<K: Kind>(
        &self,
        filter: &str,
        parent: &Thing,
        table: &Table<K>,
    ) -> Result<Vec<(Thing, Tags)>, CallError> {
        let filter = Filter::builder().name(filter).values(&parent.id).build();
        let mut things = Vec::new();
        for item in K::load(&*self.ec2, vec![filter]).await? {
            let tags = K::tags(&item);
            if !K::is_gone(&item) && tags.contains_key(STACK) {
                things.push((Thing { kind: K::NAME, id: K::id(&item).to_string() }, tags));
                table.put(item);
            }
        }
        Ok(things)
    }
}
