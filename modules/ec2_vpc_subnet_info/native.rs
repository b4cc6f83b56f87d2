//! ec2_vpc_subnet_info: tell what subnets there are.

use crate::cloud::kinds::Subnet;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

/// The run's one listing of DescribeSubnets, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Subnet> {
        returns: "subnets",
        ids: &[("subnet_ids", "subnet-id")],
        table: |account| &account.subnets,
        value: values::subnet,
    }))
}
