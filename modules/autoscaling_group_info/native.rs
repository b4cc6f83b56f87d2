//! autoscaling_group_info: tell what Auto Scaling groups there are.

use super::m_autoscaling_group::{described, tags};
use crate::base::pyregex::{self, Flags};
use crate::base::{List, Map, Value};
use crate::cloud::autoscaling::{Autoscaling, input::DescribeAutoScalingGroupsInputBuilder};
use crate::modules::cloud::{self, CloudFuture, Cx, Query};
use crate::modules::{ArgsExt, Behaviour, Failure};
use crate::record;

/// Pages of DescribeAutoScalingGroups, asked for anew by each task.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Groups))
}

struct Groups;

impl Query for Groups {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            if cx.is_unknown("name") || cx.is_unknown("tags") {
                return Ok(record! { "results" => cx.unknown() });
            }
            let pattern = cx.text("name").map(|p| pyregex::compile(&format!("^(?:{p})"), Flags::default()));
            let pattern = pattern.transpose().map_err(|e| Failure::new(format!("name: {e}")))?;
            let wanted = cx.args.map("tags").map(cloud::tags_of).unwrap_or_default();
            let (scaling, mut found) = (cx.account.autoscaling(), List::new());
            let mut input = DescribeAutoScalingGroupsInputBuilder::default();
            loop {
                let page = scaling.describe_auto_scaling_groups(input.clone()).await?;
                for group in page.auto_scaling_groups.unwrap_or_default() {
                    let name = group.auto_scaling_group_name().unwrap_or_default();
                    let is = tags(&group);
                    if pattern.as_ref().is_none_or(|p| pyregex::found(p, name))
                        && wanted.iter().all(|(key, value)| is.get(key) == Some(value))
                    {
                        found.push(Value::from(described(&group)));
                    }
                }
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => return Ok(record! { "results" => found }),
                }
            }
        })
    }
}
