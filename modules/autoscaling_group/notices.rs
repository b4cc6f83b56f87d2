//! Who is told of what the group does: a topic, and the kinds of events.

use crate::cloud::CallError;
use crate::cloud::autoscaling::{Autoscaling, AutoscalingClient, input::*};
use crate::modules::ArgsExt;
use crate::modules::cloud::{Attributes, Cx};

/// The kinds of events that the topic is told of now, sorted.
pub async fn there(cx: &Cx<'_>, scaling: &AutoscalingClient) -> Result<Vec<String>, CallError> {
    let Some(topic) = cx.text("notification_topic") else { return Ok(Vec::new()) };
    let input = DescribeNotificationConfigurationsInputBuilder::default();
    let input = input.auto_scaling_group_names(cx.args.str("name"));
    let all = scaling.describe_notification_configurations(input).await?.notification_configurations;
    let all = all.unwrap_or_default().into_iter().filter(|one| one.topic_arn() == Some(topic));
    let mut kinds: Vec<String> = all.filter_map(|one| one.notification_type).collect();
    kinds.sort();
    Ok(kinds)
}

/// Whether the topic shall be told of other kinds. Other topics are nobody's business here.
pub fn differ(cx: &Cx<'_>, is: &[String], attributes: &mut Attributes) -> bool {
    if cx.text("notification_topic").is_none() {
        return false;
    }
    let mut wanted = cx.args.list("notification_types");
    wanted.sort_unstable();
    let joined = wanted.join(", ");
    attributes.compare("notification_types", is.join(", "), joined)
}

pub async fn put(cx: &Cx<'_>, scaling: &AutoscalingClient) -> Result<(), CallError> {
    let Some(topic) = cx.text("notification_topic") else { return Ok(()) };
    let kinds = cx.args.list("notification_types").into_iter().map(str::to_string).collect();
    let input = PutNotificationConfigurationInputBuilder::default()
        .auto_scaling_group_name(cx.args.str("name"))
        .topic_arn(topic)
        .set_notification_types(Some(kinds));
    scaling.put_notification_configuration(input).await.map(drop)
}
