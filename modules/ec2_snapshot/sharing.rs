//! Who may make volumes of a snapshot.

use crate::cloud::CallError;
use crate::cloud::ec2::{input::*, types};
use crate::modules::ArgsExt;
use crate::modules::cloud::{Attributes, Cx};
use std::collections::BTreeSet;

/// Accounts by their numbers, and `all`.
pub type Sharers = BTreeSet<String>;

/// To add and to remove.
#[derive(Default)]
pub struct Changes {
    add: Sharers,
    remove: Sharers,
}

/// Whether the task says who may.
pub fn said(cx: &Cx<'_>) -> bool {
    cx.args.bool("modify_create_vol_permission")
}

pub async fn read(cx: &Cx<'_>, id: &str) -> Result<Sharers, CallError> {
    let input = DescribeSnapshotAttributeInputBuilder::default()
        .snapshot_id(id)
        .attribute(types::SnapshotAttributeName::CreateVolumePermission);
    let all = cx
        .account
        .ec2
        .describe_snapshot_attribute(input)
        .await?
        .create_volume_permissions
        .unwrap_or_default();
    let one = |p: types::CreateVolumePermission| p.user_id.or(p.group.map(|g| g.as_str().to_string()));
    Ok(all.into_iter().filter_map(one).collect())
}

/// What the task wants of those that may; who is not named stays, unless the task purges.
pub fn compare(cx: &Cx<'_>, is: &Sharers, attributes: &mut Attributes) -> Changes {
    if !said(cx) {
        return Changes::default();
    }
    let named = cx.args.list("user_ids").into_iter().chain(cx.args.list("group_names"));
    let wanted: Sharers = named.map(str::to_string).collect();
    let add: Sharers = wanted.difference(is).cloned().collect();
    let purge = cx.args.bool("purge_create_vol_permission");
    let remove: Sharers = if purge { is.difference(&wanted).cloned().collect() } else { Sharers::new() };
    add.iter().for_each(|one| attributes.element("create_volume_permissions", None, Some(one)));
    remove.iter().for_each(|one| attributes.element("create_volume_permissions", Some(one), None));
    Changes { add, remove }
}

pub async fn write(cx: &Cx<'_>, id: &str, changes: &Changes) -> Result<(), CallError> {
    let some = |who: &Sharers| {
        let one = |who: &String| match who.as_str() {
            "all" => types::CreateVolumePermission::builder().group(types::PermissionGroup::All).build(),
            user => types::CreateVolumePermission::builder().user_id(user).build(),
        };
        (!who.is_empty()).then(|| who.iter().map(one).collect::<Vec<_>>())
    };
    let (add, remove) = (some(&changes.add), some(&changes.remove));
    if add.is_none() && remove.is_none() {
        return Ok(());
    }
    let permissions =
        types::CreateVolumePermissionModifications::builder().set_add(add).set_remove(remove).build();
    let input = ModifySnapshotAttributeInputBuilder::default()
        .snapshot_id(id)
        .attribute(types::SnapshotAttributeName::CreateVolumePermission)
        .create_volume_permission(permissions);
    cx.account.ec2.modify_snapshot_attribute(input).await.map(drop)
}
