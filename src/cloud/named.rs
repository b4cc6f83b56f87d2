//! Removals of what is known by its name and not by an id: groups, roles, instance profiles, parameters.

use super::autoscaling::{self, Autoscaling, AutoscalingClient};
use super::error::CallError;
use super::iam::{self, Iam, IamClient};
use super::identity::{STACK, Tags};
use super::remove::{LIMIT, Thing, or_already};
use super::session::Account;
use super::ssm::{self, Ssm, SsmClient};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What [`Thing`] calls it; its id is the group's name.
pub const SCALING_GROUP: &str = "Auto Scaling group";
/// What [`Thing`] calls it; its id is the role's name, the same in all regions.
pub const ROLE: &str = "role";
/// What [`Thing`] calls it; its id is the profile's name, the same in all regions.
pub const INSTANCE_PROFILE: &str = "instance profile";
/// What [`Thing`] calls it; its id is the whole name, slashes and all.
pub const PARAMETER: &str = "parameter";

/// Whether things of the kind belong to no region.
pub fn is_global(kind: &str) -> bool {
    matches!(kind, ROLE | INSTANCE_PROFILE)
}

impl Account {
    /// A client of Auto Scaling with the account's credentials, region and patience. Cheap: no call is made.
    pub fn autoscaling(&self) -> AutoscalingClient {
        AutoscalingClient::new(aws_sdk_autoscaling::Client::new(&self.config), Arc::clone(&self.manner))
    }

    /// A client of IAM, which has one endpoint for all regions. Cheap: no call is made.
    pub fn iam(&self) -> IamClient {
        IamClient::new(aws_sdk_iam::Client::new(&self.config), Arc::clone(&self.manner))
    }

    /// A client of Systems Manager, for parameters. Cheap: no call is made.
    pub fn ssm(&self) -> SsmClient {
        SsmClient::new(aws_sdk_ssm::Client::new(&self.config), Arc::clone(&self.manner))
    }

    fn going(&self, kind: &str, name: &str) {
        self.note(&json!({"remove": kind, "id": name, "region": self.region}));
    }

    fn gone(&self, kind: &str, name: &str) {
        self.note(&json!({"removed": kind, "id": name}));
    }
}

/// The groups with the stack's tag (`None`: any stack's). Who may not see groups has none.
pub async fn tagged_groups(account: &Account, stack: Option<&str>) -> Result<Vec<(Thing, Tags)>, CallError> {
    let filter = autoscaling::types::Filter::builder();
    let filter = match stack {
        Some(stack) => filter.name(format!("tag:{STACK}")).values(stack).build(),
        None => filter.name("tag-key").values(STACK).build(),
    };
    let mut input = autoscaling::input::DescribeAutoScalingGroupsInputBuilder::default().filters(filter);
    let (scaling, mut things) = (account.autoscaling(), Vec::new());
    loop {
        let page = match scaling.describe_auto_scaling_groups(input.clone()).await {
            Err(error) if error.denied() => return Ok(things),
            other => other?,
        };
        for group in page.auto_scaling_groups.unwrap_or_default() {
            let text = |t: Option<&str>| t.unwrap_or_default().to_string();
            let tags = group.tags().iter().map(|t| (text(t.key()), text(t.value()))).collect();
            things.push((Thing { kind: SCALING_GROUP, id: text(group.auto_scaling_group_name()) }, tags));
        }
        match page.next_token.filter(|t| !t.is_empty()) {
            Some(next) => input = input.next_token(next),
            None => return Ok(things),
        }
    }
}

/// Removes the group with its instances, and waits until it and they are gone: what they stand in could not be
/// removed before.
pub async fn remove_scaling_group(account: &Account, name: &str) -> Result<(), CallError> {
    account.going(SCALING_GROUP, name);
    let scaling = account.autoscaling();
    let find = || {
        autoscaling::input::DescribeAutoScalingGroupsInputBuilder::default().auto_scaling_group_names(name)
    };
    let found = scaling.describe_auto_scaling_groups(find()).await?.auto_scaling_groups.unwrap_or_default();
    let instances = found.iter().flat_map(|g| g.instances()).filter_map(|i| i.instance_id());
    let instances: Vec<String> = instances.map(str::to_string).collect();
    let began = Instant::now();
    loop {
        let input = autoscaling::input::DeleteAutoScalingGroupInputBuilder::default();
        let input = input.auto_scaling_group_name(name).force_delete(true);
        match scaling.delete_auto_scaling_group(input).await {
            Ok(_) => break,
            Err(error) if is_no_group(&error) => break,
            Err(error) if error.is(&["ScalingActivityInProgress"]) && began.elapsed() < LIMIT => {
                account.manner.pause(&error.call, Duration::from_secs(1)).await?;
            }
            Err(error) => return Err(error),
        }
    }
    let waiting = Instant::now();
    while !scaling
        .describe_auto_scaling_groups(find())
        .await?
        .auto_scaling_groups
        .unwrap_or_default()
        .is_empty()
    {
        if began.elapsed() > LIMIT {
            return Err(CallError::given_up(
                "autoscaling:DeleteAutoScalingGroup",
                "the group is still there",
            ));
        }
        account.manner.pause(SCALING_GROUP, super::interval(waiting.elapsed())).await?;
    }
    for id in &instances {
        instance_gone(account, id).await?;
    }
    account.gone(SCALING_GROUP, name);
    Ok(())
}

