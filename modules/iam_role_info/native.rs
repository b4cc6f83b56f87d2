//! iam_role_info: tell what roles there are.

use super::m_iam_role::{attached, get, shown};
use crate::base::{List, Map, Value};
use crate::cloud::CallError;
use crate::cloud::iam::{Iam, IamClient, input::*, types};
use crate::modules::Behaviour;
use crate::modules::cloud::{self, CloudFuture, Cx, Query};
use crate::record;

/// GetRole for a name, else pages of ListRoles, whose policies are then not told.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Roles))
}

struct Roles;

impl Query for Roles {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            if cx.is_unknown("name") || cx.is_unknown("path_prefix") {
                return Ok(record! { "iam_roles" => cx.unknown() });
            }
            let iam = cx.account.iam();
            let mut roles = List::new();
            match cx.text("name") {
                Some(name) => {
                    if let Some(role) = get(&iam, name).await? {
                        let mut told = shown(&role, &attached(&iam, name).await?);
                        told.insert("inline_policies".into(), inline(&iam, name).await?.into());
                        told.insert("instance_profiles".into(), profiles(&iam, name).await?.into());
                        roles.push(Value::from(told));
                    }
                }
                None => {
                    let all = all(&iam, cx.text("path_prefix")).await?;
                    roles.extend(all.iter().map(|r| Value::from(shown(r, &[]))));
                }
            }
            Ok(record! { "iam_roles" => roles })
        })
    }
}

/// Names of the policies that stand in the role itself.
async fn inline(iam: &IamClient, name: &str) -> Result<List, CallError> {
    let mut input = ListRolePoliciesInputBuilder::default().role_name(name);
    let mut all = List::new();
    loop {
        let page = iam.list_role_policies(input.clone()).await?;
        all.extend(page.policy_names.into_iter().map(Value::from));
        match page.marker.filter(|_| page.is_truncated) {
            Some(marker) => input = input.marker(marker),
            None => return Ok(all),
        }
    }
}

async fn profiles(iam: &IamClient, name: &str) -> Result<List, CallError> {
    let mut input = ListInstanceProfilesForRoleInputBuilder::default().role_name(name);
    let mut all = List::new();
    loop {
        let page = iam.list_instance_profiles_for_role(input.clone()).await?;
        all.extend(
            page.instance_profiles.iter().map(|p| Value::from(super::m_iam_instance_profile::shown(p))),
        );
        match page.marker.filter(|_| page.is_truncated) {
            Some(marker) => input = input.marker(marker),
            None => return Ok(all),
        }
    }
}

async fn all(iam: &IamClient, prefix: Option<&str>) -> Result<Vec<types::Role>, CallError> {
    let mut input = ListRolesInputBuilder::default().set_path_prefix(prefix.map(str::to_string));
    let mut all = Vec::new();
    loop {
        let page = iam.list_roles(input.clone()).await?;
        all.extend(page.roles);
        match page.marker.filter(|_| page.is_truncated) {
            Some(marker) => input = input.marker(marker),
            None => return Ok(all),
        }
    }
}
