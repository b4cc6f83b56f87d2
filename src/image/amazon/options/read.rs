//! The options' parts, as they are written.

use super::super::known;
use super::{Disk, NetworkFilter, SourceFilter};
use crate::base::{Map, Value};
use crate::cloud::{Role, Tags};
use crate::spec::{to_bool, to_text};
use std::collections::BTreeMap;
use std::time::Duration;

/// A duration as Packer writes it (`5m`), or seconds.
pub fn duration(map: &Map, name: &str, default: u64) -> Result<Duration, String> {
    let Some(value) = map.get(name).filter(|v| !v.is_null()) else { return Ok(Duration::from_secs(default)) };
    let text = to_text(value);
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => crate::image::packer::seconds(&text).map_err(|e| format!("{name}: {e}"))?,
    };
    Ok(Duration::from_secs(seconds))
}

pub fn text(map: &Map, name: &str) -> Option<String> {
    map.get(name).filter(|v| !v.is_null()).map(to_text).filter(|t| !t.is_empty())
}

/// A list, or one text with commas, as JSON templates have it in their variables; an empty text names nothing.
pub fn texts(map: &Map, name: &str) -> Vec<String> {
    match map.get(name) {
        Some(Value::List(items)) => items.iter().map(to_text).filter(|t| !t.is_empty()).collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => split(&to_text(one)),
    }
}

/// The parts between commas.
fn split(text: &str) -> Vec<String> {
    text.split(',').map(|part| part.trim().to_string()).filter(|part| !part.is_empty()).collect()
}

/// An empty text, as a variable's default has it, says nothing.
pub fn truth(map: &Map, name: &str) -> Result<Option<bool>, String> {
    let Some(value) = map.get(name).filter(|v| !v.is_null() && v.as_str() != Some("")) else {
        return Ok(None);
    };
    to_bool(value).map(Some).ok_or_else(|| format!("{name}: `{}` is not true or false", to_text(value)))
}

pub fn number(map: &Map, name: &str) -> Result<Option<i32>, String> {
    let Some(given) = text(map, name) else { return Ok(None) };
    given.parse().map(Some).map_err(|_| format!("{name}: `{given}` is no whole number"))
}

/// An option that is a mapping, whose keys are known.
pub fn section<'a>(map: &'a Map, name: &str) -> Result<Option<&'a Map>, String> {
    map.get(name).filter(|v| !v.is_null()).map(|given| keyed(given, name)).transpose()
}

/// A value as the mapping that an option of this name is, or is a list of.
fn keyed<'a>(given: &'a Value, name: &str) -> Result<&'a Map, String> {
    let known = known::keys(name);
    let there_are = known.join(", ");
    let given = given.as_map().ok_or_else(|| format!("{name}: it is a mapping with {there_are}"))?;
    match given.keys().find(|key| !key.as_str().is_some_and(|key| known.contains(&key))) {
        Some(key) => Err(format!("`{key}` of {name} is not supported; there are {there_are}")),
        None => Ok(given),
    }
}

/// A mapping of tags; HCL also writes them as blocks with `key` and `value`.
pub fn tags(map: &Map, name: &str) -> Result<Tags, String> {
    let given = map.get(name).filter(|v| !v.is_null());
    let given =
        given.map(|v| v.as_map().ok_or_else(|| format!("{name}: it is a mapping of tags"))).transpose()?;
    let mut tags: Tags = given.into_iter().flatten().map(|(k, v)| (k.to_string(), to_text(v))).collect();
    let singular = name.strip_suffix('s').unwrap_or(name);
    for block in map.get(singular).and_then(Value::as_list).into_iter().flatten() {
        match (block.get("key"), block.get("value")) {
            (Some(key), Some(value)) => drop(tags.insert(to_text(key), to_text(value))),
            _ => return Err(format!("{singular}: each has a `key` and a `value`")),
        }
    }
    Ok(tags)
}

pub fn disks(map: &Map, name: &str) -> Result<Vec<Disk>, String> {
    let one = |value: &Value| {
        let map = keyed(value, name)?;
        Ok(Disk {
            device_name: text(map, "device_name")
                .ok_or_else(|| format!("{name}: `device_name` is missing"))?,
            volume_size: number(map, "volume_size")?,
            volume_type: text(map, "volume_type"),
            delete_on_termination: truth(map, "delete_on_termination")?,
            encrypted: truth(map, "encrypted")?,
            kms_key_id: text(map, "kms_key_id"),
            iops: number(map, "iops")?,
            throughput: number(map, "throughput")?,
            snapshot_id: text(map, "snapshot_id"),
            virtual_name: text(map, "virtual_name"),
            no_device: truth(map, "no_device")?.unwrap_or(false),
        })
    };
    match map.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(disks)) => disks.iter().map(one).collect(),
        Some(disk) => Ok(vec![one(disk)?]),
    }
}

pub fn filter(map: &Map) -> Result<Option<SourceFilter>, String> {
    let Some(given) = section(map, "source_ami_filter")? else { return Ok(None) };
    Ok(Some(SourceFilter {
        filters: filters(given)?,
        owners: texts(given, "owners"),
        most_recent: truth(given, "most_recent")?.unwrap_or(false),
        deprecated: truth(given, "include_deprecated")?.unwrap_or(false),
    }))
}

