//! ec2_security_group: a group and its rules.

mod creation;
mod rules;

use crate::base::{Map, Value};
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::SecurityGroup;
use crate::cloud::remove::or_already;
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, find, values};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use rules::{Names, Rule, RuleChange};
use std::sync::Arc;

/// The truth is DescribeSecurityGroups, by id, tags or name in the VPC; rules are compared as sets.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Group))
}

struct Group;

#[derive(Default)]
struct Seen {
    group: Option<Arc<types::SecurityGroup>>,
    vpc: Option<String>,
    /// Names of the VPC's other groups, for rules that name them.
    names: Names,
}

#[derive(Default)]
enum Steps {
    #[default]
    None,
    Create(Changes),
    Change(Changes),
    Remove,
}

#[derive(Default)]
struct Changes {
    into: RuleChange,
    out: RuleChange,
    tags: TagChange,
}

impl Resource for Group {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.opt_str("name").or(args.opt_str("group_id")).unwrap_or_default().to_string()
    }

    /// Groups that rules name are read, beside what module.yml says, and those that they describe may be made.
    fn claims(&self, spec: &crate::spec::ModuleSpec, args: &Args) -> crate::plan::Claims {
        let mut claims = cloud::claims(spec, args);
        let rules = args.items("rules").iter().chain(args.items("rules_egress"));
        let named = rules.filter_map(|r| r.get("group_name")).filter_map(|n| n.as_list()).flatten();
        claims.reads.extend(named.map(|name| match name.as_str() {
            Some(name) => format!("ec2_group:{name}"),
            None => "ec2_group:*".to_string(),
        }));
        let made = creation::described(args).map(|(name, _)| format!("ec2_group:{name}"));
        claims.writes.extend(made);
        claims
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let account = &cx.account;
            if let Some(id) = cx.text("group_id") {
                let group = account.security_groups.get(&*account.ec2, id).await?;
                if group.is_none() && cx.args.str("state") == "present" {
                    return Err(Failure::new(format!(
                        "there is no security group {id} in {}",
                        account.region
                    )));
                }
                let vpc = group.as_ref().and_then(|g| g.vpc_id.clone());
                return look(cx, vpc, group).await;
            }
            if cx.is_unknown("vpc_id") {
                return Ok(Seen::default());
            }
            let vpc = match cx.text("vpc_id") {
                Some(vpc) => Some(vpc.to_string()),
                None => {
                    let all = account.vpcs.all(&*account.ec2).await?;
                    all.iter().find(|v| v.is_default() == Some(true)).and_then(|v| v.vpc_id.clone())
                }
            };
            look(cx, vpc, None).await
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("security group {}", self.key(cx.args));
        match (&seen.group, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(crate::record! { "group_id" => Value::Null })),
            (Some(group), "absent") => {
                find::may_remove::<SecurityGroup>(cx, group)?;
                let change = Attributes::delete(&format!("{what} ({})", SecurityGroup::id(group)));
                let result = crate::record! { "group_id" => Value::Null };
                Ok(Verdict::new(change, Steps::Remove, result))
            }
            (group, _) => decide(cx, seen, group.as_deref(), &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, &seen.group) {
                (Steps::Create(changes), _) => {
                    let group = creation::own(cx, seen.vpc.as_deref()).await?;
                    with_named(cx, seen, &group, changes).await
                }
                (Steps::Change(changes), Some(group)) => with_named(cx, seen, group, changes).await,
                (Steps::Remove, Some(group)) => {
                    account.remove(&account.security_groups, SecurityGroup::id(group)).await?;
                    Ok(crate::record! { "group_id" => Value::Null })
                }
                _ => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<SecurityGroup>(&seen.group)
    }
}

async fn look(
    cx: &Cx<'_>,
    vpc: Option<String>,
    group: Option<Arc<types::SecurityGroup>>,
) -> Result<Seen, Failure> {
    let account = &cx.account;
    let Some(vpc) = vpc else {
        return Ok(Seen { group, ..Seen::default() });
    };
    let inside = |g: &types::SecurityGroup| g.vpc_id() == Some(vpc.as_str());
    let all = account.security_groups.within(account, &vpc, inside).await?;
    let group = match group {
        Some(group) => Some(group),
        None => {
            // Those that were made for rules carry the same tags.
            let named = all.iter().filter(|g| g.group_name() == cx.text("name")).cloned();
            find::one::<SecurityGroup>(cx, &named.collect::<Vec<_>>(), |_| true)?
        }
    };
    let names =
        all.iter().filter_map(|g| Some((g.group_name.clone()?, g.group_id.clone()?))).collect::<Names>();
    Ok(Seen { group, vpc: Some(vpc), names })
}

fn decide(
    cx: &Cx<'_>,
    seen: &Seen,
    group: Option<&types::SecurityGroup>,
    what: &str,
) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let mut changes = Changes::default();
    let mut warnings = Vec::new();
    match group {
        None => {
            if !cx.args.has("description") {
                return Err(Failure::new(format!(
                    "there is no {what}, and without `description` it cannot be made"
                )));
            }
            attributes.wanted("description", cx.args.str("description"));
            attributes.wanted("vpc_id", cx.args.value("vpc_id").cloned());
        }
        Some(group) => {
            if cx.text("description").is_some_and(|d| Some(d) != group.description()) {
                warnings.push(format!(
                    "the description of {what} is `{}` and cannot be changed in place: remove the group first",
                    group.description().unwrap_or_default()
                ));
            }
        }
    }
    (changes.into, changes.out) = rule_changes(cx, group, &seen.names)?;
    changes.into.show("ingress", &mut attributes);
    changes.out.show("egress", &mut attributes);
    let verdict = match group {
        None => {
            attributes.wanted("group_id", cx.unknown());
            Verdict::new(attributes.create(what), Steps::Create(changes), predicted(cx, seen))
        }
        Some(group) => {
            changes.tags = cx.compare_tags(&mut attributes, &from_sdk(group.tags()));
            match attributes.change(what) {
                None => Verdict::unchanged(values::security_group(group)),
                Some(change) => {
                    find::may_touch::<SecurityGroup>(cx, group)?;
                    Verdict::new(change, Steps::Change(changes), values::security_group(group))
                }
            }
        }
    };
    Ok(Verdict { warnings, ..verdict })
}

