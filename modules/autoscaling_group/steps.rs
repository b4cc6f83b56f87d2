//! Making, changing and removing a group, and waiting for its instances.

use super::wanted::Wanted;
use super::{Changes, Seen, get, shown, tags};
use crate::base::Map;
use crate::cloud::autoscaling::{Autoscaling, AutoscalingClient, input::*, types};
use crate::cloud::calls::CallFuture;
use crate::cloud::{CallError, Outcome, Tags, interval};
use crate::modules::cloud::{Cx, named};
use crate::modules::{ArgsExt, Failure};
use crate::record;
use std::time::{Duration, Instant};

/// How long a refresh may take at least, where the task does not say.
const REFRESH_LEAST: Duration = Duration::from_secs(3600);
/// Seconds, where the task does not say.
const WAIT: i64 = 300;

fn int(cx: &Cx<'_>, name: &str) -> Option<i32> {
    cx.args.opt_int(name).and_then(|n| i32::try_from(n).ok())
}

fn texts(cx: &Cx<'_>, name: &str) -> Option<Vec<String>> {
    cx.args.has(name).then(|| cx.args.list(name).into_iter().map(str::to_string).collect())
}

fn subnets(cx: &Cx<'_>) -> Option<String> {
    cx.args.has("vpc_zone_identifier").then(|| cx.args.list("vpc_zone_identifier").join(","))
}

fn sdk_tags(group: &str, tags: &Tags, wanted: &Wanted) -> Vec<types::Tag> {
    let one = |(key, value): (&String, &String)| {
        types::Tag::builder()
            .resource_id(group)
            .resource_type("auto-scaling-group")
            .key(key)
            .value(value)
            .propagate_at_launch(wanted.hands_on(key))
            .build()
    };
    tags.iter().map(one).collect()
}

pub async fn create(cx: &Cx<'_>, scaling: &AutoscalingClient, wanted: &Wanted) -> Result<(), Failure> {
    let name = cx.args.str("name");
    for needed in ["min_size", "max_size"] {
        if !cx.args.has(needed) {
            return Err(Failure::new(format!(
                "there is no Auto Scaling group {name}, and without `{needed}` it cannot be made"
            )));
        }
    }
    let op = cx.identity.op();
    let template = wanted.template.clone().filter(|_| wanted.policy.is_none());
    let input = CreateAutoScalingGroupInputBuilder::default()
        .auto_scaling_group_name(name)
        .set_min_size(int(cx, "min_size"))
        .set_max_size(int(cx, "max_size"))
        .set_desired_capacity(int(cx, "desired_capacity"))
        .set_launch_template(template)
        .set_mixed_instances_policy(wanted.policy.clone())
        .set_launch_configuration_name(cx.text("launch_config_name").map(str::to_string))
        .set_vpc_zone_identifier(subnets(cx))
        .set_availability_zones(texts(cx, "availability_zones"))
        .health_check_type(cx.args.str("health_check_type"))
        .set_health_check_grace_period(int(cx, "health_check_period"))
        .set_default_cooldown(int(cx, "default_cooldown"))
        .set_target_group_arns(texts(cx, "target_group_arns"))
        .set_load_balancer_names(texts(cx, "load_balancers"))
        .set_termination_policies(texts(cx, "termination_policies"))
        .set_placement_group(cx.text("placement_group").map(str::to_string))
        .set_max_instance_lifetime(int(cx, "max_instance_lifetime"))
        .set_new_instances_protected_from_scale_in(cx.args.opt_bool("protected_from_scale_in"))
        .set_capacity_rebalance(cx.args.opt_bool("capacity_rebalance"))
        // From the beginning, so that they hold the first instances, too.
        .set_lifecycle_hook_specification_list(wanted.hooks.clone().filter(|hooks| !hooks.is_empty()))
        .set_tags(Some(sdk_tags(name, &op.tags(&wanted.tags), wanted)));
    let send = || -> CallFuture<'_, ()> {
        let input = input.clone();
        Box::pin(async move { scaling.create_auto_scaling_group(input).await.map(drop) })
    };
    let look = || -> CallFuture<'_, Option<Tags>> {
        Box::pin(async move { Ok(get(scaling, name).await?.as_ref().map(tags)) })
    };
    named::make(cx, crate::cloud::named::SCALING_GROUP, name, &op, &send, &look).await?;
    let suspend = texts(cx, "suspend_processes").unwrap_or_default();
    processes(scaling, name, &suspend, &[]).await?;
    if cx.args.bool("metrics_collection") {
        metrics(cx, scaling, true).await?;
    }
    super::notices::put(cx, scaling).await?;
    Ok(())
}

