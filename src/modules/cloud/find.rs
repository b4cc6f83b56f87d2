//! Finding a task's thing again: by its tags first, by what is natural for it second.

use super::Cx;
use crate::cloud::identity::{self, KEEP};
use crate::cloud::{Kind, Tags};
use crate::modules::{ArgsExt, Failure};
use std::sync::Arc;

/// The thing of this task among `items`: the one with its tags, or else the one that `fits`. Two are an error that
/// names both.
pub fn one<K: Kind>(
    cx: &Cx<'_>,
    items: &[Arc<K::Item>],
    fits: impl Fn(&K::Item) -> bool,
) -> Result<Option<Arc<K::Item>>, Failure> {
    let tagged: Vec<_> = items.iter().filter(|i| cx.identity.is(&K::tags(i))).collect();
    let by_tag = !tagged.is_empty();
    let found = if by_tag { tagged } else { items.iter().filter(|i| fits(i)).collect() };
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(Arc::clone(one))),
        [one, two, ..] => {
            let why = match by_tag {
                true => {
                    format!("both are tagged `{}` of the stack `{}`", cx.identity.node, cx.identity.stack)
                }
                false => "both fit what the task says".to_string(),
            };
            Err(Failure::new(format!(
                "two {}s could be meant, {} and {}: {why}\nhint: remove one, or say more in the task",
                K::NAME,
                described::<K>(one),
                described::<K>(two)
            )))
        }
    }
}

/// Its id, and its name where it has one.
pub fn described<K: Kind>(item: &K::Item) -> String {
    match K::tags(item).get("Name") {
        Some(name) => format!("{} ({name})", K::id(item)),
        None => K::id(item).to_string(),
    }
}

/// What lacks the tags of any stack is not touched, unless the task says to adopt it.
pub fn may_touch<K: Kind>(cx: &Cx<'_>, item: &K::Item) -> Result<(), Failure> {
    if identity::is_ours(&K::tags(item)) || cx.args.bool("adopt") {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the {} {} fits, but was not made by fitout, so it is not changed\nhint: `adopt: true` takes it over into the \
         stack `{}`",
        K::NAME,
        described::<K>(item),
        cx.identity.stack
    )))
}

/// What `prevent_destroy` keeps from being removed or replaced.
pub fn may_remove<K: Kind>(cx: &Cx<'_>, item: &K::Item) -> Result<(), Failure> {
    may_touch::<K>(cx, item)?;
    if cx.args.bool("prevent_destroy") || K::tags(item).contains_key(KEEP) {
        let message = format!(
            "the {} {} would be removed, and `prevent_destroy` forbids it",
            K::NAME,
            described::<K>(item)
        );
        return Err(Failure::new(message));
    }
    Ok(())
}

/// The tags to set and to remove so that a thing has the `wanted` ones (`None`: as they are) and those of its owner.
pub fn tag_changes(cx: &Cx<'_>, is: &Tags, wanted: Option<&Tags>, purge: bool) -> (Tags, Vec<String>) {
    let (mut set, mut gone) = match wanted {
        Some(wanted) => identity::difference(is, wanted, purge),
        None => (Tags::new(), Vec::new()),
    };
    // The name that it got for want of one is not the user's to purge.
    gone.retain(|key| !(key == "Name" && is.get(key) == Some(&cx.identity.name())));
    if !identity::is_ours(is) && cx.args.bool("adopt") {
        set.extend(cx.identity.tags());
    } else if identity::is_ours(is) {
        match (cx.identity.keep, is.contains_key(KEEP)) {
            (true, false) => {
                set.insert(KEEP.into(), "true".into());
            }
            (false, true) => gone.push(KEEP.into()),
            _ => {}
        }
    }
    (set, gone)
}
