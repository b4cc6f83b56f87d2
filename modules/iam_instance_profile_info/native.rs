//! iam_instance_profile_info: tell what instance profiles there are.

use crate::base::{List, Map, Value};
use crate::cloud::CallError;
use crate::cloud::iam::{Iam, IamClient, input::*, types};
use crate::modules::Behaviour;
use crate::modules::cloud::{self, CloudFuture, Cx, Query};
use crate::record;

/// GetInstanceProfile for a name, else pages of ListInstanceProfiles.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Profiles))
}

struct Profiles;

impl Query for Profiles {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            if cx.is_unknown("name") || cx.is_unknown("path_prefix") {
                return Ok(record! { "iam_instance_profiles" => cx.unknown() });
            }
            let iam = cx.account.iam();
            let found = match cx.text("name") {
                Some(name) => one(&iam, name).await?,
                None => all(&iam, cx.text("path_prefix")).await?,
            };
            let shown = found.iter().map(|p| Value::from(super::m_iam_instance_profile::shown(p)));
            Ok(record! { "iam_instance_profiles" => shown.collect::<List>() })
        })
    }
}

async fn one(iam: &IamClient, name: &str) -> Result<Vec<types::InstanceProfile>, CallError> {
    let input = GetInstanceProfileInputBuilder::default().instance_profile_name(name);
    match iam.get_instance_profile(input).await {
        Ok(reply) => Ok(reply.instance_profile.into_iter().collect()),
        Err(error) if error.not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn all(iam: &IamClient, prefix: Option<&str>) -> Result<Vec<types::InstanceProfile>, CallError> {
    let mut input = ListInstanceProfilesInputBuilder::default().set_path_prefix(prefix.map(str::to_string));
    let mut all = Vec::new();
    loop {
        let page = iam.list_instance_profiles(input.clone()).await?;
        all.extend(page.instance_profiles);
        match page.marker.filter(|_| page.is_truncated) {
            Some(marker) => input = input.marker(marker),
            None => return Ok(all),
        }
    }
}
