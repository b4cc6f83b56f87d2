//! autoscaling_group: a group of instances that keeps its size, and their replacement.

mod hooks;
mod members;
mod notices;
mod shown;
mod steps;
mod wanted;

use crate::base::Map;
use crate::cloud::autoscaling::types;
use crate::cloud::scaling_groups::named as get;
use crate::cloud::{Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, owned};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use wanted::Wanted;

/// The truth is DescribeAutoScalingGroups, read once for all tasks, with hooks and tags; sizes are instances, health's grace
/// period is seconds.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Group))
}

struct Group;

/// The group as DescribeAutoScalingGroups tells it, beside what is wanted, which lookups have made ids of.
pub struct Seen {
    group: Option<types::AutoScalingGroup>,
    wanted: Wanted,
    /// Of the group, where the task speaks of them.
    hooks: Vec<types::LifecycleHook>,
    /// Of the task's topic.
    notices: Vec<String>,
}

/// What `apply` has to do; at most one of these a task.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// There is no group of this name.
    Create,
    /// What differs is set, or its instances are replaced.
    Change(Box<Changes>),
    /// An earlier run ended before its instances served.
    Wait,
    /// The group goes, with its instances.
    Remove,
}

/// What a group that is there needs.
#[derive(Default)]
pub struct Changes {
    /// Any of what one UpdateAutoScalingGroup sets.
    update: bool,
    tags: TagChange,
    attach: Vec<String>,
    detach: Vec<String>,
    suspend: Vec<String>,
    resume: Vec<String>,
    metrics: Option<bool>,
    hooks: hooks::HookChanges,
    notices: bool,
    members: members::MemberChanges,
    refresh: bool,
}

impl Resource for Group {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.str("name").to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let scaling = cx.account.autoscaling();
            let present = cx.args.str("state") == "present";
            let wanted = async {
                match present {
                    true => wanted::wanted(cx).await,
                    false => Ok(Wanted::default()),
                }
            };
            let group = async { Ok(cx.account.scaling_groups.get(&scaling, cx.args.str("name")).await?) };
            let (group, wanted) = tokio::try_join!(group, wanted)?;
            let hooks = match group.is_some() && wanted.hooks.is_some() {
                true => hooks::there(&scaling, cx.args.str("name")).await?,
                false => Vec::new(),
            };
            let notices = match group.is_some() && present {
                true => notices::there(cx, &scaling).await?,
                false => Vec::new(),
            };
            Ok(Seen { group, wanted, hooks, notices })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("Auto Scaling group {}", cx.args.str("name"));
        match (&seen.group, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(group), "absent") => {
                owned::may_remove(cx, &what, &tags(group))?;
                let going = group.status().is_some();
                let mut change = Attributes::delete(&what);
                if going {
                    change.reason = format!("{what} is being removed");
                }
                Ok(Verdict::new(change, Steps::Remove, shown::shown(group)))
            }
            (Some(group), _) if group.status().is_some() => Err(Failure::new(format!(
                "the {what} is being removed\nhint: run this again when it is gone"
            ))),
            (None, _) => Ok(seen.wanted.creation(cx, &what)),
            (Some(group), _) => {
                let mut attributes = Attributes::default();
                let mut changes = seen.wanted.compare(cx, group, &mut attributes);
                if let Some(wanted) = &seen.wanted.hooks {
                    changes.hooks = hooks::compare(wanted, &seen.hooks, &mut attributes);
                }
                changes.notices = notices::differ(cx, &seen.notices, &mut attributes);
                changes.members = members::compare(cx, &seen.wanted, group, &mut attributes);
                match attributes.change(&what) {
                    None => {
                        let waits = cx.args.bool("wait_for_instances") && !steps::serves(group);
                        let steps = if waits { Steps::Wait } else { Steps::None };
                        Ok(Verdict { steps, ..Verdict::unchanged(shown::shown(group)) })
                    }
                    Some(change) => {
                        owned::may_touch(cx, &what, &tags(group))?;
                        Ok(Verdict::new(
                            change,
                            Steps::Change(Box::new(changes)),
                            shown::predicted(cx, group),
                        ))
                    }
                }
            }
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let scaling = cx.account.autoscaling();
            let mut refreshed = Map::new();
            match steps {
                Steps::None | Steps::Wait => {}
                Steps::Create => steps::create(cx, &scaling, &seen.wanted).await?,
                Steps::Change(changes) => {
                    refreshed = steps::alter(cx, &scaling, seen, changes).await?;
                }
                Steps::Remove => {
                    crate::cloud::named::remove_scaling_group(&cx.account, cx.args.str("name")).await?;
                    return Ok(seen.group.as_ref().map(shown::shown).unwrap_or_default());
                }
            }
            let group = match cx.args.bool("wait_for_instances") {
                true => steps::until_serving(cx, &scaling).await?,
                false => steps::there(cx, &scaling).await?,
            };
            let mut result = group.as_ref().map(shown::shown).unwrap_or_default();
            result.extend(refreshed);
            Ok(result)
        })
    }

    fn waits(&self, steps: &Steps) -> bool {
        matches!(steps, Steps::Wait)
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        let name = |g: &types::AutoScalingGroup| g.auto_scaling_group_name().unwrap_or_default().to_string();
        let thing = |g| (Thing { kind: crate::cloud::named::SCALING_GROUP, id: name(g) }, tags(g));
        seen.group.iter().map(thing).collect()
    }
}

/// A group as autoscaling_group_info tells it.
pub fn described(group: &types::AutoScalingGroup) -> Map {
    shown::in_full(group)
}

/// The tags of a group.
pub fn tags(group: &types::AutoScalingGroup) -> Tags {
    let text = |t: Option<&str>| t.unwrap_or_default().to_string();
    group.tags().iter().map(|t| (text(t.key()), text(t.value()))).collect()
}
