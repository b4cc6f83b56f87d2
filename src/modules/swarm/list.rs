//! Lists of the engine's objects, as the info modules return them: filtered by the engine, short unless asked for all.

use super::http::{Request, escaped};
use super::value;
use crate::base::{Map, Value};
use crate::spec::to_text;
use serde_json::{Value as Json, json};

/// A list's request; filters are `name: value` or `name: [values]`, mappings (`label: {a: b}`) as `a=b`.
pub fn request(path: &str, filters: Option<&Map>) -> Request {
    let query =
        filters.filter(|f| !f.is_empty()).map(|f| format!("filters={}", escaped(&filter(f).to_string())));
    let joint = if path.contains('?') { '&' } else { '?' };
    Request::get(query.map_or_else(|| path.to_string(), |q| format!("{path}{joint}{q}")))
}

fn filter(filters: &Map) -> Json {
    let texts = |value: &Value| -> Vec<String> {
        match value {
            Value::List(items) => items.iter().map(to_text).collect(),
            Value::Map(map) => map.iter().map(|(k, v)| format!("{k}={}", to_text(v))).collect(),
            Value::Bool(b) => vec![b.to_string()],
            one => vec![to_text(one)],
        }
    };
    Json::Object(filters.iter().map(|(k, v)| (k.to_string(), json!(texts(v)))).collect())
}

/// The objects of an answer; of nodes, services and tasks only what a table would show, unless `all`. `nodes`: the engine's
/// list of them, for the names of those that tasks are on.
pub fn items(answer: &Json, kind: &str, all: bool, nodes: &Json) -> Value {
    let items = answer.as_array().into_iter().flatten();
    let one = |json: &Json| match (all, kind) {
        (false, "nodes") => value(&node(json)),
        (false, "services") => value(&service(json)),
        (false, "tasks") => value(&task(json, nodes)),
        _ => value(json),
    };
    Value::from(items.map(one).collect::<Vec<_>>())
}

fn node(json: &Json) -> Json {
    let manager = &json["ManagerStatus"];
    let leader = manager["Leader"].as_bool() == Some(true);
    json!({
        "ID": json["ID"],
        "Hostname": json["Description"]["Hostname"],
        "Status": json["Status"]["State"],
        "Availability": json["Spec"]["Availability"],
        "EngineVersion": json["Description"]["Engine"]["EngineVersion"],
        "ManagerStatus": if leader { json!("Leader") } else { manager["Reachability"].clone() },
    })
}

/// The replicas of a global service are as many as there are nodes for it, which the engine counts where it is asked to.
fn service(json: &Json) -> Json {
    let spec = &json["Spec"];
    let mode = spec["Mode"].as_object().and_then(|m| m.keys().next()).cloned();
    let replicas = match mode.as_deref() {
        Some("Replicated") => &spec["Mode"]["Replicated"]["Replicas"],
        _ => &json["ServiceStatus"]["DesiredTasks"],
    };
    json!({
        "ID": json["ID"],
        "Name": spec["Name"],
        "Mode": mode,
        "Replicas": replicas,
        "Image": spec["TaskTemplate"]["ContainerSpec"]["Image"],
        "Ports": spec["EndpointSpec"]["Ports"].as_array().cloned().unwrap_or_default(),
    })
}

fn task(json: &Json, nodes: &Json) -> Json {
    let node = nodes.as_array().into_iter().flatten().find(|n| n["ID"] == json["NodeID"]);
    json!({
        "ID": json["ID"],
        "ServiceID": json["ServiceID"],
        "ContainerID": json["Status"]["ContainerStatus"]["ContainerID"],
        "Node": node.map(|n| &n["Description"]["Hostname"]),
        "NodeID": json["NodeID"],
        "DesiredState": json["DesiredState"],
        "CurrentState": json["Status"]["State"],
        "Error": json["Status"]["Err"],
        "Image": json["Spec"]["ContainerSpec"]["Image"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_travel_as_the_engine_wants_them() {
        let map: Map =
            [("role", Value::from("manager")), ("label", [("a", "b")].into_iter().collect::<Value>())]
                .into_iter()
                .map(|(k, v)| (k.into(), v))
                .collect();
        assert_eq!(filter(&map), json!({"role": ["manager"], "label": ["a=b"]}));
        assert_eq!(request("/nodes", None).path, "/nodes");
        assert!(request("/a?b=1", Some(&map)).path.starts_with("/a?b=1&filters=%7B"));
    }

    #[test]
    fn keys_and_words_are_those_of_the_collection() {
        let nodes = json!([{"ID": "n1", "Description": {"Hostname": "a"}}]);
        let leader = json!({"ManagerStatus": {"Leader": true, "Reachability": "reachable"}});
        assert_eq!(node(&leader)["ManagerStatus"], "Leader");
        assert_eq!(
            node(&json!({"ManagerStatus": {"Reachability": "unreachable"}}))["ManagerStatus"],
            "unreachable"
        );
        // A worker has the key, and nothing in it.
        assert_eq!(node(&json!({})).get("ManagerStatus"), Some(&Json::Null));

        let replicated = service(
            &json!({"Spec": {"Mode": {"Replicated": {"Replicas": 3}}}, "ServiceStatus": {"DesiredTasks": 9}}),
        );
        assert_eq!((&replicated["Mode"], &replicated["Replicas"]), (&json!("Replicated"), &json!(3)));
        let global =
            service(&json!({"Spec": {"Mode": {"Global": {}}}, "ServiceStatus": {"DesiredTasks": 2}}));
        assert_eq!((&global["Mode"], &global["Replicas"]), (&json!("Global"), &json!(2)));

        let runs =
            json!({"NodeID": "n1", "Status": {"State": "running", "ContainerStatus": {"ContainerID": "c1"}}});
        let runs = task(&runs, &nodes);
        assert_eq!(
            (&runs["ContainerID"], &runs["Node"], &runs["Error"]),
            (&json!("c1"), &json!("a"), &Json::Null)
        );
        // One that waits for a node is on none, and has no container.
        let waits = task(&json!({"Status": {"State": "pending", "Err": "no suitable node"}}), &nodes);
        assert_eq!((&waits["ContainerID"], &waits["Node"]), (&Json::Null, &Json::Null));
        assert_eq!(waits["Error"], "no suitable node");
    }
}
