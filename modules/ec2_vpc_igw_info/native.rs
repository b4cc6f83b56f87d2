//! ec2_vpc_igw_info: tell what internet gateways there are.

use crate::cloud::kinds::InternetGateway;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

/// The run's one listing of DescribeInternetGateways, shared by all tasks; with ids or filters a call of its
/// own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<InternetGateway> {
        returns: "internet_gateways",
        ids: &[("internet_gateway_ids", "internet-gateway-id")],
        table: |account| &account.internet_gateways,
        value: values::internet_gateway,
    }))
}