/// Carries out the changes; what a refresh came to is returned.
pub async fn alter(
    cx: &Cx<'_>,
    scaling: &AutoscalingClient,
    seen: &Seen,
    changes: &Changes,
) -> Result<Map, Failure> {
    let name = cx.args.str("name");
    if changes.update {
        update(cx, scaling, &seen.wanted).await?;
    }
    if !changes.tags.set.is_empty() {
        let tags = sdk_tags(name, &changes.tags.set, &seen.wanted);
        scaling.create_or_update_tags(CreateOrUpdateTagsInputBuilder::default().set_tags(Some(tags))).await?;
    }
    if !changes.tags.remove.is_empty() {
        let gone = changes.tags.remove.iter().map(|key| (key.clone(), String::new())).collect();
        let tags = sdk_tags(name, &gone, &seen.wanted);
        scaling.delete_tags(DeleteTagsInputBuilder::default().set_tags(Some(tags))).await?;
    }
    if !changes.attach.is_empty() {
        let input = AttachLoadBalancerTargetGroupsInputBuilder::default().auto_scaling_group_name(name);
        let input = input.set_target_group_arns(Some(changes.attach.clone()));
        scaling.attach_load_balancer_target_groups(input).await?;
    }
    if !changes.detach.is_empty() {
        let input = DetachLoadBalancerTargetGroupsInputBuilder::default().auto_scaling_group_name(name);
        let input = input.set_target_group_arns(Some(changes.detach.clone()));
        scaling.detach_load_balancer_target_groups(input).await?;
    }
    super::hooks::alter(scaling, name, &changes.hooks).await?;
    processes(scaling, name, &changes.suspend, &changes.resume).await?;
    if let Some(on) = changes.metrics {
        metrics(cx, scaling, on).await?;
    }
    if changes.notices {
        super::notices::put(cx, scaling).await?;
    }
    super::members::alter(cx, scaling, &changes.members).await?;
    match changes.refresh {
        true => Ok(record! { "instance_refresh" => shown::refresh(&refresh(cx, scaling).await?) }),
        false => Ok(Map::new()),
    }
}

async fn update(cx: &Cx<'_>, scaling: &AutoscalingClient, wanted: &Wanted) -> Result<(), CallError> {
    let template = wanted.template.clone().filter(|_| wanted.policy.is_none());
    let input = UpdateAutoScalingGroupInputBuilder::default()
        .auto_scaling_group_name(cx.args.str("name"))
        .set_min_size(int(cx, "min_size"))
        .set_max_size(int(cx, "max_size"))
        .set_desired_capacity(int(cx, "desired_capacity"))
        .set_launch_template(template)
        .set_mixed_instances_policy(wanted.policy.clone())
        .set_launch_configuration_name(cx.text("launch_config_name").map(str::to_string))
        .set_vpc_zone_identifier(subnets(cx))
        .set_availability_zones(
            texts(cx, "availability_zones").filter(|_| !cx.args.has("vpc_zone_identifier")),
        )
        .health_check_type(cx.args.str("health_check_type"))
        .set_health_check_grace_period(int(cx, "health_check_period"))
        .set_default_cooldown(int(cx, "default_cooldown"))
        .set_termination_policies(texts(cx, "termination_policies"))
        .set_placement_group(cx.text("placement_group").map(str::to_string))
        .set_max_instance_lifetime(int(cx, "max_instance_lifetime"))
        .set_new_instances_protected_from_scale_in(cx.args.opt_bool("protected_from_scale_in"))
        .set_capacity_rebalance(cx.args.opt_bool("capacity_rebalance"));
    scaling.update_auto_scaling_group(input).await.map(drop)
}

