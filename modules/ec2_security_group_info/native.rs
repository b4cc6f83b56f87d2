//! ec2_security_group_info: tell what security groups there are.

use crate::cloud::kinds::SecurityGroup;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

/// The run's one listing of DescribeSecurityGroups, shared by all tasks; with ids or filters a call of its
/// own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<SecurityGroup> {
        returns: "security_groups",
        ids: &[("group_ids", "group-id")],
        table: |account| &account.security_groups,
        value: values::security_group,
    }))
}
