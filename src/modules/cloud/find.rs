//! Finding a task's thing again: by its tags first, by what is natural for it second.

use super::place::Unclear;
use super::{Cx, TagChange};
use crate::cloud::identity::{self, DEPOSED, KEEP};
use crate::cloud::{CallError, Kind, Outcome, Tags};
use crate::modules::{ArgsExt, Failure};
use std::sync::Arc;

/// The thing of this task among `items`: the one with its tags, or else the one that `fits`. Two are an error that
/// names both.
pub fn one<K: Kind>(
    cx: &Cx<'_>,
    items: &[Arc<K::Item>],
    fits: impl Fn(&K::Item) -> bool,
) -> Result<Option<Arc<K::Item>>, Failure> {
    let items = in_place::<K>(cx, items);
    let tagged = own::<K>(cx, &items);
    let by_tag = !tagged.is_empty();
    let found = if by_tag { tagged } else { items.into_iter().filter(|i| fits(i)).collect() };
    only::<K>(cx, &found, by_tag)
}

/// As [`one`], where several units of a run may be the node: `is` tells an attribute of [`super::Resource::place`].
///
/// # Errors
/// Two could be meant, or it cannot be told whose a thing is.
pub fn placed<K: Kind>(
    cx: &Cx<'_>,
    items: &[Arc<K::Item>],
    is: impl Fn(&K::Item, &str) -> Vec<String>,
    fits: impl Fn(&K::Item) -> bool,
) -> Result<Option<Arc<K::Item>>, Failure> {
    let items = in_place::<K>(cx, items);
    let tagged = share::<K>(cx, &own::<K>(cx, &items), is)?;
    let by_tag = !tagged.is_empty();
    let others = |i: &K::Item| !by_tag && fits(i) && !cx.identity.is(&K::tags(i));
    let found = if by_tag { tagged } else { items.into_iter().filter(|i| others(i)).collect() };
    only::<K>(cx, &found, by_tag)
}

/// Those with the task's tags; what it may have been called counts only where nothing has its name of today.
pub fn own<K: Kind>(cx: &Cx<'_>, items: &[Arc<K::Item>]) -> Vec<Arc<K::Item>> {
    let exact = items.iter().any(|i| cx.identity.is_exactly(&K::tags(i)));
    let is = |i: &&Arc<K::Item>| match exact {
        true => cx.identity.is_exactly(&K::tags(i)),
        false => cx.identity.is(&K::tags(i)),
    };
    items.iter().filter(is).cloned().collect()
}

/// Which of the node's things are this unit's.
///
/// # Errors
/// It cannot be told.
pub fn share<K: Kind>(
    cx: &Cx<'_>,
    tagged: &[Arc<K::Item>],
    is: impl Fn(&K::Item, &str) -> Vec<String>,
) -> Result<Vec<Arc<K::Item>>, Failure> {
    // What is elsewhere is not what is to go.
    if matches!(cx.args.str("state"), "absent" | "terminated") {
        let may = |i: &&Arc<K::Item>| cx.group.own.may_hold(&|name| is(i, name));
        return Ok(tagged.iter().filter(may).cloned().collect());
    }
    let shared = cx.group.own(tagged.len(), |at, name| is(&tagged[at], name), cx.check);
    let unclear = |why: Unclear| {
        let node = &cx.identity.node;
        Failure::new(match why {
            Unclear::Several(one, two) => format!(
                "more {}s are tagged `{node}` than tasks mean: {} or {} would be replaced\nhint: remove one, or give the \
                 things names of their own",
                K::NAME,
                described::<K>(&tagged[one]),
                described::<K>(&tagged[two])
            ),
            Unclear::Later(one) => format!(
                "the {} {} would be replaced, and a later task that is `{node}` too may mean it\nhint: give the things \
                 names of their own",
                K::NAME,
                described::<K>(&tagged[one])
            ),
        })
    };
    Ok(shared.map_err(unclear)?.into_iter().map(|at| Arc::clone(&tagged[at])).collect())
}

fn only<K: Kind>(cx: &Cx<'_>, found: &[Arc<K::Item>], by_tag: bool) -> Result<Option<Arc<K::Item>>, Failure> {
    match found {
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

/// Without what others took the place of. Where that was this task's and an earlier run ended before it could go, it goes at
/// the end of this one.
pub fn in_place<K: Kind>(cx: &Cx<'_>, items: &[Arc<K::Item>]) -> Vec<Arc<K::Item>> {
    let deposed = |item: &Arc<K::Item>| {
        let tags = K::tags(item);
        let deposed = tags.contains_key(DEPOSED);
        if deposed && cx.identity.was(&tags) {
            cx.account.depose::<K>(item);
        }
        deposed || cx.account.is_deposed::<K>(item)
    };
    items.iter().filter(|item| !deposed(item)).cloned().collect()
}

/// Marks things that others are about to take the place of: from here on no run takes them for those that are meant, however
/// this one ends. Where `make` was refused the marks are taken away again.
///
/// # Errors
/// Those of the marking, and of `make`.
pub async fn in_place_of<K: Kind, T>(
    cx: &Cx<'_>,
    old: &[Arc<K::Item>],
    make: impl Future<Output = Result<T, CallError>> + Send,
) -> Result<T, CallError> {
    if old.is_empty() {
        return make.await;
    }
    let ids: Vec<&str> = old.iter().map(|item| K::id(item)).collect();
    let mark = TagChange { set: Tags::from([(DEPOSED.to_string(), "true".into())]), ..TagChange::default() };
    cx.write_tags(&ids, &mark).await?;
    old.iter().for_each(|item| cx.account.depose::<K>(item));
    let made = make.await;
    // Else nobody knows whether it was made.
    if made.as_ref().is_err_and(|error| error.outcome == Outcome::Refused) {
        let unmark = TagChange { remove: vec![DEPOSED.to_string()], ..TagChange::default() };
        cx.write_tags(&ids, &unmark).await?;
        old.iter().for_each(|item| cx.account.spare::<K>(item));
    }
    made
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
    may_go::<K>(cx, item)
}

/// As [`may_remove`], of a thing that the task names by its id: that may be anybody's.
pub fn may_go<K: Kind>(cx: &Cx<'_>, item: &K::Item) -> Result<(), Failure> {
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
