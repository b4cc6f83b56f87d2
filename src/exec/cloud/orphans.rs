//! What nobody wants any more: expired, left of a bake, or made by a task that the playbook no longer has.

use crate::cloud::identity::{EXPIRES, NODE, STACK};
use crate::cloud::kinds_images::{Image, Snapshot};
use crate::cloud::{Kind, Tags, Thing, expiry};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Stacks of bakes; their images and snapshots are what was wanted, all else is temporary.
pub const BAKES: &str = "image/";
/// When what a bake made is left over for certain, where its tags do not say it.
const BAKE_LIMIT: Duration = Duration::from_secs(86_400);

/// The nodes that a playbook's tasks are.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    known: HashSet<(String, String)>,
    /// Modules of tasks whose nodes depend on what is not known: nothing of theirs is an orphan.
    uncertain: HashSet<String>,
    /// Of nodes that several units may be, what each of those says is its own; `None`: it has not said so yet.
    shares: HashMap<(String, String), HashMap<String, Option<Vec<Thing>>>>,
}

impl Nodes {
    /// A node (`MODULE/KEY`) of a stack that the playbook still has.
    pub fn add(&mut self, stack: &str, node: &str) {
        self.known.insert((stack.to_string(), node.to_string()));
    }

    /// A task of this module has a node that cannot be told yet: no node of the module counts as lacking.
    pub fn uncertain(&mut self, module: &str) {
        self.uncertain.insert(module.to_string());
    }

    /// A unit that is this node beside others will say what is its own.
    pub fn expects(&mut self, stack: &str, node: &str, unit: &str) {
        let units = self.shares.entry((stack.to_string(), node.to_string())).or_default();
        units.entry(unit.to_string()).or_default();
    }

    /// What the unit has of the node.
    pub fn has(&mut self, stack: &str, node: &str, unit: &str, things: &[(Thing, Tags)]) {
        let units = self.shares.entry((stack.to_string(), node.to_string())).or_default();
        units.insert(unit.to_string(), Some(things.iter().map(|(thing, _)| thing.clone()).collect()));
    }

    /// Whether all units of the thing's node said what is theirs, among it things of its kind, and not this one.
    fn is_left(&self, thing: &Thing, tags: &Tags) -> bool {
        let (Some(stack), Some(node)) = (tags.get(STACK), tags.get(NODE)) else { return false };
        let Some(units) = self.shares.get(&(stack.clone(), node.clone())) else { return false };
        let all: Option<Vec<&Vec<Thing>>> = units.values().map(Option::as_ref).collect();
        let Some(all) = all else { return false };
        all.iter().any(|own| own.iter().any(|t| t.kind == thing.kind))
            && !all.iter().any(|own| own.contains(thing))
    }

    /// Whether the thing's node is for certain none of these.
    fn lacks(&self, tags: &Tags) -> bool {
        let (Some(stack), Some(node)) = (tags.get(STACK), tags.get(NODE)) else { return false };
        let module = node.split('/').next().unwrap_or(node);
        !self.uncertain.contains(module) && !self.known.contains(&(stack.clone(), node.clone()))
    }
}

/// What counts as an orphan.
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    /// Temporary things at least so old count, whatever their tags say.
    pub older_than: Option<Duration>,
}

