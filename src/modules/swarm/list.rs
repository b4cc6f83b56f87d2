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

/// The objects of an answer; of nodes, services and tasks only what a table would show, unless `all`.
pub fn items(answer: &Json, kind: &str, all: bool) -> Value {
    let items = answer.as_array().into_iter().flatten();
    let one = |json: &Json| match (all, kind) {
        (false, "nodes") => value(&node(json)),
        (false, "services") => value(&service(json)),
        (false, "tasks") => value(&task(json)),
        _ => value(json),
    };
    Value::from(items.map(one).collect::<Vec<_>>())
}

fn node(json: &Json) -> Json {
    let manager = &json["ManagerStatus"];
    let mut out = json!({
        "ID": json["ID"],
        "Hostname": json["Description"]["Hostname"],
        "Status": json["Status"]["State"],
        "Availability": json["Spec"]["Availability"],
        "EngineVersion": json["Description"]["Engine"]["EngineVersion"],
    });
    if !manager.is_null() {
        let leader = manager["Leader"].as_bool() == Some(true);
        out["ManagerStatus"] = if leader { json!("Leader") } else { manager["Reachability"].clone() };
    }
    out
}

fn service(json: &Json) -> Json {
    let spec = &json["Spec"];
    let global = spec["Mode"].get("Global").is_some();
    json!({
        "ID": json["ID"],
        "Name": spec["Name"],
        "Mode": if global { "global" } else { "replicated" },
        "Replicas": spec["Mode"]["Replicated"]["Replicas"],
        "Image": spec["TaskTemplate"]["ContainerSpec"]["Image"],
        "Ports": spec["EndpointSpec"]["Ports"].as_array().cloned().unwrap_or_default(),
    })
}

fn task(json: &Json) -> Json {
    json!({
        "ID": json["ID"],
        "ServiceID": json["ServiceID"],
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
}
