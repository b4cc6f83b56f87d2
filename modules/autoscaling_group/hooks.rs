//! Lifecycle hooks of a group: what is asked before an instance serves, or goes.

use crate::base::{Map, Value};
use crate::cloud::CallError;
use crate::cloud::autoscaling::{Autoscaling, AutoscalingClient, input::*, types};
use crate::modules::ArgsExt;
use crate::modules::cloud::{Attributes, Cx};

/// What differs of the hooks.
#[derive(Default)]
pub struct HookChanges {
    put: Vec<types::LifecycleHookSpecification>,
    delete: Vec<String>,
}

/// The hooks that the task names; `None` where it says nothing of them.
pub fn wanted(cx: &Cx<'_>) -> Option<Vec<types::LifecycleHookSpecification>> {
    if !cx.args.has("lifecycle_hooks") {
        return None;
    }
    let maps = cx.args.items("lifecycle_hooks").iter().filter_map(Value::as_map);
    Some(maps.map(one).collect())
}

fn one(map: &Map) -> types::LifecycleHookSpecification {
    let text = |name: &str| map.opt_str(name).map(str::to_string);
    let transition = match map.opt_str("transition").unwrap_or_default() {
        "launching" => "autoscaling:EC2_INSTANCE_LAUNCHING",
        "terminating" => "autoscaling:EC2_INSTANCE_TERMINATING",
        other => other,
    };
    let seconds = map.opt_int("heartbeat_timeout").and_then(|n| i32::try_from(n).ok());
    types::LifecycleHookSpecification::builder()
        .lifecycle_hook_name(map.opt_str("lifecycle_hook_name").unwrap_or_default())
        .lifecycle_transition(transition)
        .heartbeat_timeout(seconds.unwrap_or(3600))
        .default_result(map.opt_str("default_result").unwrap_or("ABANDON"))
        .set_notification_target_arn(text("notification_target_arn"))
        .set_role_arn(text("role_arn"))
        .set_notification_metadata(text("notification_meta_data"))
        .build()
}

/// The hooks of a group that is there.
pub async fn there(scaling: &AutoscalingClient, group: &str) -> Result<Vec<types::LifecycleHook>, CallError> {
    let input = DescribeLifecycleHooksInputBuilder::default().auto_scaling_group_name(group);
    Ok(scaling.describe_lifecycle_hooks(input).await?.lifecycle_hooks.unwrap_or_default())
}

/// Hooks that differ are put again, and those that nobody named go.
pub fn compare(
    wanted: &[types::LifecycleHookSpecification],
    is: &[types::LifecycleHook],
    attributes: &mut Attributes,
) -> HookChanges {
    let mut changes = HookChanges::default();
    for hook in wanted {
        let name = hook.lifecycle_hook_name().unwrap_or_default();
        let there = is.iter().find(|h| h.lifecycle_hook_name() == Some(name));
        let Some(there) = there else {
            attributes.element("lifecycle_hooks", None, Some(name));
            changes.put.push(hook.clone());
            continue;
        };
        let mut differs = attributes.compare(
            &format!("lifecycle_hooks.{name}.transition"),
            there.lifecycle_transition(),
            hook.lifecycle_transition(),
        );
        let rows: [(&str, Value, Value); 5] = [
            ("heartbeat_timeout", there.heartbeat_timeout().into(), hook.heartbeat_timeout().into()),
            ("default_result", there.default_result().into(), hook.default_result().into()),
            (
                "notification_target_arn",
                there.notification_target_arn().into(),
                hook.notification_target_arn().into(),
            ),
            ("role_arn", there.role_arn().into(), hook.role_arn().into()),
            (
                "notification_meta_data",
                there.notification_metadata().into(),
                hook.notification_metadata().into(),
            ),
        ];
        // What the task leaves out is as it is.
        for (what, is, wanted) in rows.into_iter().filter(|(.., wanted)| !wanted.is_null()) {
            differs |= attributes.compare(&format!("lifecycle_hooks.{name}.{what}"), is, wanted);
        }
        if differs {
            changes.put.push(hook.clone());
        }
    }
    let named =
        |h: &&types::LifecycleHook| wanted.iter().any(|w| w.lifecycle_hook_name() == h.lifecycle_hook_name());
    for name in is.iter().filter(|h| !named(h)).filter_map(|h| h.lifecycle_hook_name()) {
        attributes.element("lifecycle_hooks", Some(name), None);
        changes.delete.push(name.to_string());
    }
    changes
}

pub async fn alter(scaling: &AutoscalingClient, group: &str, changes: &HookChanges) -> Result<(), CallError> {
    for hook in &changes.put {
        put(scaling, group, hook).await?;
    }
    for name in &changes.delete {
        let input = DeleteLifecycleHookInputBuilder::default().auto_scaling_group_name(group);
        scaling.delete_lifecycle_hook(input.lifecycle_hook_name(name)).await?;
    }
    Ok(())
}

async fn put(
    scaling: &AutoscalingClient,
    group: &str,
    hook: &types::LifecycleHookSpecification,
) -> Result<(), CallError> {
    let input = PutLifecycleHookInputBuilder::default()
        .auto_scaling_group_name(group)
        .set_lifecycle_hook_name(hook.lifecycle_hook_name.clone())
        .set_lifecycle_transition(hook.lifecycle_transition.clone())
        .set_heartbeat_timeout(hook.heartbeat_timeout())
        .set_default_result(hook.default_result().map(str::to_string))
        .set_notification_target_arn(hook.notification_target_arn().map(str::to_string))
        .set_role_arn(hook.role_arn().map(str::to_string))
        .set_notification_metadata(hook.notification_metadata().map(str::to_string));
    scaling.put_lifecycle_hook(input).await.map(drop)
}
