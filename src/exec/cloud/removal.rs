//! Removing things row by row, from those that use others to those that are used; destroy, gc and replacements share it.

use super::super::event::{Doomed, Event};
use crate::cloud::identity::{KEEP, NODE, STACK};
use crate::cloud::kinds::{Instance, NatGateway, NetworkInterface};
use crate::cloud::named::{SCALING_GROUP, is_global};
use crate::cloud::remove::ORDER;
use crate::cloud::{Account, Kind, Tags, Thing, together};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One thing and where it is.
pub struct Target {
    /// The account and region it is in.
    pub account: Arc<Account>,
    /// Kind and id.
    pub thing: Thing,
    /// As they were when it was looked at.
    pub tags: Tags,
    /// Why it goes, where that is not plain.
    pub why: String,
}

/// Where events go, without secrets.
pub trait Teller: Sync {
    /// One event, complete: the receiver only passes it on.
    fn tell(&self, event: Event);
    /// The text with every known secret replaced, since names and tags may hold one.
    fn redact(&self, text: &str) -> String;
}

impl Target {
    /// Where it is to be found; roles are everywhere.
    pub fn region(&self) -> &str {
        if is_global(self.thing.kind) { "global" } else { &self.account.region }
    }

    /// The stack in the thing's tags; empty where it has none.
    pub fn stack(&self) -> &str {
        self.tags.get(STACK).map(String::as_str).unwrap_or_default()
    }

    /// Whether the tag that forbids removal is there, whatever its value.
    pub fn kept(&self) -> bool {
        self.tags.contains_key(KEEP)
    }

    /// The target as it is shown before it is removed: the `Name` tag, or else the node, as its name.
    pub fn doomed(&self, teller: &dyn Teller) -> Doomed {
        let tag = |name: &str| self.tags.get(name).map(|t| teller.redact(t)).unwrap_or_default();
        let name = tag("Name");
        Doomed {
            kind: self.thing.kind.to_string(),
            id: self.thing.id.clone(),
            name: if name.is_empty() { tag(NODE) } else { name },
            stack: tag(STACK),
            region: self.region().to_string(),
            kept: self.kept(),
            why: self.why.clone(),
        }
    }

    /// The row of the order it goes with; unknown kinds use what others are.
    fn row(&self) -> usize {
        ORDER.iter().position(|row| row.contains(&self.thing.kind)).unwrap_or(0)
    }
}

/// The service's own tag on an instance that a group has launched.
const MEMBER_OF: &str = "aws:autoscaling:groupName";

/// What holds a network for as long as it is there. Others that are kept, such as disks, are in nothing's way.
const IN_NETWORKS: [&str; 4] = [SCALING_GROUP, Instance::NAME, NatGateway::NAME, NetworkInterface::NAME];

/// The instances of a group that stays do, too: it would only launch others in their place.
fn members_stay(targets: &mut [Target]) {
    let of = |t: &Target, name: &str| (t.region().to_string(), name.to_string());
    let groups = targets.iter().filter(|t| t.thing.kind == SCALING_GROUP && t.kept());
    let groups: BTreeSet<(String, String)> = groups.map(|t| of(t, &t.thing.id)).collect();
    for target in targets.iter_mut().filter(|t| t.thing.kind == Instance::NAME) {
        if target.tags.get(MEMBER_OF).is_some_and(|name| groups.contains(&of(target, name))) {
            target.tags.insert(KEEP.into(), "true".into());
        }
    }
}

/// In the order of their removal, and tells of them; those that are kept are told of and left out.
pub fn shown(teller: &dyn Teller, mut targets: Vec<Target>) -> Vec<Target> {
    targets.sort_by_key(|t| (t.row(), t.thing.clone()));
    members_stay(&mut targets);
    // The network that these stand in cannot go, so it is not waited for.
    let stand = targets.iter().filter(|t| t.kept() && IN_NETWORKS.contains(&t.thing.kind));
    stand.for_each(|t| t.account.manner.note_stays());
    teller.tell(Event::ToRemove { things: targets.iter().map(|t| t.doomed(teller)).collect() });
    targets.retain(|t| !t.kept());
    targets
}

/// Row by row, each row together; the number of those that would not go.
pub async fn remove(teller: &dyn Teller, targets: &[Target]) -> usize {
    let mut failed = 0;
    for row in 0..ORDER.len() {
        let one = |target: &Target| {
            let (account, thing) = (Arc::clone(&target.account), target.thing.clone());
            let doomed = target.doomed(teller);
            async move {
                let done = account.remove_thing(&thing).await;
                let error = done.err().map(|e| teller.redact(&e.to_string()));
                if error.is_some() {
                    account.manner.note_stays();
                }
                let ok = error.is_none();
                teller.tell(Event::Removed { thing: doomed, error });
                ok
            }
        };
        let done = together(targets.iter().filter(|t| t.row() == row).map(one).collect()).await;
        failed += done.iter().filter(|ok| !**ok).count();
    }
    failed
}
