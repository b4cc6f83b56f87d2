//! iam_instance_profile: a profile and the role in it.

use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::iam::{Iam, IamClient, input::*, types};
use crate::cloud::named::INSTANCE_PROFILE;
use crate::cloud::remove::or_already;
use crate::cloud::{CallError, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, named, owned};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::record;

/// The truth is GetInstanceProfile by name; the service holds at most one role in it.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Profile))
}

struct Profile;

type Seen = Option<types::InstanceProfile>;

#[derive(Default)]
enum Steps {
    #[default]
    None,
    Create,
    Change(Changes),
    Remove,
}

/// What a profile that is there needs.
#[derive(Default)]
struct Changes {
    leave: Vec<String>,
    enter: Option<String>,
    tags: TagChange,
}

impl Resource for Profile {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.str("name").to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move { Ok(get(&cx.account.iam(), cx.args.str("name")).await?) })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("instance profile {}", cx.args.str("name"));
        match (seen, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(profile), "absent") => {
                owned::may_remove(cx, &what, &tags(profile))?;
                Ok(Verdict::new(Attributes::delete(&what), Steps::Remove, result(profile)))
            }
            (None, _) => {
                let mut attributes = Attributes::default();
                attributes.wanted("path", cx.args.str("path"));
                attributes.wanted("role", cx.args.value("role").cloned());
                let predicted = record! { "iam_instance_profile" => cx.unknown() };
                Ok(Verdict::new(attributes.create(&what), Steps::Create, predicted))
            }
            (Some(profile), _) => change(cx, profile, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let (iam, name) = (cx.account.iam(), cx.args.str("name"));
            match steps {
                Steps::None => {}
                Steps::Create => create(cx, &iam).await?,
                Steps::Change(changes) => alter(&iam, name, changes).await?,
                Steps::Remove => {
                    crate::cloud::named::remove_instance_profile(&cx.account, name).await?;
                    return Ok(seen.as_ref().map(result).unwrap_or_default());
                }
            }
            let look = || -> CallFuture<'_, Seen> { Box::pin(get(&iam, name)) };
            Ok(named::soon(cx, "instance profile", &look).await?.as_ref().map(result).unwrap_or_default())
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        let thing = |p: &types::InstanceProfile| {
            (Thing { kind: INSTANCE_PROFILE, id: p.instance_profile_name().to_string() }, tags(p))
        };
        seen.iter().map(thing).collect()
    }
}

async fn get(iam: &IamClient, name: &str) -> Result<Seen, CallError> {
    match iam
        .get_instance_profile(GetInstanceProfileInputBuilder::default().instance_profile_name(name))
        .await
    {
        Ok(reply) => Ok(reply.instance_profile),
        Err(error) if error.not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn tags(profile: &types::InstanceProfile) -> Tags {
    profile.tags().iter().map(|t| (t.key().to_string(), t.value().to_string())).collect()
}

fn change(cx: &Cx<'_>, profile: &types::InstanceProfile, what: &str) -> Result<Verdict<Steps>, Failure> {
    let (mut attributes, mut changes) = (Attributes::default(), Changes::default());
    if let Some(wanted) = cx.text("role") {
        let there = profile.roles().iter().map(|r| r.role_name().to_string());
        changes.leave = there.filter(|r| r != wanted).collect();
        let holds = profile.roles().iter().any(|r| r.role_name() == wanted);
        changes.enter = (!holds && !wanted.is_empty()).then(|| wanted.to_string());
        changes.leave.iter().for_each(|r| attributes.element("role", Some(r), None));
        changes.enter.iter().for_each(|r| attributes.element("role", None, Some(r)));
    }
    changes.tags = owned::compare_tags(cx, &mut attributes, &tags(profile));
    match attributes.change(what) {
        None => Ok(Verdict::unchanged(result(profile))),
        Some(change) => {
            owned::may_touch(cx, what, &tags(profile))?;
            Ok(Verdict::new(change, Steps::Change(changes), result(profile)))
        }
    }
}

async fn create(cx: &Cx<'_>, iam: &IamClient) -> Result<(), CallError> {
    let (name, op) = (cx.args.str("name"), cx.identity.op());
    let mut input =
        CreateInstanceProfileInputBuilder::default().instance_profile_name(name).path(cx.args.str("path"));
    for (key, value) in op.tags(&owned::plain_tags(cx).unwrap_or_default()) {
        input = input.tags(tag(&key, &value)?);
    }
    let send = || -> CallFuture<'_, ()> {
        let input = input.clone();
        Box::pin(async move { iam.create_instance_profile(input).await.map(drop) })
    };
    let look = || -> CallFuture<'_, Option<Tags>> {
        Box::pin(async move { Ok(get(iam, name).await?.as_ref().map(tags)) })
    };
    named::make(cx, "instance profile", name, &op, &send, &look).await?;
    match cx.text("role").filter(|r| !r.is_empty()) {
        Some(role) => enter(iam, name, role).await,
        None => Ok(()),
    }
}