pub fn network_filter(map: &Map, name: &str) -> Result<Option<NetworkFilter>, String> {
    let Some(given) = section(map, name)? else { return Ok(None) };
    let found = NetworkFilter {
        filters: filters(given)?,
        most_free: truth(given, "most_free")?.unwrap_or(false),
        random: truth(given, "random")?.unwrap_or(false),
    };
    Ok(Some(found).filter(|f| !f.filters.is_empty()))
}

/// A mapping of filters; HCL also writes them as blocks with `name` and `value`.
fn filters(given: &Map) -> Result<BTreeMap<String, Vec<String>>, String> {
    let pairs = given.get("filters").and_then(Value::as_map).into_iter().flatten();
    let mut all: BTreeMap<_, _> = pairs.map(|(k, v)| (k.to_string(), values(v))).collect();
    let blocks = match given.get("filter") {
        Some(Value::List(blocks)) => blocks.to_vec(),
        Some(Value::Null) | None => Vec::new(),
        Some(block) => vec![block.clone()],
    };
    for block in &blocks {
        keyed(block, "filter")?;
        let (Some(name), Some(value)) = (block.get("name"), block.get("value").or(block.get("values")))
        else {
            return Err("filter: each has a `name` and a `value`".into());
        };
        let name = to_text(name);
        // One would be lost.
        if all.insert(name.clone(), values(value)).is_some() {
            return Err(format!("filter: `{name}` is said twice; `values` takes several"));
        }
    }
    Ok(all)
}

pub fn values(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().map(to_text).collect(),
        one => vec![to_text(one)],
    }
}

/// A text that is one of these words.
pub fn word(map: &Map, name: &str, words: &[&str]) -> Result<String, String> {
    let given = text(map, name).unwrap_or_else(|| words.first().copied().unwrap_or_default().into());
    match words.contains(&given.as_str()) {
        true => Ok(given),
        false => Err(format!("{name}: `{given}` is none of {}", words.join(", "))),
    }
}

/// `assume_role`
pub fn role(map: &Map) -> Result<Option<Role>, String> {
    let Some(given) = section(map, "assume_role")? else { return Ok(None) };
    let seconds = number(given, "duration_seconds")?;
    Ok(Some(Role {
        arn: text(given, "role_arn").ok_or("assume_role: `role_arn` is missing")?,
        session: text(given, "session_name"),
        external_id: text(given, "external_id"),
        duration: seconds.map(|s| Duration::from_secs(s.unsigned_abs().into())),
    }))
}

/// The types to try in turn, and the most that is paid for spot capacity.
pub fn instance(map: &Map) -> Result<(Vec<String>, Option<String>), String> {
    let price = text(map, "spot_price").map(|p| if p == "auto" { String::new() } else { p });
    let types = texts(map, "spot_instance_types");
    match (types.is_empty(), text(map, "instance_type")) {
        (false, Some(_)) => {
            Err("`instance_type` and `spot_instance_types` are two ways to say the same".into())
        }
        (false, None) => Ok((types, price.or(Some(String::new())))),
        (true, one) => Ok((vec![one.ok_or("amazon-ebs needs `instance_type`")?], price)),
    }
}

/// ssh's option for a login through another machine, whose host key the user's known_hosts has.
pub fn bastion(map: &Map) -> Option<String> {
    let host = text(map, "ssh_bastion_host")?;
    let user = text(map, "ssh_bastion_username").map(|u| format!("{u}@")).unwrap_or_default();
    let port = text(map, "ssh_bastion_port");
    Some(match text(map, "ssh_bastion_private_key_file") {
        None => format!("ProxyJump={user}{host}{}", port.map(|p| format!(":{p}")).unwrap_or_default()),
        Some(key) => format!(
            "ProxyCommand=ssh -i {} -p {} -W [%h]:%p -- {}",
            shell_words::quote(&key),
            shell_words::quote(&port.unwrap_or_else(|| "22".into())),
            shell_words::quote(&format!("{user}{host}"))
        ),
    })
}

/// `deregistration_protection`, where it is enabled: whether with a cooldown.
pub fn protection(map: &Map) -> Result<Option<bool>, String> {
    let Some(given) = section(map, "deregistration_protection")? else { return Ok(None) };
    let enabled = truth(given, "enabled")?.unwrap_or(false);
    Ok(enabled.then_some(truth(given, "with_cooldown")?.unwrap_or(false)))
}

/// How long an image may take, by `aws_polling`; 4 hours where it says nothing.
pub fn polling(map: &Map) -> Result<Duration, String> {
    let Some(given) = section(map, "aws_polling")? else { return Ok(Duration::from_secs(4 * 3600)) };
    let delay = number(given, "delay_seconds")?.unwrap_or(15).unsigned_abs();
    let attempts = number(given, "max_attempts")?.unwrap_or(960).unsigned_abs();
    Ok(Duration::from_secs(u64::from(delay) * u64::from(attempts)))
}

/// `metadata_options`, as they are written.
pub fn metadata(map: &Map) -> Result<Map, String> {
    Ok(section(map, "metadata_options")?.cloned().unwrap_or_default())
}

/// Whether the image asks for version 2 of the metadata service: `imds_support`.
pub fn imds_v2(map: &Map) -> Result<bool, String> {
    Ok(text(map, "imds_support").is_some() && word(map, "imds_support", &["v2.0"])? == "v2.0")
}
