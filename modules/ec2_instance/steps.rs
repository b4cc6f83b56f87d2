//! What is done to instances: launches, changes in place, replacements, terminations.

use super::launch::{self, USER_DATA};
use super::{Seen, console, result};
use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::Instance;
use crate::cloud::{CallError, Kind, together};
use crate::modules::cloud::{self, Cx, TagChange, find};
use crate::modules::{ArgsExt, Failure};
use std::sync::Arc;
use std::time::Duration;
use types::InstanceStateName as State;

#[derive(Default)]
pub struct Steps {
    pub launch: usize,
    pub change: Vec<(Arc<types::Instance>, Changes)>,
    /// Their successors are launched first.
    pub replace: Vec<Arc<types::Instance>>,
    pub terminate: Vec<String>,
    /// Those that are to run, and do not yet.
    pub wait: Vec<String>,
}

impl Steps {
    /// Ids of those that go.
    pub fn ends(&self) -> Vec<String> {
        let replaced = self.replace.iter().map(|i| Instance::id(i).to_string());
        self.terminate.iter().cloned().chain(replaced).collect()
    }
}

/// Adds what was done to which instances, where anything was.
pub fn tell_ids(result: &mut Map, changed: List, terminated: &[String]) {
    if !changed.is_empty() {
        result.insert("changed_ids".into(), changed.into());
    }
    if !terminated.is_empty() {
        result.insert(
            "terminated_ids".into(),
            terminated.iter().map(|id| Value::from(id.as_str())).collect::<List>().into(),
        );
    }
}

#[derive(Default)]
pub struct Changes {
    pub turn: Option<Turn>,
    /// Needs it stopped.
    pub instance_type: Option<String>,
    /// Needs it stopped.
    pub ebs_optimized: Option<bool>,
    pub groups: Option<Vec<String>>,
    pub source_dest_check: Option<bool>,
    pub monitoring: Option<bool>,
    pub protect: Option<bool>,
    pub profile: Option<String>,
    pub metadata: bool,
    pub tags: TagChange,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    Start,
    Stop,
    Restart,
}

pub async fn carry_out(cx: &Cx<'_>, seen: &Seen, steps: &Steps) -> Result<Map, Failure> {
    let account = &cx.account;
    let mut shown: Vec<Arc<types::Instance>> = seen.instances.clone();
    let gone = |i: &Arc<types::Instance>| steps.terminate.iter().any(|id| id == Instance::id(i));
    if !super::wants_them(cx) {
        terminate(cx, &steps.terminate).await?;
        let mut result = result(shown.iter().map(|i| super::shown(i)).collect());
        tell_ids(&mut result, Vec::new(), &steps.terminate);
        return Ok(result);
    }
    shown.retain(|i| !gone(i) && !steps.replace.iter().any(|r| Arc::ptr_eq(r, i)));
    let changed =
        together(steps.change.iter().map(|(instance, changes)| alter(cx, instance, changes)).collect()).await;
    for after in changed {
        let after = after?;
        if let Some(there) = shown.iter_mut().find(|i| Instance::id(i) == Instance::id(&after)) {
            *there = after;
        }
    }
    for running in together(steps.wait.iter().map(|id| wait(cx, id, State::Running)).collect()).await {
        running?;
    }
    let mut changed_ids: List = steps.change.iter().map(|(i, _)| Value::from(Instance::id(i))).collect();
    let count = steps.launch + steps.replace.len();
    if count > 0 {
        let made = launch(cx, seen, count, &steps.replace).await?;
        for (old, new) in steps.replace.iter().zip(&made) {
            account.note_replaced(Instance::id(old), Some(Instance::id(new)));
        }
        changed_ids.extend(made.iter().map(|i| Value::from(Instance::id(i))));
        shown.extend(made);
    }
    let ends = steps.ends();
    terminate(cx, &ends).await?;
    steps.replace.iter().for_each(|old| account.spare::<Instance>(old));
    for instance in &mut shown {
        if let Some(known) = account.instances.get(&*account.ec2, Instance::id(instance)).await? {
            *instance = known;
        }
    }
    let mut maps = Vec::new();
    let learn = console::wanted(cx) && cx.args.str("state") != "stopped";
    let keys: Vec<Result<List, Failure>> = match learn {
        true => together(shown.iter().map(|i| console::learn(cx, i)).collect()).await,
        false => shown.iter().map(|i| Ok(console::known(i))).collect(),
    };
    for (instance, keys) in shown.iter().zip(keys) {
        let mut map = super::shown(instance);
        console::tell(&mut map, keys?);
        maps.push(map);
    }
    let mut result = result(maps);
    tell_ids(&mut result, changed_ids, &ends);
    Ok(result)
}

fn limit(cx: &Cx<'_>) -> Duration {
    Duration::from_secs(u64::try_from(cx.args.int("wait_timeout")).unwrap_or(600).max(1))
}

