//! iam_role: a role, its trust, its policies and its instance profile.

mod profile;
mod steps;

use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::iam::{Iam, IamClient, input::*, types};
use crate::cloud::{CallError, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, named, owned};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::record;

/// The truth is GetRole and its policies, by name. The longest session is in seconds; policies are compared
/// as JSON, not as text.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(RoleModule))
}

struct RoleModule;

/// The role as GetRole tells it, with its attached policies.
pub struct Seen {
    role: Option<types::Role>,
    attached: Vec<types::AttachedPolicy>,
    /// There is an instance profile of the same name, and whether it holds the role.
    profile: Option<bool>,
}

/// What `apply` has to do.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// There is no role of this name.
    Create,
    /// What differs is set.
    Change(Changes),
    /// It goes with its policies, and where the task says so with its instance profile.
    Remove,
}

/// What a role that is there needs.
#[derive(Default)]
pub struct Changes {
    trust: bool,
    role: bool,
    boundary: bool,
    attach: Vec<String>,
    detach: Vec<String>,
    profile: bool,
    tags: TagChange,
}

impl Resource for RoleModule {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.str("name").to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let iam = cx.account.iam();
            let name = cx.args.str("name");
            let (role, profile) = tokio::try_join!(get(&iam, name), profile::holds(&iam, name))?;
            let attached = match &role {
                Some(_) => attached(&iam, name).await?,
                None => Vec::new(),
            };
            Ok(Seen { role, attached, profile })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("role {}", cx.args.str("name"));
        match (&seen.role, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(role), "absent") => {
                owned::may_remove(cx, &what, &tags(role))?;
                Ok(Verdict::new(Attributes::delete(&what), Steps::Remove, result(role, &seen.attached)))
            }
            (None, _) if !cx.args.has("assume_role_policy_document") => {
                let message = format!(
                    "there is no {what}, and without `assume_role_policy_document` it cannot be made"
                );
                Err(Failure::new(message))
            }
            (None, _) => {
                let mut attributes = Attributes::default();
                attributes.wanted("path", cx.args.str("path"));
                for policy in cx.args.list("managed_policies") {
                    attributes.element("managed_policies", None, Some(policy));
                }
                let predicted = record! { "iam_role" => cx.unknown() };
                Ok(Verdict::new(attributes.create(&what), Steps::Create, predicted))
            }
            (Some(role), _) => change(cx, role, seen, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let (iam, name) = (cx.account.iam(), cx.args.str("name"));
            match steps {
                Steps::None => {}
                Steps::Create => steps::create(cx, &iam, seen.profile).await?,
                Steps::Change(changes) => steps::alter(cx, &iam, changes, seen.profile).await?,
                Steps::Remove => {
                    let with_profile = cx.args.bool("delete_instance_profile");
                    crate::cloud::named::remove_role(&cx.account, name, with_profile).await?;
                    return Ok(seen.role.as_ref().map(|r| result(r, &seen.attached)).unwrap_or_default());
                }
            }
            let look = || -> CallFuture<'_, Option<types::Role>> { Box::pin(get(&iam, name)) };
            let role = named::soon(cx, "role", &look).await?;
            let attached = attached(&iam, name).await?;
            Ok(role.map(|r| result(&r, &attached)).unwrap_or_default())
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        let thing = |r: &types::Role| {
            (Thing { kind: crate::cloud::named::ROLE, id: r.role_name().to_string() }, tags(r))
        };
        seen.role.iter().map(thing).collect()
    }
}

