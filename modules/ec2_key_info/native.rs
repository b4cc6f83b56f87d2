//! ec2_key_info: tell what key pairs there are.

use crate::cloud::kinds::KeyPair;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info, values};

/// The run's one listing of DescribeKeyPairs, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<KeyPair> {
        returns: "keypairs",
        ids: &[("names", "key-name"), ("ids", "key-pair-id")],
        table: |account| &account.key_pairs,
        value: values::key_pair,
    }))
}
