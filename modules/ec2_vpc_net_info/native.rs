//! ec2_vpc_net_info: tell what VPCs there are.

use crate::cloud::kinds::Vpc;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

/// The run's one listing of DescribeVpcs, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Vpc> {
        returns: "vpcs",
        ids: &[("vpc_ids", "vpc-id")],
        table: |account| &account.vpcs,
        value: values::vpc,
    }))
}