/// Waits until the instance is in this state.
async fn wait(cx: &Cx<'_>, id: &str, state: State) -> Result<Arc<types::Instance>, Failure> {
    let account = &cx.account;
    let name = |i: &types::Instance| i.state().and_then(|s| s.name()).cloned();
    // Its last words, where it ended instead.
    let ready = |seen: Option<&Arc<types::Instance>>| {
        let seen = seen?;
        let is = name(seen)?;
        let ended = matches!(is, State::Terminated | State::ShuttingDown) && state != State::Terminated;
        (is == state || ended).then(|| Arc::clone(seen))
    };
    let seen = account.instances.until(&*account.ec2, &account.manner, id, limit(cx), ready).await?;
    if name(&seen).as_ref() == Some(&state) {
        return Ok(seen);
    }
    let why = seen.state_reason().and_then(|r| r.message()).unwrap_or("no reason is given");
    Err(Failure::new(format!("the instance {id} did not become {}: {why}", state.as_str())))
}

/// `old`: those that the new ones take the place of.
async fn launch(
    cx: &Cx<'_>,
    seen: &Seen,
    count: usize,
    old: &[Arc<types::Instance>],
) -> Result<Vec<Arc<types::Instance>>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let mut tags = cx.wanted_tags();
    if let Some(hash) = launch::user_data_hash(cx) {
        tags.insert(USER_DATA.into(), hash);
    }
    let number = i32::try_from(count).map_err(|_| Failure::new("too many instances"))?;
    let mut input = launch::input(cx, seen)?.min_count(number).max_count(number).client_token(op.token());
    let mut kinds = vec![types::ResourceType::Instance, types::ResourceType::Volume];
    if super::network::existing(cx).is_empty() {
        kinds.push(types::ResourceType::NetworkInterface);
    }
    for kind in kinds {
        input = input.tag_specifications(op.specification(kind, &tags));
    }
    let send = || -> CallFuture<'_, Vec<types::Instance>> {
        let input = input.clone();
        Box::pin(async move { Ok(account.ec2.run_instances(input).await?.instances.unwrap_or_default()) })
    };
    let launched = account.create_all(&account.instances, &op, count, &send);
    let made = find::in_place_of::<Instance, _>(cx, old, launched).await?;
    // The launch itself cannot say it.
    if let Some(check) = super::compare::source_dest_check(cx).filter(|on| !on) {
        for instance in &made {
            source_dest_check(cx, Instance::id(instance), check).await?;
        }
    }
    if !cx.args.bool("wait") {
        return Ok(made);
    }
    let waits = made.iter().map(|i| wait(cx, Instance::id(i), State::Running)).collect();
    let running: Result<Vec<_>, _> = together(waits).await.into_iter().collect();
    let running = running?;
    if cx.args.str("state") == "stopped" {
        let stop = Changes { turn: Some(Turn::Stop), ..Changes::default() };
        return together(running.iter().map(|i| alter(cx, i, &stop)).collect()).await.into_iter().collect();
    }
    Ok(running)
}

async fn terminate(cx: &Cx<'_>, ids: &[String]) -> Result<(), Failure> {
    let account = &cx.account;
    if !cx.args.bool("wait") && !ids.is_empty() {
        ids.iter().for_each(|id| account.manner.note_removed(id));
        let input = TerminateInstancesInputBuilder::default().set_instance_ids(Some(ids.to_vec()));
        account.ec2.terminate_instances(input).await?;
        ids.iter().for_each(|id| account.instances.forget(id));
        return Ok(());
    }
    let done = together(ids.iter().map(|id| account.remove(&account.instances, id)).collect()).await;
    done.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(())
}

async fn source_dest_check(cx: &Cx<'_>, id: &str, on: bool) -> Result<(), CallError> {
    let value = types::AttributeBooleanValue::builder().value(on).build();
    let input = ModifyInstanceAttributeInputBuilder::default().instance_id(id).source_dest_check(value);
    cx.account.ec2.modify_instance_attribute(input).await.map(drop)
}

/// One instance; the result is what it is then.
async fn alter(
    cx: &Cx<'_>,
    instance: &Arc<types::Instance>,
    changes: &Changes,
) -> Result<Arc<types::Instance>, Failure> {
    let (account, id) = (&cx.account, Instance::id(instance));
    let ec2 = &account.ec2;
    let modify = || ModifyInstanceAttributeInputBuilder::default().instance_id(id);
    if let Some(groups) = &changes.groups {
        ec2.modify_instance_attribute(modify().set_groups(Some(groups.clone()))).await?;
    }
    if let Some(on) = changes.source_dest_check {
        source_dest_check(cx, id, on).await?;
    }
    if let Some(on) = changes.protect {
        let value = types::AttributeBooleanValue::builder().value(on).build();
        ec2.modify_instance_attribute(modify().disable_api_termination(value)).await?;
    }
    match changes.monitoring {
        Some(true) => {
            ec2.monitor_instances(MonitorInstancesInputBuilder::default().instance_ids(id)).await.map(drop)?
        }
        Some(false) => {
            let input = UnmonitorInstancesInputBuilder::default().instance_ids(id);
            ec2.unmonitor_instances(input).await.map(drop)?
        }
        None => {}
    }
    if changes.metadata {
        metadata(cx, id).await?;
    }
    if let Some(profile) = &changes.profile {
        self::profile(cx, id, profile).await?;
    }
    cx.write_tags(&[id], &changes.tags).await?;
    turn(cx, instance, changes).await?;
    account.instances.refresh(&**ec2, &[id.to_string()]).await?;
    let known = account.instances.get(&**ec2, id).await?.unwrap_or_else(|| Arc::clone(instance));
    // Reads lag behind the writing of tags.
    let after = cloud::with_tags(&*known, from_sdk(known.tags()), &changes.tags, |i, t| i.tags = Some(t));
    Ok(account.instances.put(after))
}