async fn processes(
    scaling: &AutoscalingClient,
    name: &str,
    suspend: &[String],
    resume: &[String],
) -> Result<(), CallError> {
    if !suspend.is_empty() {
        let input = SuspendProcessesInputBuilder::default().auto_scaling_group_name(name);
        scaling.suspend_processes(input.set_scaling_processes(Some(suspend.to_vec()))).await?;
    }
    if !resume.is_empty() {
        let input = ResumeProcessesInputBuilder::default().auto_scaling_group_name(name);
        scaling.resume_processes(input.set_scaling_processes(Some(resume.to_vec()))).await?;
    }
    Ok(())
}

async fn metrics(cx: &Cx<'_>, scaling: &AutoscalingClient, on: bool) -> Result<(), CallError> {
    let name = cx.args.str("name");
    if on {
        let input = EnableMetricsCollectionInputBuilder::default()
            .auto_scaling_group_name(name)
            .granularity(cx.args.str("metrics_granularity"))
            .set_metrics(texts(cx, "metrics_list"));
        scaling.enable_metrics_collection(input).await?;
    } else {
        let input = DisableMetricsCollectionInputBuilder::default().auto_scaling_group_name(name);
        scaling.disable_metrics_collection(input).await?;
    }
    Ok(())
}

/// The group, which may have been made a moment ago.
pub async fn there(
    cx: &Cx<'_>,
    scaling: &AutoscalingClient,
) -> Result<Option<types::AutoScalingGroup>, CallError> {
    let look =
        || -> CallFuture<'_, Option<types::AutoScalingGroup>> { Box::pin(get(scaling, cx.args.str("name"))) };
    named::soon(cx, "Auto Scaling group", &look).await
}

fn serving(group: &types::AutoScalingGroup) -> usize {
    let serve = |i: &&types::Instance| {
        matches!(i.lifecycle_state(), Some(types::LifecycleState::InService))
            && i.health_status().is_some_and(|h| h.eq_ignore_ascii_case("healthy"))
    };
    group.instances().iter().filter(serve).count()
}

fn wanted_number(group: &types::AutoScalingGroup) -> usize {
    usize::try_from(group.desired_capacity().unwrap_or_default()).unwrap_or_default()
}

/// Whether as many instances serve as are wanted, and none is on its way out.
pub fn serves(group: &types::AutoScalingGroup) -> bool {
    let (serving, wanted) = (serving(group), wanted_number(group));
    let leaving =
        |i: &types::Instance| i.lifecycle_state().is_some_and(|s| s.as_str().starts_with("Terminating"));
    let weighted = group.instances().iter().any(|i| i.weighted_capacity().is_some_and(|w| w != "1"));
    let enough = if weighted { serving > 0 || wanted == 0 } else { serving == wanted };
    enough && !group.instances().iter().any(leaving)
}

fn patience(cx: &Cx<'_>) -> u64 {
    cx.args.opt_int("wait_timeout").unwrap_or(WAIT).max(1).unsigned_abs()
}

/// One batch after the other boots, and is given its grace before the next one begins.
fn refresh_limit(cx: &Cx<'_>, batches: usize) -> Duration {
    let grace = cx.args.int("health_check_period").max(0).unsigned_abs();
    let all = Duration::from_secs((patience(cx) + grace).saturating_mul(batches as u64));
    if cx.args.has("wait_timeout") { all } else { all.max(REFRESH_LEAST) }
}

/// Waits until as many instances serve as are wanted.
pub async fn until_serving(
    cx: &Cx<'_>,
    scaling: &AutoscalingClient,
) -> Result<Option<types::AutoScalingGroup>, Failure> {
    let limit = Duration::from_secs(patience(cx));
    let began = Instant::now();
    loop {
        let Some(group) = there(cx, scaling).await? else { return Ok(None) };
        if serves(&group) {
            return Ok(Some(group));
        }
        if began.elapsed() > limit {
            let states = group.instances().iter().map(|i| {
                let state = i.lifecycle_state().map(|s| s.as_str().to_string()).unwrap_or_default();
                format!("{} is {state}", i.instance_id().unwrap_or_default())
            });
            let states: Vec<String> = states.collect();
            let (serving, wanted) = (serving(&group), wanted_number(&group));
            return Err(Failure::new(format!(
                "{serving} of {wanted} instances serve after {} s: {}\nhint: the group's activity history says why; \
                 `wait_timeout` waits longer",
                limit.as_secs(),
                states.join(", ")
            )));
        }
        cx.account.manner.pause("autoscaling:DescribeAutoScalingGroups", interval(began.elapsed())).await?;
    }
}

