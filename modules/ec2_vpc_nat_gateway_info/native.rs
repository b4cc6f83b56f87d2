//! ec2_vpc_nat_gateway_info: tell what NAT gateways there are.

use crate::cloud::kinds::NatGateway;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info};

/// The run's one listing of DescribeNatGateways, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<NatGateway> {
        returns: "result",
        ids: &[("nat_gateway_ids", "nat-gateway-id")],
        table: |account| &account.nat_gateways,
        value: super::m_ec2_vpc_nat_gateway::shown,
    }))
}
