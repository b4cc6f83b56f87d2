//! ec2_vpc_net_info: tell what VPCs there are.

use crate::cloud::kinds::Vpc;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Vpc> {
        returns: "vpcs",
        ids: &[("vpc_ids", "vpc-id")],
        table: |account| &account.vpcs,
        value: values::vpc,
    }))
}