/// The role of this name.
pub async fn get(iam: &IamClient, name: &str) -> Result<Option<types::Role>, CallError> {
    match iam.get_role(GetRoleInputBuilder::default().role_name(name)).await {
        Ok(reply) => Ok(reply.role),
        Err(error) if error.not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The policies attached to it.
pub async fn attached(iam: &IamClient, name: &str) -> Result<Vec<types::AttachedPolicy>, CallError> {
    let mut input = ListAttachedRolePoliciesInputBuilder::default().role_name(name);
    let mut all = Vec::new();
    loop {
        let page = iam.list_attached_role_policies(input.clone()).await?;
        all.extend(page.attached_policies.unwrap_or_default());
        match page.marker.filter(|_| page.is_truncated) {
            Some(marker) => input = input.marker(marker),
            None => return Ok(all),
        }
    }
}

fn tags(role: &types::Role) -> Tags {
    role.tags().iter().map(|t| (t.key().to_string(), t.value().to_string())).collect()
}

/// A policy's ARN; a plain name is one of AWS's own.
fn arn(policy: &str) -> String {
    match policy.starts_with("arn:") {
        true => policy.to_string(),
        false => format!("arn:aws:iam::aws:policy/{policy}"),
    }
}

/// A document as JSON; the service gives it URL-encoded.
fn document(text: &str) -> serde_json::Value {
    serde_json::from_str(&decoded(text)).unwrap_or(serde_json::Value::Null)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn change(cx: &Cx<'_>, role: &types::Role, seen: &Seen, what: &str) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let mut changes = Changes::default();
    if let Some(wanted) = cx.text("assume_role_policy_document") {
        let is = document(role.assume_role_policy_document().unwrap_or_default());
        if is != document(wanted) {
            let json = |v: serde_json::Value| Value::from(v.to_string());
            changes.trust =
                attributes.compare("assume_role_policy_document", json(is), json(document(wanted)));
        }
    }
    if let Some(wanted) = cx.text("description") {
        changes.role |= attributes.compare("description", role.description().unwrap_or_default(), wanted);
    }
    if let Some(wanted) = cx.args.opt_int("max_session_duration") {
        changes.role |= attributes.compare("max_session_duration", role.max_session_duration(), wanted);
    }
    if let Some(wanted) = cx.text("boundary") {
        let is = role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()).unwrap_or_default();
        changes.boundary = attributes.compare("boundary", is, wanted);
    }
    if cx.args.has("managed_policies") {
        let wanted: Vec<String> = cx.args.list("managed_policies").into_iter().map(arn).collect();
        let is: Vec<&str> = seen.attached.iter().filter_map(|p| p.policy_arn()).collect();
        changes.attach = wanted.iter().filter(|w| !is.contains(&w.as_str())).cloned().collect();
        if cx.args.bool("purge_policies") {
            changes.detach =
                is.iter().filter(|i| !wanted.iter().any(|w| w == *i)).map(ToString::to_string).collect();
        }
        changes.attach.iter().for_each(|p| attributes.element("managed_policies", None, Some(p)));
        changes.detach.iter().for_each(|p| attributes.element("managed_policies", Some(p), None));
    }
    if cx.args.bool("create_instance_profile") && seen.profile != Some(true) {
        changes.profile = attributes.compare("instance_profile", false, true);
    }
    changes.tags = owned::compare_tags(cx, &mut attributes, &tags(role));
    match attributes.change(what) {
        None => Ok(Verdict::unchanged(result(role, &seen.attached))),
        Some(change) => {
            owned::may_touch(cx, what, &tags(role))?;
            Ok(Verdict::new(change, Steps::Change(changes), result(role, &seen.attached)))
        }
    }
}

fn result(role: &types::Role, attached: &[types::AttachedPolicy]) -> Map {
    record! { "iam_role" => shown(role, attached) }
}

/// A role as `iam_role_info` returns it: the trust policy decoded, `max_session_duration` in seconds.
pub fn shown(role: &types::Role, attached: &[types::AttachedPolicy]) -> Map {
    let policies = attached
        .iter()
        .map(|p| Value::from(record! { "policy_arn" => p.policy_arn(), "policy_name" => p.policy_name() }));
    let raw = document(role.assume_role_policy_document().unwrap_or_default());
    let policies: List = policies.collect();
    record! {
        "arn" => role.arn(),
        "role_name" => role.role_name(),
        "role_id" => role.role_id(),
        "path" => role.path(),
        "description" => role.description(),
        "assume_role_policy_document" => Value::from_json(&raw),
        "assume_role_policy_document_raw" => Value::from_json(&raw),
        "attached_policies" => policies.clone(),
        "managed_policies" => policies,
        "max_session_duration" => role.max_session_duration(),
        "create_date" => role.create_date().to_string(),
        "tags" => cloud::tags_value(&tags(role)),
    }
}
