//! Making groups: the task's own, and those that its rules describe.

use super::rules::{Names, Rule};
use crate::base::Value;
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::CreateSecurityGroupInputBuilder, types};
use crate::cloud::identity::{Identity, Op};
use crate::cloud::kinds::SecurityGroup;
use crate::cloud::{CallError, Kind, Tags};
use crate::modules::cloud::Cx;
use crate::modules::{Args, ArgsExt, Failure};
use std::sync::Arc;

/// The task's group.
pub async fn own(cx: &Cx<'_>, vpc: Option<&str>) -> Result<Arc<types::SecurityGroup>, Failure> {
    let op = cx.identity.op();
    make(cx, vpc, (cx.args.str("name"), cx.args.str("description")), (&op, &op, &cx.wanted_tags())).await
}

/// Names and descriptions of groups in rules.
pub fn described(args: &Args) -> impl Iterator<Item = (String, String)> {
    let rules = args.items("rules").iter().chain(args.items("rules_egress")).filter_map(Value::as_map);
    rules.flat_map(|rule| {
        let about = rule.opt_str("group_desc").map(str::to_string);
        let names: Vec<String> = rule.list("group_name").into_iter().map(str::to_string).collect();
        about.into_iter().flat_map(move |about| names.clone().into_iter().map(move |n| (n, about.clone())))
    })
}

/// Makes those that rules describe and that are not there; their ids by name.
pub async fn named(cx: &Cx<'_>, vpc: Option<&str>, there: &Names) -> Result<Names, Failure> {
    let mut made = Names::new();
    for (name, about) in described(cx.args) {
        if there.contains_key(&name) || made.contains_key(&name) || cx.text("name") == Some(&name) {
            continue;
        }
        // They carry the task's node, so that nobody takes them for left over; in the journal they are not its own group.
        let node = format!("{} ({name})", cx.identity.node);
        let op = Identity { node, ..cx.identity.clone() }.op();
        let tagged = Op { id: op.id.clone(), identity: cx.identity.clone() };
        let tags = Tags::from([("Name".to_string(), name.clone())]);
        let group = make(cx, vpc, (&name, &about), (&op, &tagged, &tags)).await?;
        made.insert(name, SecurityGroup::id(&group).to_string());
    }
    Ok(made)
}

/// `op` is noted, `tagged` stands in the tags.
async fn make(
    cx: &Cx<'_>,
    vpc: Option<&str>,
    (name, about): (&str, &str),
    (op, tagged, wanted): (&Op, &Op, &Tags),
) -> Result<Arc<types::SecurityGroup>, Failure> {
    let account = &cx.account;
    let input = CreateSecurityGroupInputBuilder::default()
        .group_name(name)
        .description(about)
        .set_vpc_id(vpc.map(str::to_string))
        .tag_specifications(tagged.specification(types::ResourceType::SecurityGroup, wanted));
    let send = || -> CallFuture<'_, types::SecurityGroup> {
        let input = input.clone();
        let tags = crate::cloud::identity::to_sdk(&tagged.tags(wanted));
        Box::pin(async move {
            let made = account.ec2.create_security_group(input).await?;
            let id =
                made.group_id.ok_or_else(|| CallError::own("ec2:CreateSecurityGroup", "no id came back"))?;
            Ok(types::SecurityGroup::builder()
                .group_id(id)
                .group_name(name)
                .description(about)
                .set_vpc_id(vpc.map(str::to_string))
                .set_ip_permissions_egress(Some(vec![Rule::everywhere().as_sdk("")]))
                .set_tags(Some(tags))
                .build())
        })
    };
    Ok(account.create(&account.security_groups, op, &send).await?)
}
