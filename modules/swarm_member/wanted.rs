//! The argument `members` as types.

use crate::base::{Map, Value};
use crate::modules::swarm::members::Wanted;
use crate::modules::{Args, ArgsExt, Failure};
use crate::spec::{to_bool, to_text};

/// # Errors
/// A member without a name, or with a word that is none of those a field may have.
pub fn read(args: &Args) -> Result<Vec<Wanted>, Failure> {
    let members: Vec<Wanted> =
        args.items("members").iter().map(|m| member(m, args.str("zone_label"))).collect::<Result<_, _>>()?;
    for (index, member) in members.iter().enumerate() {
        if members[..index].iter().any(|m| m.name == member.name) {
            return Err(Failure::new(format!(
                "{} is in `members` twice; a host is a manager or a worker",
                member.name
            )));
        }
    }
    Ok(members)
}

fn member(value: &Value, zone_label: &str) -> Result<Wanted, Failure> {
    let empty = Map::new();
    let map = value.as_map().unwrap_or(&empty);
    let field = |name: &str| map.get(name).filter(|v| !v.is_null()).map(to_text).filter(|t| !t.is_empty());
    let name = field("name").ok_or_else(|| Failure::new("a member needs a `name`"))?;
    let word = |key: &str, words: &[&str], default: &str| {
        let text = field(key).unwrap_or_else(|| default.to_string());
        match words.contains(&text.as_str()) {
            true => Ok(text),
            false => Err(Failure::new(format!("{name}: {key} is `{text}`, not one of {}", words.join(", ")))),
        }
    };
    let role = word("role", &["manager", "worker"], "worker")?;
    let state = word("state", &["present", "absent"], "present")?;
    let availability = word("availability", &["active", "pause", "drain", ""], "")?;
    let labels = map.get("labels").and_then(Value::as_map).into_iter().flatten();
    let mut wanted = Wanted {
        hostname: field("hostname"),
        manager: role == "manager",
        leaves: state == "absent",
        left: map.get("left").and_then(to_bool).unwrap_or(false),
        availability: Some(availability).filter(|a| !a.is_empty()),
        labels: labels.map(|(k, v)| (k.to_string(), to_text(v))).collect(),
        node_id: None,
        name,
    };
    if let Some(zone) = field("zone") {
        wanted.labels.insert(zone_label.to_string(), zone);
    }
    Ok(wanted)
}
