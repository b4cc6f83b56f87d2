//! ec2_eip_info: tell what elastic IPs there are.

use crate::cloud::kinds::Address;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info};

/// The run's one listing of DescribeAddresses, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Address> {
        returns: "addresses",
        ids: &[("allocation_ids", "allocation-id")],
        table: |account| &account.addresses,
        value: super::m_ec2_eip::shown,
    }))
}