/// What leads from the rules that are there to those of the task: of what is let in, and of what is let out.
fn rule_changes(
    cx: &Cx<'_>,
    group: Option<&types::SecurityGroup>,
    names: &Names,
) -> Result<(RuleChange, RuleChange), Failure> {
    let (mut into, mut out) = (RuleChange::default(), RuleChange::default());
    if cx.args.has("rules") {
        let is = group.map(|g| rules::of(g, g.ip_permissions())).unwrap_or_default();
        let wanted = rules::wanted(cx, "rules", names)?;
        into = RuleChange::between(&is, &wanted, cx.args.bool("purge_rules"));
    }
    if cx.args.has("rules_egress") {
        let is = group.map(|g| rules::of(g, g.ip_permissions_egress()));
        // What Amazon gives every new group.
        let is = is.unwrap_or_else(|| vec![Rule::everywhere()]);
        let wanted = rules::wanted(cx, "rules_egress", names)?;
        out = RuleChange::between(&is, &wanted, cx.args.bool("purge_rules_egress"));
    }
    Ok((into, out))
}

/// Makes the groups that rules describe, where there are none, and then the change.
async fn with_named(
    cx: &Cx<'_>,
    seen: &Seen,
    group: &types::SecurityGroup,
    changes: &Changes,
) -> Result<Map, Failure> {
    let made = creation::named(cx, seen.vpc.as_deref(), &seen.names).await?;
    if made.is_empty() {
        return alter(cx, group, changes).await;
    }
    let names: Names = seen.names.clone().into_iter().chain(made).collect();
    let (into, out) = rule_changes(cx, Some(group), &names)?;
    alter(cx, group, &Changes { into, out, tags: changes.tags.clone() }).await
}

fn predicted(cx: &Cx<'_>, seen: &Seen) -> Map {
    let vpc = cx.args.value("vpc_id").cloned();
    crate::record! {
        "group_id" => cx.unknown(),
        "group_name" => cx.args.str("name"),
        "description" => cx.args.str("description"),
        "ip_permissions" => cx.unknown(),
        "ip_permissions_egress" => cx.unknown(),
        "owner_id" => cx.unknown(),
        "vpc_id" => vpc.or(seen.vpc.clone().map(Into::into)),
        "tags" => cloud::tags_value(&cx.wanted_tags()),
    }
}

async fn alter(cx: &Cx<'_>, group: &types::SecurityGroup, changes: &Changes) -> Result<Map, Failure> {
    let (account, id) = (&cx.account, SecurityGroup::id(group));
    let ec2 = &account.ec2;
    let duplicate = ["InvalidPermission.Duplicate"];
    if let Some(rules) = changes.into.add(id) {
        let input = AuthorizeSecurityGroupIngressInputBuilder::default().group_id(id);
        let done = ec2.authorize_security_group_ingress(input.set_ip_permissions(Some(rules))).await;
        or_done(done.map(drop), &duplicate)?;
    }
    if let Some(rules) = changes.out.add(id) {
        let input = AuthorizeSecurityGroupEgressInputBuilder::default().group_id(id);
        let done = ec2.authorize_security_group_egress(input.set_ip_permissions(Some(rules))).await;
        or_done(done.map(drop), &duplicate)?;
    }
    if let Some(rules) = changes.into.remove(id) {
        let input = RevokeSecurityGroupIngressInputBuilder::default().group_id(id);
        let done = ec2.revoke_security_group_ingress(input.set_ip_permissions(Some(rules))).await;
        or_already(done.map(drop), &[])?;
    }
    if let Some(rules) = changes.out.remove(id) {
        let input = RevokeSecurityGroupEgressInputBuilder::default().group_id(id);
        let done = ec2.revoke_security_group_egress(input.set_ip_permissions(Some(rules))).await;
        or_already(done.map(drop), &[])?;
    }
    if let Some(rules) = changes.into.describe(id) {
        let input = UpdateSecurityGroupRuleDescriptionsIngressInputBuilder::default().group_id(id);
        ec2.update_security_group_rule_descriptions_ingress(input.set_ip_permissions(Some(rules))).await?;
    }
    if let Some(rules) = changes.out.describe(id) {
        let input = UpdateSecurityGroupRuleDescriptionsEgressInputBuilder::default().group_id(id);
        ec2.update_security_group_rule_descriptions_egress(input.set_ip_permissions(Some(rules))).await?;
    }
    cx.write_tags(&[id], &changes.tags).await?;
    let is = from_sdk(group.tags());
    let mut after = cloud::with_tags(group, is, &changes.tags, |group, tags| group.tags = Some(tags));
    after.ip_permissions = Some(changes.into.after(group, group.ip_permissions()));
    after.ip_permissions_egress = Some(changes.out.after(group, group.ip_permissions_egress()));
    let shown = values::security_group(&after);
    account.security_groups.put(after);
    Ok(shown)
}

/// An earlier attempt whose answer was lost did it.
fn or_done(done: Result<(), CallError>, codes: &[&str]) -> Result<(), CallError> {
    match done {
        Err(error) if error.after_doubt && error.is(codes) => Ok(()),
        other => other,
    }
}