fn is_no_group(error: &CallError) -> bool {
    error.not_found() || error.is(&["ValidationError"]) && error.message.contains("not found")
}

async fn instance_gone(account: &Account, id: &str) -> Result<(), CallError> {
    use super::kinds::Instance;
    use super::table::Kind;
    let (ec2, instances) = (&*account.ec2, &account.instances);
    instances.refresh(ec2, &[id.to_string()]).await?;
    let gone = |seen: Option<&Arc<_>>| seen.is_none_or(|i| Instance::is_gone(i)).then_some(());
    instances.until(ec2, &account.manner, id, LIMIT, gone).await
}

/// Removes the role with all that keeps it: policies, and its place in instance profiles. A profile of its name goes
/// with it where it was made with it, or `with_profile` says so.
pub async fn remove_role(account: &Account, name: &str, with_profile: bool) -> Result<(), CallError> {
    account.going(ROLE, name);
    let iam = account.iam();
    let input = iam::input::ListInstanceProfilesForRoleInputBuilder::default().role_name(name);
    let profiles = match iam.list_instance_profiles_for_role(input).await {
        Ok(reply) => reply.instance_profiles,
        Err(error) if error.not_found() => return Ok(()),
        Err(error) => return Err(error),
    };
    for held in &profiles {
        let profile = held.instance_profile_name();
        let input = iam::input::RemoveRoleFromInstanceProfileInputBuilder::default();
        let input = input.instance_profile_name(profile).role_name(name);
        or_already(iam.remove_role_from_instance_profile(input).await.map(drop), &[])?;
        let ours = profile_is_ours(&iam, profile).await?;
        if profile == name && (with_profile || ours) {
            let input = iam::input::DeleteInstanceProfileInputBuilder::default();
            let gone = iam.delete_instance_profile(input.instance_profile_name(profile)).await;
            or_already(gone.map(drop), &[])?;
        }
    }
    detach_all(&iam, name).await?;
    let input = iam::input::DeleteRoleInputBuilder::default().role_name(name);
    or_already(iam.delete_role(input).await.map(drop), &[])?;
    account.gone(ROLE, name);
    Ok(())
}

/// Lists of profiles lack their tags, so it is asked for.
async fn profile_is_ours(iam: &IamClient, name: &str) -> Result<bool, CallError> {
    let input = iam::input::GetInstanceProfileInputBuilder::default().instance_profile_name(name);
    let profile = iam.get_instance_profile(input).await?.instance_profile;
    Ok(profile.is_some_and(|p| p.tags().iter().any(|t| t.key() == STACK)))
}

async fn detach_all(iam: &IamClient, name: &str) -> Result<(), CallError> {
    let input = iam::input::ListAttachedRolePoliciesInputBuilder::default().role_name(name);
    for policy in iam.list_attached_role_policies(input).await?.attached_policies.unwrap_or_default() {
        let input = iam::input::DetachRolePolicyInputBuilder::default().role_name(name);
        let gone = iam.detach_role_policy(input.set_policy_arn(policy.policy_arn)).await;
        or_already(gone.map(drop), &[])?;
    }
    let input = iam::input::ListRolePoliciesInputBuilder::default().role_name(name);
    for policy in iam.list_role_policies(input).await?.policy_names {
        let input = iam::input::DeleteRolePolicyInputBuilder::default().role_name(name).policy_name(policy);
        or_already(iam.delete_role_policy(input).await.map(drop), &[])?;
    }
    Ok(())
}

/// Takes its roles out of the profile and removes it.
pub async fn remove_instance_profile(account: &Account, name: &str) -> Result<(), CallError> {
    account.going(INSTANCE_PROFILE, name);
    let iam = account.iam();
    let input = iam::input::GetInstanceProfileInputBuilder::default().instance_profile_name(name);
    let profile = match iam.get_instance_profile(input).await {
        Ok(reply) => reply.instance_profile,
        Err(error) if error.not_found() => return Ok(()),
        Err(error) => return Err(error),
    };
    for role in profile.iter().flat_map(|p| p.roles()) {
        let input =
            iam::input::RemoveRoleFromInstanceProfileInputBuilder::default().instance_profile_name(name);
        let gone = iam.remove_role_from_instance_profile(input.role_name(role.role_name())).await;
        or_already(gone.map(drop), &[])?;
    }
    let input = iam::input::DeleteInstanceProfileInputBuilder::default().instance_profile_name(name);
    or_already(iam.delete_instance_profile(input).await.map(drop), &[])?;
    account.gone(INSTANCE_PROFILE, name);
    Ok(())
}

/// Removes a parameter with all its versions; one that is gone already is fine.
///
/// # Errors
/// The service refused it for another reason, or did not answer after all attempts.
pub async fn remove_parameter(account: &Account, name: &str) -> Result<(), CallError> {
    account.going(PARAMETER, name);
    let input = ssm::input::DeleteParameterInputBuilder::default().name(name);
    or_already(account.ssm().delete_parameter(input).await.map(drop), &[])?;
    account.gone(PARAMETER, name);
    Ok(())
}