impl Orphans {
    /// Why the thing is one; `None` where it is wanted.
    pub fn why(&self, thing: &Thing, tags: &Tags, nodes: Option<&Nodes>, now: Timestamp) -> Option<String> {
        if let Some(moment) = expiry::expires(tags).filter(|moment| *moment <= now) {
            let ago = Duration::try_from(now.duration_since(moment)).unwrap_or_default();
            return Some(format!("expired {} ago", expiry::short(ago)));
        }
        let of_bake = tags.get(STACK).is_some_and(|s| s.starts_with(BAKES));
        // What a bake is for stays once it is finished: no age ends it, and no playbook names it.
        let finished = expiry::expires(tags).is_none();
        if of_bake && finished && matches!(thing.kind, Image::NAME | Snapshot::NAME) {
            return None;
        }
        let age = expiry::age(tags, now);
        let temporary = of_bake || expiry::expires(tags).is_some();
        if let (true, Some(limit), Some(age)) = (temporary, self.older_than, age)
            && age >= limit
        {
            return Some(format!("temporary, {} old", expiry::short(age)));
        }
        let overdue = age.filter(|age| of_bake && !tags.contains_key(EXPIRES) && *age >= BAKE_LIMIT);
        if let Some(age) = overdue {
            return Some(format!("left of a bake, {} old", expiry::short(age)));
        }
        let node = tags.get(NODE).map(String::as_str).unwrap_or_default();
        let nodes = nodes.filter(|_| !of_bake)?;
        if nodes.lacks(tags) {
            return Some(format!("no task of the playbook is {node}"));
        }
        nodes.is_left(thing, tags).then(|| format!("another is {node}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn why(
        kind: &'static str,
        stack: &str,
        node: &str,
        run: &str,
        expires: &str,
        older: Option<u64>,
    ) -> String {
        let pairs = [(STACK, stack), (NODE, node), (crate::cloud::identity::RUN, run), (EXPIRES, expires)];
        let tags: Tags = pairs
            .iter()
            .filter(|(_, v)| !v.is_empty())
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let mut nodes = Nodes::default();
        nodes.add("web", "ec2_vpc_net/a");
        nodes.uncertain("ec2_instance");
        let thing = Thing { kind, id: "x".into() };
        let orphans = Orphans { older_than: older.map(Duration::from_secs) };
        orphans.why(&thing, &tags, Some(&nodes), NOW.parse().unwrap()).unwrap_or_default()
    }

    #[test]
    fn an_orphan_says_why_and_all_else_stays() {
        let (young, old) = ("20261121T110000-1", "20261119T110000-1");
        let past = "2026-11-21T09:00:00Z";
        let later = "2026-11-21T14:00:00Z";
        let cases = [
            ("VPC", "web", "ec2_vpc_net/a", old, "", None, ""),
            ("VPC", "web", "ec2_vpc_net/b", young, "", None, "no task of the playbook is ec2_vpc_net/b"),
            ("VPC", "other", "ec2_vpc_net/a", young, "", None, "no task of the playbook is ec2_vpc_net/a"),
            ("instance", "web", "ec2_instance/gone", old, "", None, ""),
            ("VPC", "web", "ec2_vpc_net/a", old, past, None, "expired 3h00m ago"),
            ("VPC", "web", "ec2_vpc_net/a", old, later, None, ""),
            ("VPC", "web", "ec2_vpc_net/a", old, "soon", None, ""),
            ("VPC", "web", "ec2_vpc_net/a", young, later, Some(600), "temporary, 1h00m old"),
            ("VPC", "web", "ec2_vpc_net/a", old, "", Some(600), ""),
            ("instance", "image/web", "bake", young, "", None, ""),
            ("instance", "image/web", "bake", old, "", None, "left of a bake, 2d old"),
            ("instance", "image/web", "bake", old, later, None, ""),
            ("key pair", "image/web", "bake", young, later, Some(0), "temporary, 1h00m old"),
            ("image", "image/web", "bake", old, "", Some(0), ""),
            ("image", "image/web", "bake", old, "never", Some(0), ""),
            ("image", "image/web", "bake", young, later, Some(0), "temporary, 1h00m old"),
            ("image", "image/web", "bake", young, later, None, ""),
            ("snapshot", "image/web", "bake", old, "", None, ""),
        ];
        for (kind, stack, node, run, expires, older, expected) in cases {
            let found = why(kind, stack, node, run, expires, older);
            assert_eq!(found, expected, "{kind} {stack} {node} {run} {expires} {older:?}");
        }
    }
}
