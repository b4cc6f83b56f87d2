//! ec2_eip_info: tell what elastic IPs there are.

use crate::cloud::kinds::Address;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info};

pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Address> {
        returns: "addresses",
        ids: &[("allocation_ids", "allocation-id")],
        table: |account| &account.addresses,
        value: super::m_ec2_eip::shown,
    }))
}
