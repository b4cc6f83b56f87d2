//! The Auto Scaling groups of a region, read once for all tasks.

use super::autoscaling::{
    Autoscaling, AutoscalingClient, input::DescribeAutoScalingGroupsInputBuilder, types,
};
use super::error::CallError;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::OnceCell;

/// Each name is told from the common list once, to the first who asks. Whoever asks again may have changed the group, or waits
/// for something: that is asked of the service.
#[derive(Default)]
pub struct ScalingGroups {
    all: OnceCell<HashMap<String, types::AutoScalingGroup>>,
    told: Mutex<Vec<String>>,
}

impl ScalingGroups {
    /// The group of this name.
    ///
    /// # Errors
    /// The service refused to tell.
    pub async fn get(
        &self,
        scaling: &AutoscalingClient,
        name: &str,
    ) -> Result<Option<types::AutoScalingGroup>, CallError> {
        let first = {
            let mut told = self.told.lock().unwrap_or_else(|e| e.into_inner());
            let first = !told.iter().any(|known| known == name);
            if first {
                told.push(name.to_string());
            }
            first
        };
        match first {
            true => Ok(self.all.get_or_try_init(|| all(scaling)).await?.get(name).cloned()),
            false => named(scaling, name).await,
        }
    }
}

/// The group of this name, as it is now.
///
/// # Errors
/// The service refused to tell.
pub async fn named(
    scaling: &AutoscalingClient,
    name: &str,
) -> Result<Option<types::AutoScalingGroup>, CallError> {
    let input = DescribeAutoScalingGroupsInputBuilder::default().auto_scaling_group_names(name);
    Ok(scaling
        .describe_auto_scaling_groups(input)
        .await?
        .auto_scaling_groups
        .and_then(|all| all.into_iter().next()))
}

async fn all(scaling: &AutoscalingClient) -> Result<HashMap<String, types::AutoScalingGroup>, CallError> {
    let mut input = DescribeAutoScalingGroupsInputBuilder::default().max_records(100);
    let mut all = HashMap::new();
    loop {
        let page = scaling.describe_auto_scaling_groups(input.clone()).await?;
        for group in page.auto_scaling_groups.unwrap_or_default() {
            all.insert(group.auto_scaling_group_name().unwrap_or_default().to_string(), group);
        }
        match page.next_token.filter(|t| !t.is_empty()) {
            Some(next) => input = input.next_token(next),
            None => return Ok(all),
        }
    }
}
