//! Making, changing and removing a role.

use super::{Changes, arn, get, profile, tags};
use crate::cloud::calls::CallFuture;
use crate::cloud::iam::{Iam, IamClient, input::*, types};
use crate::cloud::remove::or_already;
use crate::cloud::{CallError, Tags};
use crate::modules::ArgsExt;
use crate::modules::cloud::{Cx, named, owned};

/// `there`: what there is of its instance profile.
pub async fn create(cx: &Cx<'_>, iam: &IamClient, there: Option<bool>) -> Result<(), CallError> {
    let name = cx.args.str("name");
    let op = cx.identity.op();
    let mut input = CreateRoleInputBuilder::default()
        .role_name(name)
        .path(cx.args.str("path"))
        .assume_role_policy_document(cx.args.str("assume_role_policy_document"))
        .set_description(cx.text("description").map(str::to_string))
        .set_permissions_boundary(cx.text("boundary").filter(|b| !b.is_empty()).map(str::to_string))
        .set_max_session_duration(cx.args.opt_int("max_session_duration").and_then(|n| n.try_into().ok()));
    for (key, value) in op.tags(&owned::plain_tags(cx).unwrap_or_default()) {
        input = input.tags(tag(&key, &value)?);
    }
    let send = || -> CallFuture<'_, ()> {
        let input = input.clone();
        Box::pin(async move { iam.create_role(input).await.map(drop) })
    };
    let look = || -> CallFuture<'_, Option<Tags>> {
        Box::pin(async move { Ok(get(iam, name).await?.as_ref().map(tags)) })
    };
    named::make(cx, "role", name, &op, &send, &look).await?;
    for policy in cx.args.list("managed_policies") {
        attach(iam, name, &arn(policy)).await?;
    }
    if cx.args.bool("create_instance_profile") {
        profile::ensure(iam, name, &op, there).await?;
        cx.account.manner.note_named("instance profile", name);
    }
    Ok(())
}

async fn attach(iam: &IamClient, role: &str, policy: &str) -> Result<(), CallError> {
    let input = AttachRolePolicyInputBuilder::default().role_name(role).policy_arn(policy);
    iam.attach_role_policy(input).await.map(drop)
}

async fn detach(iam: &IamClient, role: &str, policy: &str) -> Result<(), CallError> {
    let input = DetachRolePolicyInputBuilder::default().role_name(role).policy_arn(policy);
    or_already(iam.detach_role_policy(input).await.map(drop), &[])
}

pub async fn alter(
    cx: &Cx<'_>,
    iam: &IamClient,
    changes: &Changes,
    there: Option<bool>,
) -> Result<(), CallError> {
    let name = cx.args.str("name");
    if changes.trust {
        let document = cx.args.str("assume_role_policy_document");
        let input = UpdateAssumeRolePolicyInputBuilder::default().role_name(name).policy_document(document);
        iam.update_assume_role_policy(input).await?;
    }
    if changes.role {
        let input = UpdateRoleInputBuilder::default()
            .role_name(name)
            .set_description(cx.text("description").map(str::to_string))
            .set_max_session_duration(
                cx.args.opt_int("max_session_duration").and_then(|n| n.try_into().ok()),
            );
        iam.update_role(input).await?;
    }
    match cx.text("boundary").filter(|_| changes.boundary) {
        Some("") => {
            let input = DeleteRolePermissionsBoundaryInputBuilder::default().role_name(name);
            iam.delete_role_permissions_boundary(input).await?;
        }
        Some(boundary) => {
            let input = PutRolePermissionsBoundaryInputBuilder::default().role_name(name);
            iam.put_role_permissions_boundary(input.permissions_boundary(boundary)).await?;
        }
        None => {}
    }
    for policy in &changes.attach {
        attach(iam, name, policy).await?;
    }
    for policy in &changes.detach {
        detach(iam, name, policy).await?;
    }
    if changes.profile {
        profile::ensure(iam, name, &cx.identity.op(), there).await?;
    }
    if !changes.tags.set.is_empty() {
        let tags = changes.tags.set.iter().map(|(k, v)| tag(k, v)).collect::<Result<Vec<_>, _>>()?;
        iam.tag_role(TagRoleInputBuilder::default().role_name(name).set_tags(Some(tags))).await?;
    }
    if !changes.tags.remove.is_empty() {
        let keys = Some(changes.tags.remove.clone());
        iam.untag_role(UntagRoleInputBuilder::default().role_name(name).set_tag_keys(keys)).await?;
    }
    Ok(())
}

pub fn tag(key: &str, value: &str) -> Result<types::Tag, CallError> {
    let tag = types::Tag::builder().key(key).value(value).build();
    tag.map_err(|e| CallError::own("iam:TagRole", e.to_string()))
}
