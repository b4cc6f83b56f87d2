//! ec2_instance_info: tell what instances there are.

use crate::cloud::kinds::Instance;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

/// The run's one listing of DescribeInstances, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Instance> {
        returns: "instances",
        ids: &[("instance_ids", "instance-id")],
        table: |account| &account.instances,
        value: values::instance,
    }))
}
