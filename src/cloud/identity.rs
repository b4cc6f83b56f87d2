//! Who made a thing, and for what: the tags every created thing carries from its first moment.

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use std::collections::BTreeMap;

/// The stack: all that one playbook makes.
pub const STACK: &str = "fitout:stack";
/// The thing within the stack: `ec2_subnet/10.0.0.0/24`.
pub const NODE: &str = "fitout:node";
/// The run that made it, which is the name of its journal.
pub const RUN: &str = "fitout:run";
/// The operation that made it; by this a thing is found whose creation was not answered.
pub const OP: &str = "fitout:op";
/// Set where `prevent_destroy` was asked for: neither destroy nor gc touch it.
pub const KEEP: &str = "fitout:keep";
/// When the thing may go, in UTC: `2026-12-24T18:00:00Z`. Set on what is temporary; `gc` removes it from then on.
pub const EXPIRES: &str = "fitout:expires";

/// Set on what another takes the place of, before that is made: it is not the thing of its task any more, and goes at the end
/// of a run that went well.
pub const DEPOSED: &str = "fitout:deposed";

/// Set on a key pair whose private half was written down: the service tells it once.
pub const TOLD: &str = "fitout:told";

/// What groups and launch templates hand on to the instances and disks they make: these are found by it when they are no
/// group's any more.
pub const HANDED_ON: [&str; 4] = [STACK, NODE, RUN, EXPIRES];

/// Prefixes of tags that are not the user's, so that purging leaves them.
pub const RESERVED: [&str; 2] = ["fitout:", "aws:"];

/// Tags by key, in the order of the keys, so that output and comparison are stable.
pub type Tags = BTreeMap<String, String>;

/// What one task's things are known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `fitout_stack`, else the playbook's name.
    pub stack: String,
    /// `MODULE/KEY`, unique in the stack.
    pub node: String,
    /// The run that makes it.
    pub run: String,
    /// `prevent_destroy`
    pub keep: bool,
    /// When what is made may go: [`EXPIRES`]'s value.
    pub expires: Option<String>,
    /// What an earlier run may have called it, when its loop had another length; where nothing has the node.
    pub also: Option<String>,
}

/// One creation. Its id is new for each attempt that may have been carried out and was then undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// 16 hexadecimal digits, at random.
    pub id: String,
    /// Whose the thing will be.
    pub identity: Identity,
}

impl Identity {
    /// A new operation.
    pub fn op(&self) -> Op {
        let id = format!("{:016x}", rand::random::<u64>());
        Op { id, identity: self.clone() }
    }

    /// The tags of the thing without those of one operation.
    pub fn tags(&self) -> Tags {
        let mut tags = Tags::new();
        tags.insert(STACK.into(), self.stack.clone());
        tags.insert(NODE.into(), self.node.clone());
        tags.insert(RUN.into(), self.run.clone());
        if self.keep {
            tags.insert(KEEP.into(), "true".into());
        }
        tags.extend(self.expires.iter().map(|moment| (EXPIRES.into(), moment.clone())));
        tags
    }

    /// The `Name` of a thing whose task gives it none.
    pub fn name(&self) -> String {
        match self.node.split_once('/') {
            Some((_, key)) if !key.is_empty() => key.to_string(),
            _ => format!("{} {}", self.stack, self.node),
        }
    }

    /// Whether tags say that the thing is this one.
    pub fn is(&self, tags: &Tags) -> bool {
        self.was(tags) && !tags.contains_key(DEPOSED)
    }

    /// Whether tags say that the thing is this one, or was, before another took its place.
    pub fn was(&self, tags: &Tags) -> bool {
        let node = tags.get(NODE);
        tags.get(STACK) == Some(&self.stack)
            && (node == Some(&self.node) || node.is_some() && node == self.also.as_ref())
    }

    /// Whether tags say this very node, not what it may have been called.
    pub fn is_exactly(&self, tags: &Tags) -> bool {
        self.is(tags) && tags.get(NODE) == Some(&self.node)
    }
}