/// Starts and stops; a change of type needs both.
async fn turn(cx: &Cx<'_>, instance: &types::Instance, changes: &Changes) -> Result<(), Failure> {
    let (ec2, id) = (&cx.account.ec2, Instance::id(instance));
    let rebuilt = changes.instance_type.is_some() || changes.ebs_optimized.is_some();
    let stopped = matches!(instance.state().and_then(|s| s.name()), Some(State::Stopped));
    if changes.turn == Some(Turn::Restart) && !rebuilt {
        ec2.reboot_instances(RebootInstancesInputBuilder::default().instance_ids(id)).await?;
        return Ok(());
    }
    let stop = changes.turn == Some(Turn::Stop) || rebuilt;
    if stop && !stopped {
        ec2.stop_instances(StopInstancesInputBuilder::default().instance_ids(id)).await?;
        if cx.args.bool("wait") || rebuilt {
            look_again(cx, id).await?;
            wait(cx, id, State::Stopped).await?;
        }
    }
    if let Some(kind) = &changes.instance_type {
        let value = types::AttributeValue::builder().value(kind).build();
        let input = ModifyInstanceAttributeInputBuilder::default().instance_id(id).instance_type(value);
        ec2.modify_instance_attribute(input).await?;
    }
    if let Some(on) = changes.ebs_optimized {
        let value = types::AttributeBooleanValue::builder().value(on).build();
        let input = ModifyInstanceAttributeInputBuilder::default().instance_id(id).ebs_optimized(value);
        ec2.modify_instance_attribute(input).await?;
    }
    let start = match changes.turn {
        Some(Turn::Start | Turn::Restart) => true,
        Some(Turn::Stop) => false,
        None => stop && !stopped,
    };
    if start {
        ec2.start_instances(StartInstancesInputBuilder::default().instance_ids(id)).await?;
        if cx.args.bool("wait") {
            look_again(cx, id).await?;
            wait(cx, id, State::Running).await?;
        }
    }
    Ok(())
}

/// What is known of it is from before.
async fn look_again(cx: &Cx<'_>, id: &str) -> Result<(), CallError> {
    cx.account.instances.refresh(&*cx.account.ec2, &[id.to_string()]).await
}

async fn metadata(cx: &Cx<'_>, id: &str) -> Result<(), Failure> {
    let Some(given) = cx.args.map("metadata_options") else { return Ok(()) };
    let text = |name: &str| given.get(name).filter(|v| !v.is_null()).map(crate::spec::to_text);
    let hops = given.opt_int("http_put_response_hop_limit").and_then(|n| n.try_into().ok());
    let input = ModifyInstanceMetadataOptionsInputBuilder::default()
        .instance_id(id)
        .set_http_tokens(text("http_tokens").map(|t| t.as_str().into()))
        .set_http_endpoint(text("http_endpoint").map(|t| t.as_str().into()))
        .set_http_put_response_hop_limit(hops)
        .set_http_protocol_ipv6(text("http_protocol_ipv6").map(|t| t.as_str().into()))
        .set_instance_metadata_tags(text("instance_metadata_tags").map(|t| t.as_str().into()));
    cx.account.ec2.modify_instance_metadata_options(input).await?;
    Ok(())
}

/// Replaces the profile that it has, or gives it its first.
async fn profile(cx: &Cx<'_>, id: &str, profile: &str) -> Result<(), Failure> {
    let ec2 = &cx.account.ec2;
    let builder = types::IamInstanceProfileSpecification::builder();
    let arn = profile.starts_with("arn:");
    let wanted = if arn { builder.arn(profile) } else { builder.name(profile) }.build();
    let of = types::Filter::builder().name("instance-id").values(id).build();
    let input = DescribeIamInstanceProfileAssociationsInputBuilder::default().filters(of);
    let there = ec2.describe_iam_instance_profile_associations(input).await?;
    let there = there.iam_instance_profile_associations.unwrap_or_default();
    match there.first().and_then(|a| a.association_id()) {
        Some(association) => {
            let input = ReplaceIamInstanceProfileAssociationInputBuilder::default();
            let input = input.association_id(association).iam_instance_profile(wanted);
            ec2.replace_iam_instance_profile_association(input).await?;
        }
        None => {
            let input = AssociateIamInstanceProfileInputBuilder::default();
            let input = input.instance_id(id).iam_instance_profile(wanted);
            ec2.associate_iam_instance_profile(input).await?;
        }
    }
    Ok(())
}
