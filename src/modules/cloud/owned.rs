//! What may be done to a thing that is known by its name alone: whose it is, its tags say.

use super::{Cx, find};
use crate::cloud::Tags;
use crate::cloud::identity::{self, KEEP};
use crate::modules::{ArgsExt, Failure};

/// What lacks the tags of any stack is not touched, unless the task says to adopt it. `what`: `role web`.
pub fn may_touch(cx: &Cx<'_>, what: &str, tags: &Tags) -> Result<(), Failure> {
    if identity::is_ours(tags) || cx.args.bool("adopt") {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the {what} was not made by fitout, so it is not changed\nhint: `adopt: true` takes it over into the stack `{}`",
        cx.identity.stack
    )))
}

/// What `prevent_destroy` keeps from being removed.
pub fn may_remove(cx: &Cx<'_>, what: &str, tags: &Tags) -> Result<(), Failure> {
    may_touch(cx, what, tags)?;
    if cx.args.bool("prevent_destroy") || tags.contains_key(KEEP) {
        return Err(Failure::new(format!("the {what} would be removed, and `prevent_destroy` forbids it")));
    }
    Ok(())
}

/// The tags of the task alone, without a `Name` made of its name.
pub fn plain_tags(cx: &Cx<'_>) -> Option<Tags> {
    cx.args.map("tags").map(super::tags_of)
}

/// As [`Cx::compare_tags`], for things whose name is no tag.
pub fn compare_tags(cx: &Cx<'_>, attributes: &mut super::Attributes, is: &Tags) -> super::TagChange {
    let wanted = plain_tags(cx);
    let purge = wanted.is_some() && cx.args.opt_bool("purge_tags").unwrap_or(true);
    let (set, remove) = find::tag_changes(cx, is, wanted.as_ref(), purge);
    for key in set.keys().chain(&remove) {
        attributes.element(
            &format!("tags.{key}"),
            is.get(key).map(String::as_str),
            set.get(key).map(String::as_str),
        );
    }
    super::TagChange { set, remove }
}
