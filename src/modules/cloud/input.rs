//! Reading what cloud modules have in common out of their arguments, and writing tags.

use super::{Attributes, Cx, find};
use crate::base::Value;
use crate::cloud::ec2::input::{CreateTagsInputBuilder, DeleteTagsInputBuilder};
use crate::cloud::ec2::types::{Filter, Tag};
use crate::cloud::identity::to_sdk;
use crate::cloud::{CallError, Tags};
use crate::modules::ArgsExt;
use crate::spec::to_text;

/// Tags to set and to remove.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagChange {
    /// New ones, and those with another value.
    pub set: Tags,
    /// Keys, where the task purges; reserved ones never are.
    pub remove: Vec<String>,
}

impl Cx<'_> {
    /// The tags of a thing to be made: `tags`, and a `Name` in any case: the argument `name`, or one made of the stack's.
    pub fn wanted_tags(&self) -> Tags {
        let mut tags = self.args.map("tags").map(tags_of).unwrap_or_default();
        if !tags.contains_key("Name") {
            tags.insert("Name".into(), self.default_name());
        }
        tags
    }

    fn default_name(&self) -> String {
        match self.text("name") {
            Some(name) => name.to_string(),
            None => format!("{} {}", self.identity.stack, self.identity.node),
        }
    }

    /// What the tags of a thing need, noted in `attributes`. Without `tags` in the task nothing is purged.
    pub fn compare_tags(&self, attributes: &mut Attributes, is: &Tags) -> TagChange {
        self.compare_with(attributes, is, self.args.map("tags").map(tags_of))
    }

    /// As `compare_tags`, for a kind whose name is its `Name` tag.
    pub fn compare_named_tags(&self, attributes: &mut Attributes, is: &Tags) -> TagChange {
        let mut tags = self.args.map("tags").map(tags_of);
        if let Some(name) = self.text("name") {
            tags.get_or_insert_default().entry("Name".into()).or_insert_with(|| name.to_string());
        }
        self.compare_with(attributes, is, tags)
    }

    fn compare_with(&self, attributes: &mut Attributes, is: &Tags, wanted: Option<Tags>) -> TagChange {
        let purge = self.args.has("tags") && self.args.opt_bool("purge_tags").unwrap_or(true);
        let (set, mut remove) = find::tag_changes(self, is, wanted.as_ref(), purge);
        // The name that it got for want of one is not the user's to purge.
        let own = is.get("Name") == Some(&self.default_name());
        remove.retain(|k| !(own && k == "Name"));
        for (key, value) in &set {
            attributes.element(&format!("tags.{key}"), is.get(key).map(String::as_str), Some(value));
        }
        for key in &remove {
            attributes.element(&format!("tags.{key}"), is.get(key).map(String::as_str), None);
        }
        TagChange { set, remove }
    }

    /// Writes the change; at most two calls.
    pub async fn write_tags(&self, ids: &[&str], change: &TagChange) -> Result<(), CallError> {
        let resources = || Some(ids.iter().map(|i| i.to_string()).collect::<Vec<_>>());
        if !change.set.is_empty() {
            let input = CreateTagsInputBuilder::default().set_resources(resources());
            self.account.ec2.create_tags(input.set_tags(Some(to_sdk(&change.set)))).await?;
        }
        if !change.remove.is_empty() {
            let gone = change.remove.iter().map(|k| Tag::builder().key(k).build()).collect();
            let input = DeleteTagsInputBuilder::default().set_resources(resources());
            self.account.ec2.delete_tags(input.set_tags(Some(gone))).await?;
        }
        Ok(())
    }
}

impl TagChange {
    /// Whether the tags are as wanted already.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// The tags as they are after the change.
    pub fn applied(&self, is: &Tags) -> Tags {
        let mut tags = is.clone();
        tags.extend(self.set.clone());
        self.remove.iter().for_each(|k| {
            tags.remove(k);
        });
        tags
    }
}

/// Filters as a task writes them: a value or a list of them by name.
pub fn filters(map: Option<&crate::base::Map>) -> Vec<Filter> {
    let one = |(name, value): (&crate::base::Key, &Value)| {
        let text = |v: &Value| match v {
            Value::Bool(b) => b.to_string(),
            other => to_text(other),
        };
        let values = match value {
            Value::List(items) => items.iter().map(text).collect(),
            one => vec![text(one)],
        };
        Filter::builder().name(name.to_string()).set_values(Some(values)).build()
    };
    map.into_iter().flatten().map(one).collect()
}

/// A mapping as tags; values become text as Ansible writes them.
pub fn tags_of(map: &crate::base::Map) -> Tags {
    let text = |v: &Value| match v {
        Value::Bool(b) => if *b { "True" } else { "False" }.to_string(),
        other => to_text(other),
    };
    map.iter().map(|(k, v)| (k.to_string(), text(v))).collect()
}

/// Tags as return values: without our own.
pub fn tags_value(tags: &Tags) -> Value {
    let own = |k: &str| k.starts_with("fitout:");
    tags.iter().filter(|(k, _)| !own(k)).map(|(k, v)| (k.as_str(), v.as_str())).collect()
}
