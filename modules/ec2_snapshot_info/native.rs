//! ec2_snapshot_info: tell what snapshots there are.

use crate::cloud::kinds_images::Snapshot;
use crate::modules::Behaviour;
use crate::modules::cloud::{self, Info};

/// The run's one listing of DescribeSnapshots (one's own), shared by all tasks; with ids or filters a call of
/// its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Info::<Snapshot> {
        returns: "snapshots",
        ids: &[("snapshot_ids", "snapshot-id")],
        table: |account| &account.snapshots,
        value: super::m_ec2_snapshot::shown,
    }))
}
