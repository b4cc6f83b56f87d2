//! ec2_instance_info: tell what instances there are.

use crate::cloud::kinds::Instance;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Instance> {
        returns: "instances",
        ids: &[("instance_ids", "instance-id")],
        table: |account| &account.instances,
        value: values::instance,
    }))
}
