//! Single instances of a group: those that are replaced, and those that leave it and run on.

use super::get;
use super::steps::until_serving;
use super::wanted::Wanted;
use crate::cloud::CallError;
use crate::cloud::autoscaling::{Autoscaling, AutoscalingClient, input::*, types};
use crate::modules::cloud::{Attributes, Cx};
use crate::modules::{ArgsExt, Failure};

/// Instances that the task names, as far as they are in the group.
#[derive(Default)]
pub struct MemberChanges {
    replace: Vec<String>,
    detach: Vec<String>,
}

/// Those that are not in the group any more are done.
pub fn compare(
    cx: &Cx<'_>,
    wanted: &Wanted,
    group: &types::AutoScalingGroup,
    attributes: &mut Attributes,
) -> MemberChanges {
    let named = |name: &str, test: &dyn Fn(&types::Instance) -> bool| -> Vec<String> {
        let ids = cx.args.list(name);
        let members =
            group.instances().iter().filter(|i| stays(i) && test(i)).filter_map(|i| i.instance_id());
        members.filter(|id| ids.contains(id)).map(str::to_string).collect()
    };
    let changes = MemberChanges {
        replace: named("replace_instances", &|i| !checked(cx) || !wanted.is_current(cx, i)),
        detach: named("detach_instances", &|_| true),
    };
    for id in changes.replace.iter().chain(&changes.detach) {
        attributes.element("instances", Some(id), None);
    }
    changes
}

/// Whether instances of the right template, or launch configuration, are spared.
fn checked(cx: &Cx<'_>) -> bool {
    cx.args.bool(if cx.args.has("launch_config_name") { "lc_check" } else { "lt_check" })
}

fn stays(instance: &types::Instance) -> bool {
    let leaves = ["Terminating", "Terminated", "Detach"];
    let state = instance.lifecycle_state().map(|s| s.as_str().to_string()).unwrap_or_default();
    !leaves.iter().any(|l| state.starts_with(l))
}

/// The next batch begins when the one before serves.
pub async fn alter(cx: &Cx<'_>, scaling: &AutoscalingClient, changes: &MemberChanges) -> Result<(), Failure> {
    let name = cx.args.str("name");
    if !changes.detach.is_empty() {
        let input = DetachInstancesInputBuilder::default()
            .auto_scaling_group_name(name)
            .set_instance_ids(Some(changes.detach.clone()))
            .should_decrement_desired_capacity(cx.args.bool("decrement_desired_capacity"));
        let sent = scaling.detach_instances(input).await.map(drop);
        unless_gone(scaling, name, &changes.detach, sent).await?;
    }
    let batch = usize::try_from(cx.args.int("replace_batch_size")).unwrap_or_default().max(1);
    for ids in changes.replace.chunks(batch) {
        for id in ids {
            let input = TerminateInstanceInAutoScalingGroupInputBuilder::default()
                .instance_id(id)
                .should_decrement_desired_capacity(false);
            let sent = scaling.terminate_instance_in_auto_scaling_group(input).await.map(drop);
            unless_gone(scaling, name, std::slice::from_ref(id), sent).await?;
        }
        until_serving(cx, scaling).await?;
    }
    Ok(())
}

/// The reply of the first try may have been lost: then the second is refused, for what it names is not in the group.
async fn unless_gone(
    scaling: &AutoscalingClient,
    name: &str,
    ids: &[String],
    sent: Result<(), CallError>,
) -> Result<(), CallError> {
    let Err(error) = sent else { return Ok(()) };
    let group = get(scaling, name).await?;
    let members = group.iter().flat_map(|g| g.instances()).filter(|i| stays(i));
    let there = members.filter_map(|i| i.instance_id()).any(|id| ids.iter().any(|named| named == id));
    if there { Err(error) } else { Ok(()) }
}
