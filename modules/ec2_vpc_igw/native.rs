//! ec2_vpc_igw: the internet gateway of a VPC.

use crate::base::Map;
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::InternetGateway;
use crate::cloud::remove::or_already;
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, find};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use std::sync::Arc;

/// The truth is DescribeInternetGateways, by id or by the VPC it is attached to.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Gateway))
}

struct Gateway;

#[derive(Default)]
enum Steps {
    #[default]
    None,
    Create,
    Change {
        /// The VPCs that it leaves first.
        detach: Vec<String>,
        attach: bool,
        tags: TagChange,
    },
    Remove,
}

impl Resource for Gateway {
    type Seen = Option<Arc<types::InternetGateway>>;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.map("tags").and_then(|t| t.get("Name")).map(crate::spec::to_text).unwrap_or_default()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Self::Seen> {
        Box::pin(async move {
            let account = &cx.account;
            if let Some(id) = cx.text("internet_gateway_id") {
                let found = account.internet_gateways.get(&*account.ec2, id).await?;
                if found.is_none() && cx.args.str("state") == "present" {
                    return Err(Failure::new(format!(
                        "there is no internet gateway {id} in {}",
                        account.region
                    )));
                }
                return Ok(found);
            }
            if !cx.args.has("vpc_id") {
                return attached_to_none(cx).await;
            }
            let Some(vpc) = cx.text("vpc_id") else { return Ok(None) };
            // One that is ours and attached to nothing was left by a run that was killed.
            let loose = |g: &types::InternetGateway| {
                g.attachments().is_empty() && cx.identity.is(&from_sdk(g.tags()))
            };
            let near = |g: &types::InternetGateway| attached(g, vpc) || loose(g);
            // In a VPC that this run made is nothing of an earlier one, but where it replaces another, one may have been made
            // for that and never attached.
            let mut all = match account.has_deposed() {
                true => account.internet_gateways.all(&*account.ec2).await?,
                false => account.internet_gateways.within(account, vpc, near).await?,
            };
            all.retain(|g| near(g));
            if all.iter().any(|g| attached(g, vpc)) {
                all.retain(|g| attached(g, vpc));
            }
            find::one::<InternetGateway>(cx, &all, |_| true)
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Self::Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("internet gateway {}", self.key(cx.args)).trim_end().to_string();
        let vpc = cx.args.value("vpc_id").cloned();
        match (seen, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(gateway), "absent") => {
                find::may_remove::<InternetGateway>(cx, gateway)?;
                let change = Attributes::delete(&format!("{what} ({})", InternetGateway::id(gateway)));
                let steps = match cx.args.bool("detach_vpc") {
                    true => {
                        Steps::Change { detach: vpcs(gateway), attach: false, tags: TagChange::default() }
                    }
                    false => Steps::Remove,
                };
                Ok(Verdict::new(change, steps, result(gateway)))
            }
            (None, _) => {
                let mut attributes = Attributes::default();
                attributes.wanted("vpc_id", vpc.clone());
                attributes.wanted("gateway_id", cx.unknown());
                let tags = cloud::tags_value(&cx.wanted_tags());
                let result = crate::record! { "gateway_id" => cx.unknown(), "vpc_id" => vpc, "tags" => tags };
                Ok(Verdict::new(attributes.create(&what), Steps::Create, result))
            }
            (Some(gateway), _) => change(cx, gateway, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Self::Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, seen) {
                (Steps::Create, _) => {
                    let gateway = create(cx).await?;
                    alter(cx, &gateway, &[], cx.args.has("vpc_id"), &TagChange::default()).await
                }
                (Steps::Change { detach, attach, tags }, Some(gateway)) => {
                    alter(cx, gateway, detach, *attach, tags).await
                }
                (Steps::Remove, Some(gateway)) => {
                    account.remove(&account.internet_gateways, InternetGateway::id(gateway)).await?;
                    Ok(result(gateway))
                }
                _ => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Self::Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<InternetGateway>(seen)
    }
}

/// That of a task that names no VPC: its own by tags, or one with the task's tags.
async fn attached_to_none(cx: &Cx<'_>) -> Result<Option<Arc<types::InternetGateway>>, Failure> {
    let all = cx.account.internet_gateways.all(&*cx.account.ec2).await?;
    let wanted = cx.args.map("tags").map(cloud::tags_of).unwrap_or_default();
    let tagged = |g: &types::InternetGateway| {
        let is = from_sdk(g.tags());
        !wanted.is_empty() && wanted.iter().all(|(key, value)| is.get(key) == Some(value))
    };
    // Another task of the same name may have one in a VPC.
    let loose: Vec<_> = all.iter().filter(|g| g.attachments().is_empty()).cloned().collect();
    match find::one::<InternetGateway>(cx, &loose, tagged)? {
        None => find::one::<InternetGateway>(cx, &all, |_| false),
        found => Ok(found),
    }
}

fn vpcs(gateway: &types::InternetGateway) -> Vec<String> {
    gateway.attachments().iter().filter_map(|a| a.vpc_id.clone()).collect()
}

fn attached(gateway: &types::InternetGateway, vpc: &str) -> bool {
    gateway.attachments().iter().any(|a| a.vpc_id() == Some(vpc))
}

fn change(cx: &Cx<'_>, gateway: &types::InternetGateway, what: &str) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let there = vpcs(gateway);
    let (mut detach, mut attach) = (Vec::new(), false);
    if let Some(vpc) = cx.text("vpc_id").filter(|vpc| !there.iter().any(|t| t == vpc)) {
        if !there.is_empty() && !cx.args.bool("force_attach") {
            return Err(Failure::new(format!(
                "the internet gateway {} is attached to {}\nhint: `force_attach: true` takes it from there",
                InternetGateway::id(gateway),
                there.join(", ")
            )));
        }
        attributes.compare("vpc_id", there.first().cloned(), vpc);
        (detach, attach) = (there, true);
    }
    let tags = cx.compare_tags(&mut attributes, &from_sdk(gateway.tags()));
    match attributes.change(what) {
        None => Ok(Verdict::unchanged(result(gateway))),
        Some(change) => {
            find::may_touch::<InternetGateway>(cx, gateway)?;
            let mut after = result(gateway);
            if let Some(vpc) = cx.args.value("vpc_id").filter(|v| !v.is_null()) {
                after.insert("vpc_id".into(), vpc.clone());
            }
            Ok(Verdict::new(change, Steps::Change { detach, attach, tags }, after))
        }
    }
}

fn result(gateway: &types::InternetGateway) -> Map {
    crate::record! {
        "gateway_id" => gateway.internet_gateway_id(),
        "vpc_id" => vpcs(gateway).into_iter().next(),
        "tags" => cloud::values::tags(gateway.tags()),
    }
}

async fn create(cx: &Cx<'_>) -> Result<Arc<types::InternetGateway>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let tags = op.specification(types::ResourceType::InternetGateway, &cx.wanted_tags());
    let input = CreateInternetGatewayInputBuilder::default().tag_specifications(tags);
    let send = || -> CallFuture<'_, types::InternetGateway> {
        let input = input.clone();
        Box::pin(async move {
            let made = account.ec2.create_internet_gateway(input).await?.internet_gateway;
            made.ok_or_else(|| CallError::own("ec2:CreateInternetGateway", "the answer names no gateway"))
        })
    };
    Ok(account.create(&account.internet_gateways, &op, &send).await?)
}

async fn alter(
    cx: &Cx<'_>,
    gateway: &types::InternetGateway,
    detach: &[String],
    attach: bool,
    tags: &TagChange,
) -> Result<Map, Failure> {
    let (account, id) = (&cx.account, InternetGateway::id(gateway));
    let mut after =
        cloud::with_tags(gateway, from_sdk(gateway.tags()), tags, |gateway, tags| gateway.tags = Some(tags));
    for vpc in detach {
        let input = DetachInternetGatewayInputBuilder::default().internet_gateway_id(id).vpc_id(vpc);
        or_already(account.ec2.detach_internet_gateway(input).await.map(drop), &["Gateway.NotAttached"])?;
        after.attachments = None;
    }
    if attach {
        let vpc = cx.args.str("vpc_id");
        let input = AttachInternetGatewayInputBuilder::default().internet_gateway_id(id).vpc_id(vpc);
        let done = account.ec2.attach_internet_gateway(input).await;
        // An attempt whose answer was lost did it.
        if let Err(error) = done
            && !(error.after_doubt && error.is(&["Resource.AlreadyAssociated"]))
        {
            return Err(error.into());
        }
        let attachment = types::InternetGatewayAttachment::builder().vpc_id(vpc);
        after.attachments = Some(vec![attachment.state(types::AttachmentStatus::Attached).build()]);
    }
    cx.write_tags(&[id], tags).await?;
    let shown = result(&after);
    account.internet_gateways.put(after);
    Ok(shown)
}