/// Replaces outdated instances, and follows it to its end. One that runs already is followed.
async fn refresh(cx: &Cx<'_>, scaling: &AutoscalingClient) -> Result<types::InstanceRefresh, Failure> {
    let name = cx.args.str("name");
    let group = get(scaling, name).await?;
    let size = group.as_ref().map_or(1, |g| g.instances().len()).max(1);
    let batch = usize::try_from(cx.args.int("replace_batch_size").max(1)).unwrap_or(1).min(size);
    let healthy = i32::try_from(100 * (size - batch) / size).unwrap_or(0);
    let preferences = types::RefreshPreferences::builder()
        .min_healthy_percentage(healthy)
        .skip_matching(cx.args.bool("lt_check"))
        .build();
    let input =
        StartInstanceRefreshInputBuilder::default().auto_scaling_group_name(name).preferences(preferences);
    let id = |refresh: Option<types::InstanceRefresh>| refresh.and_then(|r| r.instance_refresh_id);
    let before = id(latest(scaling, name).await?);
    let mut started = start(scaling, &input).await;
    // Whether it was started, the list of refreshes says: it has another one then. A second attempt while one runs is refused.
    if started.as_ref().is_err_and(|error| error.outcome == Outcome::Doubtful) {
        started = match id(latest(scaling, name).await?) == before {
            true => start(scaling, &input).await,
            false => Ok(()),
        };
    }
    started?;
    follow(cx, scaling, name, refresh_limit(cx, size.div_ceil(batch))).await
}

/// One that runs already is as good.
async fn start(
    scaling: &AutoscalingClient,
    input: &StartInstanceRefreshInputBuilder,
) -> Result<(), CallError> {
    match scaling.start_instance_refresh(input.clone()).await {
        Err(error) if error.is(&["InstanceRefreshInProgress", "InstanceRefreshInProgressFault"]) => Ok(()),
        other => other.map(drop),
    }
}

async fn latest(
    scaling: &AutoscalingClient,
    name: &str,
) -> Result<Option<types::InstanceRefresh>, CallError> {
    let input = DescribeInstanceRefreshesInputBuilder::default().auto_scaling_group_name(name);
    let all = scaling.describe_instance_refreshes(input).await?.instance_refreshes.unwrap_or_default();
    Ok(all.into_iter().next())
}

fn ended(refresh: &types::InstanceRefresh) -> bool {
    use types::InstanceRefreshStatus::*;
    matches!(refresh.status(), Some(Successful | Failed | Cancelled | RollbackFailed | RollbackSuccessful))
}

/// The way of the refresh is told, step by step, and goes into the journal.
async fn follow(
    cx: &Cx<'_>,
    scaling: &AutoscalingClient,
    name: &str,
    limit: Duration,
) -> Result<types::InstanceRefresh, Failure> {
    let (began, mut told) = (Instant::now(), None);
    loop {
        if let Some(refresh) = latest(scaling, name).await? {
            let done = refresh.percentage_complete();
            if done != told {
                let status = refresh.status().map(|s| s.as_str()).unwrap_or_default();
                cx.account.note(
                    &serde_json::json!({"refresh": name, "status": status, "percentage_complete": done}),
                );
                let left = refresh.instances_to_update().unwrap_or_default();
                (cx.progress)(&format!("instance refresh of {name}: {status}, {left} to replace"), done);
                told = done;
            }
            if ended(&refresh) {
                return match refresh.status() {
                    Some(types::InstanceRefreshStatus::Successful) => Ok(refresh),
                    status => Err(Failure::new(format!(
                        "the instance refresh of {name} ended as {} at {} %: {}",
                        status.map(|s| s.as_str().to_string()).unwrap_or_default(),
                        done.unwrap_or_default(),
                        refresh.status_reason().unwrap_or("no reason is given")
                    ))),
                };
            }
        }
        if began.elapsed() > limit {
            return Err(Failure::new(format!(
                "the instance refresh of {name} has not ended after {} s, and goes on without this run\nhint: \
                 `wait_timeout` (seconds for each batch) waits longer",
                limit.as_secs()
            )));
        }
        cx.account.manner.pause("autoscaling:DescribeInstanceRefreshes", interval(began.elapsed())).await?;
    }
}
