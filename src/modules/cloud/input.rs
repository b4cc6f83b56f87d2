//! Reading what cloud modules have in common out of their arguments, and writing tags.

use super::{Attributes, Cx, find};
use crate::base::Value;
use crate::cloud::ec2::input::{CreateTagsInputBuilder, DeleteTagsInputBuilder};
use crate::cloud::ec2::types::Tag;
use crate::cloud::identity::to_sdk;
use crate::cloud::{CallError, Tags};
use crate::modules::ArgsExt;
use crate::spec::to_text;

/// Tags to set and to remove.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagChange {
    pub set: Tags,
    pub remove: Vec<String>,
}

impl Cx<'_> {
    /// `tags` with `Name` out of the argument `name`, where the module has one; `None`: neither is given.
    pub fn wanted_tags(&self) -> Option<Tags> {
        let mut tags: Option<Tags> = self.args.map("tags").map(tags_of);
        if let Some(name) = self.text("name") {
            tags.get_or_insert_default().entry("Name".into()).or_insert_with(|| name.to_string());
        }
        tags
    }

    /// What the tags of a thing need, noted in `attributes`. Without `tags` in the task nothing is purged.
    pub fn compare_tags(&self, attributes: &mut Attributes, is: &Tags) -> TagChange {
        let purge = self.args.has("tags") && self.args.opt_bool("purge_tags").unwrap_or(true);
        let (set, remove) = find::tag_changes(self, is, self.wanted_tags().as_ref(), purge);
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
