//! A swarm's options: what is given is merged into what it has, so what is not given stays.

use crate::base::Value;
use crate::modules::{Args, ArgsExt};
use crate::spec::to_text;
use serde_json::{Map, Value as Json, json};

/// Argument → place in the engine's specification. Those without a value are left as they are.
const FIELDS: &[(&str, &[&str])] = &[
    ("task_history_retention_limit", &["Orchestration", "TaskHistoryRetentionLimit"]),
    ("snapshot_interval", &["Raft", "SnapshotInterval"]),
    ("keep_old_snapshots", &["Raft", "KeepOldSnapshots"]),
    ("log_entries_for_slow_followers", &["Raft", "LogEntriesForSlowFollowers"]),
    ("heartbeat_tick", &["Raft", "HeartbeatTick"]),
    ("election_tick", &["Raft", "ElectionTick"]),
    ("dispatcher_heartbeat_period", &["Dispatcher", "HeartbeatPeriod"]),
    ("node_cert_expiry", &["CAConfig", "NodeCertExpiry"]),
    ("ca_force_rotate", &["CAConfig", "ForceRotate"]),
    ("signing_ca_cert", &["CAConfig", "SigningCACert"]),
    ("signing_ca_key", &["CAConfig", "SigningCAKey"]),
    ("autolock_managers", &["EncryptionConfig", "AutoLockManagers"]),
    ("name", &["Name"]),
    ("labels", &["Labels"]),
];

/// The options given, over `base`; with the names of those that differ. What the engine does not tell again (the CA's
/// key) is sent and never counts as a difference.
pub fn merged(args: &Args, base: &Json) -> (Json, Vec<&'static str>) {
    let mut spec = if base.is_object() { base.clone() } else { json!({}) };
    let mut differ = Vec::new();
    for (name, place) in FIELDS {
        let Some(wanted) = args.value(name).filter(|v| !v.is_null()).map(to_json) else { continue };
        let is = place.iter().fold(base, |at, key| &at[*key]);
        let hidden = name.starts_with("signing_ca");
        if *is != wanted && !hidden && !same_nothing(is, &wanted) {
            differ.push(*name);
        }
        set(&mut spec, place, wanted);
    }
    (spec, differ)
}

/// The engine leaves out what is zero, false or empty.
fn same_nothing(is: &Json, wanted: &Json) -> bool {
    is.is_null()
        && match wanted {
            Json::Bool(b) => !b,
            Json::Number(n) => n.as_i64() == Some(0),
            Json::Object(m) => m.is_empty(),
            Json::String(s) => s.is_empty(),
            _ => false,
        }
}

fn set(spec: &mut Json, place: &[&str], value: Json) {
    let [first, rest @ ..] = place else { return };
    if !spec.is_object() {
        *spec = Json::Object(Map::new());
    }
    let Some(map) = spec.as_object_mut() else { return };
    match rest {
        [] => {
            map.insert((*first).to_string(), value);
        }
        _ => set(map.entry((*first).to_string()).or_insert(Json::Null), rest, value),
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(i) => json!(i),
        Value::Secret(s) => json!(s.reveal().unwrap_or_default()),
        Value::Map(map) => {
            Json::Object(map.iter().map(|(k, v)| (k.to_string(), Json::String(to_text(v)))).collect())
        }
        other => Json::String(to_text(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Map as Args;

    fn args(pairs: &[(&str, Value)]) -> Args {
        pairs.iter().map(|(k, v)| ((*k).into(), v.clone())).collect()
    }

    #[test]
    fn what_is_not_given_stays() {
        let has = json!({"Name": "default", "Labels": {}, "Orchestration": {"TaskHistoryRetentionLimit": 5},
            "Raft": {"SnapshotInterval": 10000, "ElectionTick": 10}, "TaskDefaults": {}});
        let (spec, differ) = merged(&args(&[("election_tick", 20.into())]), &has);
        assert_eq!(differ, ["election_tick"]);
        assert_eq!(spec["Raft"], json!({"SnapshotInterval": 10000, "ElectionTick": 20}));
        assert_eq!(spec["Orchestration"], has["Orchestration"]);
        assert_eq!(spec["TaskDefaults"], json!({}));
    }

    #[test]
    fn what_is_so_is_no_difference() {
        let has = json!({"Labels": {"a": "1"}, "EncryptionConfig": {}, "Raft": {"ElectionTick": 10}});
        let labels: Value = [("a", Value::Int(1))].into_iter().collect();
        let given = args(&[
            ("labels", labels),
            ("autolock_managers", false.into()),
            ("election_tick", 10.into()),
            ("snapshot_interval", Value::Null),
        ]);
        assert_eq!(merged(&given, &has).1, [""; 0]);
        let nothing: Value = Value::from(Args::new());
        assert_eq!(
            merged(&args(&[("labels", nothing)]), &has).1,
            ["labels"],
            "labels given are all there are"
        );
    }

    #[test]
    fn a_fresh_swarm_gets_only_what_is_given() {
        let (spec, _) =
            merged(&args(&[("autolock_managers", true.into()), ("name", "x".into())]), &Json::Null);
        assert_eq!(spec, json!({"EncryptionConfig": {"AutoLockManagers": true}, "Name": "x"}));
    }
}