async fn alter(iam: &IamClient, name: &str, changes: &Changes) -> Result<(), CallError> {
    // There is room for one role only.
    for role in &changes.leave {
        let input = RemoveRoleFromInstanceProfileInputBuilder::default().instance_profile_name(name);
        or_already(iam.remove_role_from_instance_profile(input.role_name(role)).await.map(drop), &[])?;
    }
    if let Some(role) = &changes.enter {
        enter(iam, name, role).await?;
    }
    if !changes.tags.set.is_empty() {
        let tags = changes.tags.set.iter().map(|(k, v)| tag(k, v)).collect::<Result<Vec<_>, _>>()?;
        let input = TagInstanceProfileInputBuilder::default().instance_profile_name(name);
        iam.tag_instance_profile(input.set_tags(Some(tags))).await?;
    }
    if !changes.tags.remove.is_empty() {
        let input = UntagInstanceProfileInputBuilder::default().instance_profile_name(name);
        iam.untag_instance_profile(input.set_tag_keys(Some(changes.tags.remove.clone()))).await?;
    }
    Ok(())
}

/// A repeated call finds the place taken by the first.
async fn enter(iam: &IamClient, name: &str, role: &str) -> Result<(), CallError> {
    let input = AddRoleToInstanceProfileInputBuilder::default().instance_profile_name(name).role_name(role);
    match iam.add_role_to_instance_profile(input).await {
        Err(error) if error.is(&["LimitExceeded", "LimitExceededException"]) => {
            let there = get(iam, name).await?;
            let holds = there.is_some_and(|p| p.roles().iter().any(|r| r.role_name() == role));
            if holds { Ok(()) } else { Err(error) }
        }
        other => other.map(drop),
    }
}

fn tag(key: &str, value: &str) -> Result<types::Tag, CallError> {
    let tag = types::Tag::builder().key(key).value(value).build();
    tag.map_err(|e| CallError::own("iam:TagInstanceProfile", e.to_string()))
}

fn result(profile: &types::InstanceProfile) -> Map {
    record! { "iam_instance_profile" => shown(profile) }
}

/// A profile as `iam_instance_profile_info` returns it, with the role in it.
pub fn shown(profile: &types::InstanceProfile) -> Map {
    let role = |r: &types::Role| {
        Value::from(
            record! { "arn" => r.arn(), "role_name" => r.role_name(), "role_id" => r.role_id(), "path" => r.path() },
        )
    };
    record! {
        "arn" => profile.arn(),
        "instance_profile_name" => profile.instance_profile_name(),
        "instance_profile_id" => profile.instance_profile_id(),
        "path" => profile.path(),
        "roles" => profile.roles().iter().map(role).collect::<List>(),
        "create_date" => profile.create_date().to_string(),
        "tags" => cloud::tags_value(&tags(profile)),
    }
}