impl Op {
    /// The user's tags and ours, with a `Name` in any case.
    pub fn tags(&self, wanted: &Tags) -> Tags {
        let mut tags = wanted.clone();
        tags.entry("Name".into()).or_insert_with(|| self.identity.name());
        tags.extend(self.identity.tags());
        tags.insert(OP.into(), self.id.clone());
        tags
    }

    /// Ours and the user's tags, for a creation's `TagSpecifications`.
    pub fn specification(&self, kind: ResourceType, wanted: &Tags) -> TagSpecification {
        TagSpecification::builder().resource_type(kind).set_tags(Some(to_sdk(&self.tags(wanted)))).build()
    }

    /// At most 64 characters, unique to the attempt. A token whose thing was removed is refused later, so it names
    /// the attempt and not the thing.
    pub fn token(&self) -> String {
        format!("fitout-{}", self.id)
    }
}

/// As EC2's calls take them. Their number (at most 50) and lengths are left to the service to judge.
pub fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// As EC2's descriptions tell them; a missing key or value is empty text.
pub fn from_sdk(tags: &[Tag]) -> Tags {
    let text = |t: Option<&str>| t.unwrap_or_default().to_string();
    tags.iter().map(|t| (text(t.key()), text(t.value()))).collect()
}

/// Made by some run of fitout.
pub fn is_ours(tags: &Tags) -> bool {
    tags.contains_key(STACK)
}

/// Whether a tag is not the user's to set or remove: the tool's own, or the service's (`aws:`).
pub fn reserved(key: &str) -> bool {
    RESERVED.iter().any(|p| key.starts_with(p))
}

/// What of the tags has to be set and what removed. Reserved ones are neither compared nor purged.
pub fn difference(is: &Tags, wanted: &Tags, purge: bool) -> (Tags, Vec<String>) {
    let set = wanted.iter().filter(|(k, v)| is.get(*k) != Some(v));
    let set = set.map(|(k, v)| (k.clone(), v.clone())).collect();
    let gone = |k: &&String| purge && !reserved(k) && !wanted.contains_key(*k);
    (set, is.keys().filter(gone).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(of: &[(&str, &str)]) -> Tags {
        of.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn purging_leaves_what_is_not_the_users() {
        let is = tags(&[("a", "1"), ("b", "2"), ("fitout:stack", "s"), ("aws:x", "y")]);
        let (set, gone) = difference(&is, &tags(&[("a", "3"), ("c", "4")]), true);
        assert_eq!((set, gone), (tags(&[("a", "3"), ("c", "4")]), vec!["b".to_string()]));
        assert_eq!(difference(&is, &tags(&[("a", "1")]), false), (Tags::new(), vec![]));
    }

    #[test]
    fn operations_differ_and_their_tags_say_whose_they_are() {
        let identity = Identity {
            stack: "s".into(),
            node: "ec2_vpc_net/a".into(),
            run: "r".into(),
            keep: true,
            expires: None,
            also: Some("ec2_vpc_net/a#1".into()),
        };
        let (one, two) = (identity.op(), identity.op());
        assert_ne!(one.id, two.id);
        let tags = one.tags(&tags(&[("Name", "a")]));
        assert!(identity.is(&tags) && is_ours(&tags));
        let deposed = Tags::from_iter(tags.clone().into_iter().chain([(DEPOSED.to_string(), "true".into())]));
        assert!(!identity.is(&deposed) && identity.was(&deposed) && reserved(DEPOSED));
        assert_eq!((tags.get(OP), tags.get(KEEP).map(String::as_str)), (Some(&one.id), Some("true")));
        let former =
            Tags::from_iter(tags.clone().into_iter().chain([(NODE.to_string(), "ec2_vpc_net/a#1".into())]));
        assert!(identity.is(&former) && !identity.is_exactly(&former));
        assert!(one.token().len() <= 64);
        assert_eq!(one.tags(&Tags::new())["Name"], "a");
    }
}
