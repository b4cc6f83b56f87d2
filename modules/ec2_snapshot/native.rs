//! ec2_snapshot: a snapshot of a volume.

mod sharing;

use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds_images::Snapshot;
use crate::cloud::{Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, Verdict, find, values};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::record;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The truth is DescribeSnapshots of one's own, by id or by tags; of several the last one counts. Sizes are
/// GiB.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(SnapshotModule))
}

struct SnapshotModule;

/// What `apply` has to do; `Wait` until one that was begun earlier is complete.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// It is begun, and then shared with these.
    Create(sharing::Changes),
    /// Who may make volumes of it.
    Share(sharing::Changes),
    /// It is waited for.
    Wait,
    /// It is deleted.
    Remove,
}

/// The snapshot, and who may make volumes of it where the task says that.
pub struct Seen {
    snapshot: Option<Arc<types::Snapshot>>,
    sharers: sharing::Sharers,
}

impl Resource for SnapshotModule {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        let name = args.map("snapshot_tags").and_then(|tags| tags.opt_str("Name"));
        let device = args.opt_str("device_name");
        name.or(args.opt_str("snapshot_id"))
            .or(args.opt_str("volume_id"))
            .or(device)
            .unwrap_or_default()
            .to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Self::Seen> {
        Box::pin(async move {
            let snapshot = find_it(cx).await?;
            let sharers = match &snapshot {
                Some(it) if sharing::said(cx) && cx.args.str("state") == "present" => {
                    sharing::read(cx, Snapshot::id(it)).await?
                }
                _ => sharing::Sharers::new(),
            };
            Ok(Seen { snapshot, sharers })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Self::Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("snapshot of {}", self.key(cx.args));
        match (&seen.snapshot, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(snapshot), "absent") => {
                find::may_remove::<Snapshot>(cx, snapshot)?;
                Ok(Verdict::new(Attributes::delete(&what), Steps::Remove, returned(snapshot)))
            }
            (None, _) if cx.args.has("snapshot_id") => {
                let id = cx.args.str("snapshot_id");
                Err(Failure::new(format!("there is no snapshot {id} in {}", cx.account.region)))
            }
            (Some(snapshot), _) if cx.args.has("snapshot_id") || young(cx, snapshot) => {
                let mut attributes = Attributes::default();
                let changes = sharing::compare(cx, &seen.sharers, &mut attributes);
                if let Some(change) = attributes.change(&what) {
                    find::may_touch::<Snapshot>(cx, snapshot)?;
                    return Ok(Verdict::new(change, Steps::Share(changes), returned(snapshot)));
                }
                let pending = matches!(snapshot.state(), Some(types::SnapshotState::Pending));
                let steps = if pending && cx.args.bool("wait") { Steps::Wait } else { Steps::None };
                Ok(Verdict { change: None, steps, result: returned(snapshot), warnings: Vec::new() })
            }
            _ => {
                let mut attributes = Attributes::default();
                for name in ["volume_id", "instance_id", "device_name", "description"] {
                    attributes.wanted(name, cx.args.get(name).cloned().unwrap_or_default());
                }
                let foreseen = record! {
                    "snapshot_id" => cx.unknown(),
                    "volume_id" => cx.args.get("volume_id").cloned().unwrap_or_else(|| cx.unknown()),
                    "volume_size" => cx.unknown(),
                    "tags" => cloud::tags_value(&tags(cx)),
                };
                let predicted = cx.open(foreseen, returned(&types::Snapshot::builder().build()));
                let sharing = sharing::compare(cx, &sharing::Sharers::new(), &mut attributes);
                let mut change = attributes.create(&what);
                if let Some(last) = &seen.snapshot {
                    change.reason = format!("{what}: {}", why_another(cx, last));
                }
                Ok(Verdict::new(change, Steps::Create(sharing), predicted))
            }
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Self::Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, &seen.snapshot) {
                (Steps::Create(sharers), _) => {
                    let made = create(cx).await?;
                    sharing::write(cx, Snapshot::id(&made), sharers).await?;
                    finish(cx, &made).await
                }
                (Steps::Share(changes), Some(snapshot)) => {
                    sharing::write(cx, Snapshot::id(snapshot), changes).await?;
                    finish(cx, snapshot).await
                }
                (Steps::Wait, Some(snapshot)) => finish(cx, snapshot).await,
                (Steps::Remove, Some(snapshot)) => {
                    account.remove(&account.snapshots, Snapshot::id(snapshot)).await?;
                    Ok(returned(snapshot))
                }
                (_, Some(snapshot)) => Ok(returned(snapshot)),
                (_, None) => Ok(Map::new()),
            }
        })
    }

    fn waits(&self, steps: &Steps) -> bool {
        matches!(steps, Steps::Wait)
    }

    fn things(&self, seen: &Self::Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<Snapshot>(&seen.snapshot)
    }
}

/// By its id, or by the task's tags.
async fn find_it(cx: &Cx<'_>) -> Result<Option<Arc<types::Snapshot>>, Failure> {
    let all = cx.account.snapshots.all(&*cx.account.ec2).await?;
    if let Some(id) = cx.text("snapshot_id") {
        return Ok(all.into_iter().find(|s| s.snapshot_id() == Some(id)));
    }
    // Of those that the task made over time, the last one counts.
    let mine = all.into_iter().filter(|s| cx.identity.is(&Snapshot::tags(s)));
    Ok(mine.max_by_key(|s| s.start_time().map(|t| (t.secs(), t.subsec_nanos()))))
}

