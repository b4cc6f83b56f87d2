//! Instances as the module `ec2` of Ansible 2 returned them: what playbooks of its time read.

use crate::base::{Key, List, Map, Value};
use crate::modules::cloud::Cx;
use crate::modules::{ArgsExt, has_unknown};

/// The task's return values, told in the way of the name that it is called by.
pub fn told(cx: &Cx<'_>, mut result: Map) -> Map {
    if !cx.args.bool("as_old") {
        return result;
    }
    for name in ["instances", "tagged_instances"] {
        let Some(instances) = result.get(name).and_then(Value::as_list) else { continue };
        let instances: List =
            instances.iter().map(|i| i.as_map().map_or_else(|| i.clone(), instance)).collect();
        result.insert(name.into(), instances.into());
    }
    result
}

/// With what has another shape today in its former one, and what has another name by its former name, too.
fn instance(now: &Map) -> Value {
    let of = |outer: &str, name: &str| match now.get(outer) {
        Some(open) if has_unknown(open) => open.clone(),
        outer => outer.and_then(|o| o.get(name)).cloned().unwrap_or_default(),
    };
    let zone = of("placement", "availability_zone");
    let region =
        zone.as_str().map(|zone| Value::from(zone.trim_end_matches(|c: char| c.is_ascii_lowercase())));
    let pairs = |name: &str, pair: &dyn Fn(&Value) -> Option<(Key, Value)>| match now.get(name) {
        Some(Value::List(list)) => Value::from(list.iter().filter_map(pair).collect::<Map>()),
        other => other.cloned().unwrap_or_default(),
    };
    let group = |g: &Value| {
        let id = g.get("group_id")?.as_str()?;
        Some((id.into(), g.get("group_name").cloned().unwrap_or_default()))
    };
    let volume = |b: &Value| {
        let member = |name: &str| b.get("ebs").and_then(|e| e.get(name)).cloned().unwrap_or_default();
        let told = crate::record! {
            "status" => member("status"),
            "volume_id" => member("volume_id"),
            "delete_on_termination" => member("delete_on_termination"),
        };
        Some((b.get("device_name")?.as_str()?.into(), told.into()))
    };
    let mut old = now.clone();
    old.extend(crate::record! {
        "dns_name" => now.get("public_dns_name").cloned(),
        "state" => of("state", "name"),
        "state_code" => of("state", "code"),
        "tenancy" => of("placement", "tenancy"),
        "region" => region.unwrap_or_else(|| zone.clone()),
        "placement" => zone,
        "groups" => pairs("security_groups", &group),
        "block_device_mapping" => pairs("block_device_mappings", &volume),
    });
    old.into()
}
