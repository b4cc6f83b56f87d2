//! Who may launch an image.

use crate::base::{List, Map, Value};
use crate::cloud::CallError;
use crate::cloud::ec2::{input::*, types};
use crate::modules::ArgsExt;
use crate::modules::cloud::Cx;
use crate::record;
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permissions {
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
    organisations: BTreeSet<String>,
    units: BTreeSet<String>,
}

impl Permissions {
    pub fn of(map: &Map) -> Permissions {
        let set = |name: &str| map.list(name).into_iter().map(str::to_string).collect();
        Permissions {
            users: set("user_ids"),
            groups: set("group_names"),
            organisations: set("org_arns"),
            units: set("org_unit_arns"),
        }
    }

    /// What is to be added and what removed.
    pub fn changes(&self, wanted: &Permissions) -> (Permissions, Permissions) {
        (wanted.without(self), self.without(wanted))
    }

    fn without(&self, other: &Permissions) -> Permissions {
        let less = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        Permissions {
            users: less(&self.users, &other.users),
            groups: less(&self.groups, &other.groups),
            organisations: less(&self.organisations, &other.organisations),
            units: less(&self.units, &other.units),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    pub fn rows(&self) -> Vec<&str> {
        let all = [&self.users, &self.groups, &self.organisations, &self.units];
        all.into_iter().flatten().map(String::as_str).collect()
    }

    /// As they are returned.
    pub fn told(&self) -> List {
        let named = |name: &'static str, all: &BTreeSet<String>| -> Vec<Value> {
            all.iter().map(|one| record! { name => one.as_str() }.into()).collect()
        };
        let all = [
            named("user_id", &self.users),
            named("group", &self.groups),
            named("organization_arn", &self.organisations),
            named("organizational_unit_arn", &self.units),
        ];
        all.into_iter().flatten().collect()
    }

    fn sdk(&self) -> Vec<types::LaunchPermission> {
        let new = types::LaunchPermission::builder;
        let mut all: Vec<_> = self.users.iter().map(|u| new().user_id(u).build()).collect();
        all.extend(self.groups.iter().map(|g| new().group(g.as_str().into()).build()));
        all.extend(self.organisations.iter().map(|o| new().organization_arn(o).build()));
        all.extend(self.units.iter().map(|u| new().organizational_unit_arn(u).build()));
        all
    }
}

pub async fn read(cx: &Cx<'_>, id: &str) -> Result<Permissions, CallError> {
    let input = DescribeImageAttributeInputBuilder::default()
        .image_id(id)
        .attribute(types::ImageAttributeName::LaunchPermission);
    let mut is = Permissions::default();
    for one in cx.account.ec2.describe_image_attribute(input).await?.launch_permissions() {
        is.users.extend(one.user_id().map(str::to_string));
        is.groups.extend(one.group().map(|g| g.as_str().to_string()));
        is.organisations.extend(one.organization_arn().map(str::to_string));
        is.units.extend(one.organizational_unit_arn().map(str::to_string));
    }
    Ok(is)
}

pub async fn write(cx: &Cx<'_>, id: &str, add: &Permissions, remove: &Permissions) -> Result<(), CallError> {
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let some = |p: &Permissions| (!p.is_empty()).then(|| p.sdk());
    let changes =
        types::LaunchPermissionModifications::builder().set_add(some(add)).set_remove(some(remove)).build();
    let input = ModifyImageAttributeInputBuilder::default().image_id(id).launch_permission(changes);
    cx.account.ec2.modify_image_attribute(input).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;

    fn permissions(yaml: &str) -> Permissions {
        let value = Value::from_json(&serde_yaml::from_str(yaml).unwrap());
        Permissions::of(value.as_map().unwrap())
    }

    #[test]
    fn only_the_difference_is_written() {
        let is = permissions("{user_ids: ['1', '2'], group_names: [all]}");
        let (add, remove) = is.changes(&permissions("{user_ids: ['2', '3']}"));
        assert_eq!((add.rows(), remove.rows()), (vec!["3"], vec!["1", "all"]));
        let (add, remove) = is.changes(&is.clone());
        assert!(add.is_empty() && remove.is_empty());
    }
}
