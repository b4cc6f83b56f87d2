//! ec2_snapshot_info: tell what snapshots there are.

use crate::base::{List, Map, Value};
use crate::cloud::ec2::input::DescribeSnapshotsInputBuilder;
use crate::cloud::kinds_images::Snapshot;
use crate::modules::cloud::{self, CloudFuture, Cx, Info, Query};
use crate::modules::{ArgsExt, Behaviour};

/// The run's one listing of DescribeSnapshots (one's own), shared by all tasks; with ids or filters a call of
/// its own, and so with what selects others' snapshots.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Snapshots))
}

struct Snapshots;

const OWN: Info<Snapshot> = Info {
    returns: "snapshots",
    ids: &[("snapshot_ids", "snapshot-id")],
    table: |account| &account.snapshots,
    value: super::m_ec2_snapshot::shown,
};

/// Arguments by which others' snapshots are selected.
const OTHERS: [&str; 2] = ["owner_ids", "restorable_by_user_ids"];

impl Query for Snapshots {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        if !OTHERS.iter().any(|name| cx.args.has(name)) {
            return OWN.run(cx);
        }
        Box::pin(async move {
            if OTHERS.iter().chain(&["filters", "snapshot_ids"]).any(|name| cx.is_unknown(name)) {
                return Ok(Map::from_iter([("snapshots".into(), cx.unknown())]));
            }
            let given = |name: &str| -> Option<Vec<String>> {
                cx.args.has(name).then(|| cx.args.list(name).into_iter().map(str::to_string).collect())
            };
            let filters = cloud::filters(cx.args.map("filters"));
            let mut input = DescribeSnapshotsInputBuilder::default()
                .set_filters((!filters.is_empty()).then_some(filters))
                .set_owner_ids(given("owner_ids"))
                .set_restorable_by_user_ids(given("restorable_by_user_ids"));
            input = match given("snapshot_ids") {
                // Lists of ids and pages exclude each other.
                Some(ids) => input.set_snapshot_ids(Some(ids)),
                None => input.max_results(1000),
            };
            let mut all = List::new();
            loop {
                let page = cx.account.ec2.describe_snapshots(input.clone()).await?;
                let found = page.snapshots.unwrap_or_default();
                all.extend(found.iter().map(|s| Value::from(super::m_ec2_snapshot::shown(s))));
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => return Ok(Map::from_iter([("snapshots".into(), all.into())])),
                }
            }
        })
    }
}