/// Young enough that no other is made. Without an age none is, as for Ansible's module.
fn young(cx: &Cx<'_>, snapshot: &types::Snapshot) -> bool {
    let limit = cx.args.int("last_snapshot_min_age");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let begun = snapshot.start_time().map_or(0, |t| t.secs());
    let age = i64::try_from(now.as_secs()).unwrap_or_default() - begun;
    limit > 0 && age <= limit * 60
}

fn why_another(cx: &Cx<'_>, last: &types::Snapshot) -> String {
    match cx.args.int("last_snapshot_min_age") {
        limit if limit > 0 => format!("the last one ({}) is older than {limit} min", Snapshot::id(last)),
        _ => "without `last_snapshot_min_age` every run makes another".into(),
    }
}

fn tags(cx: &Cx<'_>) -> Tags {
    cx.args.map("snapshot_tags").map(cloud::tags_of).unwrap_or_default()
}

async fn create(cx: &Cx<'_>) -> Result<Arc<types::Snapshot>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let input = CreateSnapshotInputBuilder::default()
        .volume_id(volume(cx).await?)
        .set_description(cx.text("description").map(str::to_string))
        .tag_specifications(op.specification(types::ResourceType::Snapshot, &tags(cx)));
    let send = || -> CallFuture<'_, types::Snapshot> {
        let input = input.clone();
        Box::pin(async move {
            let made = account.ec2.create_snapshot(input).await?;
            Ok(types::Snapshot::builder()
                .set_snapshot_id(made.snapshot_id)
                .set_volume_id(made.volume_id)
                .set_volume_size(made.volume_size)
                .set_description(made.description)
                .set_start_time(made.start_time)
                .set_tags(made.tags)
                .state(types::SnapshotState::Pending)
                .build())
        })
    };
    Ok(account.create(&account.snapshots, &op, &send).await?)
}

/// The volume that is named, or the one that an instance has under the name.
async fn volume(cx: &Cx<'_>) -> Result<String, Failure> {
    if let Some(id) = cx.text("volume_id") {
        return Ok(id.to_string());
    }
    let (id, device) = (cx.args.str("instance_id"), cx.args.str("device_name"));
    let account = &cx.account;
    let instance = account.instances.get_soon(&*account.ec2, &account.manner, id).await?;
    let instance =
        instance.ok_or_else(|| Failure::new(format!("there is no instance {id} in {}", account.region)))?;
    let mappings = instance.block_device_mappings();
    let found = mappings.iter().find(|m| m.device_name() == Some(device)).and_then(|m| m.ebs());
    found.and_then(|e| e.volume_id()).map(str::to_string).ok_or_else(|| {
        let there: Vec<&str> = mappings.iter().filter_map(|m| m.device_name()).collect();
        Failure::new(format!("the instance {id} has no volume {device}, but {}", there.join(", ")))
    })
}

async fn finish(cx: &Cx<'_>, snapshot: &types::Snapshot) -> Result<Map, Failure> {
    let account = &cx.account;
    let id = Snapshot::id(snapshot);
    if !cx.args.bool("wait") {
        return Ok(returned(snapshot));
    }
    let settled = |seen: Option<&Arc<types::Snapshot>>| {
        seen.filter(|s| !matches!(s.state(), Some(types::SnapshotState::Pending))).map(Arc::clone)
    };
    let limit = Duration::from_secs(cx.args.int("wait_timeout").max(1).unsigned_abs());
    let now = account.snapshots.until(&*account.ec2, &account.manner, id, limit, settled).await?;
    match now.state() {
        Some(types::SnapshotState::Completed) => Ok(returned(&now)),
        state => Err(Failure::new(format!(
            "the snapshot {id} became {}: {}",
            state.map(|s| s.as_str().to_string()).unwrap_or_default(),
            now.state_message().unwrap_or("no reason is given")
        ))),
    }
}

/// What the module returns: the snapshot, and in a list, as amazon.aws has it.
fn returned(snapshot: &types::Snapshot) -> Map {
    let mut map = shown(snapshot);
    let one: List = [Value::from(map.clone())].into_iter().collect();
    map.insert("snapshots".into(), one.into());
    map
}

/// A snapshot as `ec2_snapshot_info` returns it; `volume_size` is in GiB, the time ISO 8601 in UTC.
pub fn shown(snapshot: &types::Snapshot) -> Map {
    record! {
        "snapshot_id" => snapshot.snapshot_id(),
        "volume_id" => snapshot.volume_id(),
        "volume_size" => snapshot.volume_size(),
        "state" => values::word(snapshot.state()),
        "description" => snapshot.description(),
        "start_time" => snapshot.start_time().map(ToString::to_string),
        "progress" => snapshot.progress(),
        "state_message" => snapshot.state_message(),
        "storage_tier" => values::word(snapshot.storage_tier()),
        "encrypted" => snapshot.encrypted(),
        "kms_key_id" => snapshot.kms_key_id(),
        "data_encryption_key_id" => snapshot.data_encryption_key_id(),
        "owner_id" => snapshot.owner_id(),
        "tags" => values::tags(snapshot.tags()),
    }
}
