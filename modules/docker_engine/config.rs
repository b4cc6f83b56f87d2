//! daemon.json: merged key by key, and what a change of it asks of the engine.

use crate::base::{Map, Value};
use crate::modules::Failure;
use serde_json::{Map as Object, Value as Json};

/// Keys that the engine takes over when it is reloaded; all others ask for a restart.
const RELOADED: [&str; 17] = [
    "allow-nondistributable-artifacts",
    "authorization-plugins",
    "cluster-advertise",
    "cluster-store",
    "cluster-store-opts",
    "debug",
    "default-runtime",
    "features",
    "insecure-registries",
    "labels",
    "live-restore",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "registry-mirrors",
    "runtimes",
    "shutdown-timeout",
];

/// A configuration and how it differs from the one before.
pub struct Merged {
    pub config: Json,
    /// Top-level keys that changed.
    pub changed: Vec<String>,
}

impl Merged {
    pub fn reload_is_enough(&self) -> bool {
        self.changed.iter().all(|key| RELOADED.contains(&key.as_str()))
    }

    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.config).unwrap_or_default() + "\n"
    }
}

/// # Errors
/// What is there is no JSON object: it is never overwritten.
pub fn merge(text: &str, path: &str, wanted: &Map, purge: &[&str]) -> Result<Merged, Failure> {
    let was = match text.trim() {
        "" => Json::Object(Object::new()),
        text => serde_json::from_str(text).map_err(|e| {
            Failure::new(format!(
                "{path} is not valid JSON ({e}); it is left as it is\nhint: repair or remove it"
            ))
        })?,
    };
    if !was.is_object() {
        return Err(Failure::new(format!("{path} does not hold a JSON object; it is left as it is")));
    }
    let mut config = was.clone();
    for key in purge {
        remove(&mut config, &key.split('.').collect::<Vec<_>>());
    }
    overlay(&mut config, &Value::from(wanted.clone()).to_json());
    let keys =
        |json: &Json| json.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut all = keys(&was);
    all.extend(keys(&config).into_iter().filter(|k| !was.as_object().is_some_and(|o| o.contains_key(k))));
    let changed = all.into_iter().filter(|k| was.get(k) != config.get(k)).collect();
    Ok(Merged { config, changed })
}

fn overlay(is: &mut Json, wanted: &Json) {
    match (is, wanted) {
        (Json::Object(is), Json::Object(wanted)) => {
            for (key, value) in wanted {
                overlay(is.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (is, wanted) => *is = wanted.clone(),
    }
}

fn remove(json: &mut Json, path: &[&str]) {
    let (Some(object), [first, rest @ ..]) = (json.as_object_mut(), path) else { return };
    if rest.is_empty() {
        object.shift_remove(*first);
    } else if let Some(inner) = object.get_mut(*first) {
        remove(inner, rest);
        if inner.as_object().is_some_and(Object::is_empty) {
            object.shift_remove(*first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str, wanted: &str, purge: &[&str]) -> Merged {
        let yaml: serde_yaml::Value = serde_yaml::from_str(wanted).unwrap();
        let wanted = crate::spec::from_yaml(&yaml).as_map().cloned().unwrap_or_default();
        merge(text, "/f", &wanted, purge).unwrap_or_else(|f| panic!("{}", f.message))
    }

    #[test]
    fn what_is_not_named_stays() {
        let was = r#"{"dns": ["1.1.1.1"], "log-opts": {"max-size": "5m", "tag": "x"}, "debug": true}"#;
        let got = merged(was, "{log-opts: {max-size: 10m}, live-restore: true}", &[]);
        let expected = serde_json::json!({"dns": ["1.1.1.1"], "log-opts": {"max-size": "10m", "tag": "x"}, "debug": true, "live-restore": true});
        assert_eq!(got.config, expected);
        assert_eq!(got.changed, ["log-opts", "live-restore"]);
        assert!(!got.reload_is_enough());
    }

    #[test]
    fn purged_keys_go_and_empty_mappings_with_them() {
        let got = merged(
            r#"{"a": {"b": 1}, "c": {"d": 1, "e": 2}, "debug": true}"#,
            "{}",
            &["a.b", "c.d", "debug", "none"],
        );
        assert_eq!(got.config, serde_json::json!({"c": {"e": 2}}));
        assert_eq!(got.changed, ["a", "c", "debug"]);
    }

    #[test]
    fn the_same_in_another_order_or_spacing_is_no_change() {
        let got = merged(
            "{\n \"debug\":true,\"max-concurrent-downloads\": 3}",
            "{max-concurrent-downloads: 3}",
            &[],
        );
        assert!(got.changed.is_empty());
        assert!(merged("", "{}", &[]).changed.is_empty());
    }

    #[test]
    fn reloaded_or_restarted() {
        assert!(merged("{}", "{debug: true, registry-mirrors: [a]}", &[]).reload_is_enough());
        assert!(!merged("{}", "{debug: true, storage-driver: vfs}", &[]).reload_is_enough());
    }

    #[test]
    fn a_broken_file_is_never_overwritten() {
        let said = merge("{\"a\": 1,}", "/etc/docker/daemon.json", &Map::new(), &[])
            .map(|_| ())
            .unwrap_err()
            .message;
        assert!(
            said.contains("/etc/docker/daemon.json is not valid JSON") && said.contains("line 1"),
            "{said}"
        );
        assert!(merge("[]", "/f", &Map::new(), &[]).is_err());
    }
}
