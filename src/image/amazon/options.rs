//! The builder's options, with Packer's names.

use crate::base::{Map, Value};
use crate::cloud::{Access, Tags};
use crate::spec::{to_bool, to_text};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One entry of `launch_block_device_mappings` or `ami_block_device_mappings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    pub device_name: String,
    pub volume_size: Option<i32>,
    pub volume_type: Option<String>,
    pub delete_on_termination: Option<bool>,
    pub encrypted: Option<bool>,
    pub kms_key_id: Option<String>,
    pub iops: Option<i32>,
    pub throughput: Option<i32>,
    pub snapshot_id: Option<String>,
    pub virtual_name: Option<String>,
    pub no_device: bool,
}

/// `source_ami_filter`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFilter {
    pub filters: BTreeMap<String, Vec<String>>,
    pub owners: Vec<String>,
    pub most_recent: bool,
}

/// All texts are final: templates are rendered before.
#[derive(Clone, Debug)]
pub struct Options {
    pub access: Access,
    pub name: String,
    pub source_ami: Option<String>,
    pub source_filter: Option<SourceFilter>,
    pub instance_type: String,
    pub profile: Option<String>,
    pub subnet_id: Option<String>,
    pub vpc_id: Option<String>,
    pub availability_zone: Option<String>,
    pub security_group_ids: Vec<String>,
    pub public_address: Option<bool>,
    pub user_data: Option<String>,
    pub run_tags: Tags,
    pub volume_tags: Tags,
    pub source_cidrs: Vec<String>,
    pub imds: Map,
    pub ebs_optimized: bool,
    pub launch_disks: Vec<Disk>,
    pub ami_disks: Vec<Disk>,
    pub ami_name: String,
    pub ami_description: String,
    pub regions: Vec<String>,
    pub users: Vec<String>,
    pub groups: Vec<String>,
    pub org_arns: Vec<String>,
    pub tags: Tags,
    pub snapshot_tags: Tags,
    pub snapshot_users: Vec<String>,
    pub encrypt: bool,
    pub kms_key: Option<String>,
    pub region_kms_keys: BTreeMap<String, String>,
    pub force_deregister: bool,
    pub force_delete_snapshot: bool,
    pub deprecate_at: Option<String>,
    pub ena_support: Option<bool>,
    pub imds_v2: bool,
    pub ssh_user: String,
    pub ssh_port: u16,
    pub ssh_interface: String,
    pub ssh_timeout: Duration,
    pub bastion: Option<String>,
    pub keypair_name: Option<String>,
    pub private_key_file: Option<PathBuf>,
    /// How long the instance may live before it ends itself.
    pub lifetime: Duration,
    /// How long to wait for the image.
    pub image_limit: Duration,
}

/// A duration as Packer writes it (`5m`), or seconds.
fn duration(map: &Map, name: &str, default: u64) -> Result<Duration, String> {
    let Some(value) = map.get(name).filter(|v| !v.is_null()) else { return Ok(Duration::from_secs(default)) };
    let text = to_text(value);
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => super::super::packer::seconds(&text).map_err(|e| format!("{name}: {e}"))?,
    };
    Ok(Duration::from_secs(seconds))
}

fn text(map: &Map, name: &str) -> Option<String> {
    map.get(name).filter(|v| !v.is_null()).map(to_text).filter(|t| !t.is_empty())
}

fn texts(map: &Map, name: &str) -> Vec<String> {
    match map.get(name) {
        Some(Value::List(items)) => items.iter().map(to_text).collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![to_text(one)],
    }
}

fn truth(map: &Map, name: &str) -> Result<Option<bool>, String> {
    let Some(value) = map.get(name).filter(|v| !v.is_null()) else { return Ok(None) };
    to_bool(value).map(Some).ok_or_else(|| format!("{name}: `{}` is not true or false", to_text(value)))
}

fn number(map: &Map, name: &str) -> Result<Option<i32>, String> {
    let Some(given) = text(map, name) else { return Ok(None) };
    given.parse().map(Some).map_err(|_| format!("{name}: `{given}` is no whole number"))
}

/// A mapping of tags; HCL also writes them as blocks with `key` and `value`.
fn tags(map: &Map, name: &str) -> Tags {
    let pairs = map.get(name).and_then(Value::as_map).into_iter().flatten();
    let mut tags: Tags = pairs.map(|(k, v)| (k.to_string(), to_text(v))).collect();
    let singular = name.strip_suffix('s').unwrap_or(name);
    for block in map.get(singular).and_then(Value::as_list).into_iter().flatten() {
        if let (Some(key), Some(value)) = (block.get("key"), block.get("value")) {
            tags.insert(to_text(key), to_text(value));
        }
    }
    tags
}

fn disks(map: &Map, name: &str) -> Result<Vec<Disk>, String> {
    let one = |value: &Value| {
        let map =
            value.as_map().ok_or_else(|| format!("{name}: each entry is a mapping with `device_name`"))?;
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
    map.get(name).and_then(Value::as_list).into_iter().flatten().map(one).collect()
}

fn filter(map: &Map) -> Result<Option<SourceFilter>, String> {
    let Some(given) = map.get("source_ami_filter").and_then(Value::as_map) else { return Ok(None) };
    let filters = given.get("filters").and_then(Value::as_map).into_iter().flatten();
    let values = |v: &Value| match v {
        Value::List(items) => items.iter().map(to_text).collect(),
        one => vec![to_text(one)],
    };
    Ok(Some(SourceFilter {
        filters: filters.map(|(k, v)| (k.to_string(), values(v))).collect(),
        owners: texts(given, "owners"),
        most_recent: truth(given, "most_recent")?.unwrap_or(false),
    }))
}

impl Options {
    pub fn new(map: &Map) -> Result<Options, String> {
        let need = |name: &str| text(map, name).ok_or_else(|| format!("amazon-ebs needs `{name}`"));
        let (source_ami, source_filter) = (text(map, "source_ami"), filter(map)?);
        if source_ami.is_none() && source_filter.is_none() {
            return Err("amazon-ebs needs `source_ami` or `source_ami_filter`".into());
        }
        let user_data = match text(map, "user_data_file") {
            Some(path) => {
                Some(std::fs::read_to_string(&path).map_err(|e| format!("user_data_file {path}: {e}"))?)
            }
            None => text(map, "user_data"),
        };
        let interface = text(map, "ssh_interface").unwrap_or_else(|| "public_ip".into());
        if !["public_ip", "private_ip", "public_dns", "private_dns", "session_manager"]
            .contains(&interface.as_str())
        {
            return Err(format!(
                "ssh_interface: `{interface}` is none of public_ip, private_ip, public_dns, private_dns, session_manager"
            ));
        }
        let mut groups = texts(map, "security_group_ids");
        groups.extend(text(map, "security_group_id"));
        let port = number(map, "ssh_port")?.unwrap_or(22);
        let bastion = text(map, "ssh_bastion_host").map(|host| {
            let user = text(map, "ssh_bastion_username").map(|u| format!("{u}@")).unwrap_or_default();
            let port = text(map, "ssh_bastion_port").map(|p| format!(":{p}")).unwrap_or_default();
            format!("{user}{host}{port}")
        });
        let polls = map.get("aws_polling").and_then(Value::as_map);
        let polls = polls.map(|p| (number(p, "delay_seconds"), number(p, "max_attempts")));
        let image_limit = match polls {
            Some((Ok(Some(delay)), Ok(Some(attempts)))) => {
                delay.unsigned_abs().saturating_mul(attempts.unsigned_abs())
            }
            _ => 4 * 3600,
        };
        let mut run_tags = tags(map, "run_tags");
        let ami_name = need("ami_name")?;
        run_tags.entry("Name".into()).or_insert_with(|| format!("bake {ami_name}"));
        Ok(Options {
            access: Access {
                profile: text(map, "profile"),
                region: text(map, "region"),
                access_key: text(map, "access_key"),
                secret_key: text(map, "secret_key"),
                session_token: text(map, "token"),
                endpoint: text(map, "custom_endpoint_ec2"),
                ca_bundle: None,
            },
            name: text(map, "name").unwrap_or_else(|| "amazon-ebs".into()),
            source_ami,
            source_filter,
            instance_type: need("instance_type")?,
            profile: text(map, "iam_instance_profile"),
            subnet_id: text(map, "subnet_id"),
            vpc_id: text(map, "vpc_id"),
            availability_zone: text(map, "availability_zone"),
            security_group_ids: groups,
            public_address: truth(map, "associate_public_ip_address")?,
            user_data,
            volume_tags: tags(map, "run_volume_tags"),
            run_tags,
            source_cidrs: texts(map, "temporary_security_group_source_cidrs"),
            imds: map.get("metadata_options").and_then(Value::as_map).cloned().unwrap_or_default(),
            ebs_optimized: truth(map, "ebs_optimized")?.unwrap_or(false),
            launch_disks: disks(map, "launch_block_device_mappings")?,
            ami_disks: disks(map, "ami_block_device_mappings")?,
            ami_name,
            ami_description: text(map, "ami_description").unwrap_or_default(),
            regions: texts(map, "ami_regions"),
            users: texts(map, "ami_users"),
            groups: texts(map, "ami_groups"),
            org_arns: texts(map, "ami_org_arns"),
            tags: tags(map, "tags"),
            snapshot_tags: tags(map, "snapshot_tags"),
            snapshot_users: texts(map, "snapshot_users"),
            encrypt: truth(map, "encrypt_boot")?.unwrap_or(false),
            kms_key: text(map, "kms_key_id"),
            region_kms_keys: tags(map, "region_kms_key_ids"),
            force_deregister: truth(map, "force_deregister")?.unwrap_or(false),
            force_delete_snapshot: truth(map, "force_delete_snapshot")?.unwrap_or(false),
            deprecate_at: text(map, "deprecate_at"),
            ena_support: truth(map, "ena_support")?,
            imds_v2: text(map, "imds_support").as_deref() == Some("v2.0"),
            ssh_user: need("ssh_username")?,
            ssh_port: u16::try_from(port).map_err(|_| format!("ssh_port: {port} is no port"))?,
            ssh_interface: interface,
            ssh_timeout: duration(
                map,
                if map.contains_key("ssh_timeout") { "ssh_timeout" } else { "ssh_wait_timeout" },
                300,
            )?,
            bastion,
            keypair_name: text(map, "ssh_keypair_name"),
            private_key_file: text(map, "ssh_private_key_file").map(PathBuf::from),
            lifetime: duration(map, "lifetime", 4 * 3600)?,
            image_limit: Duration::from_secs(image_limit.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(yaml: &str) -> Result<Options, String> {
        let json: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
        Options::new(Value::from_json(&json).as_map().unwrap())
    }

    const LEAST: &str = "source_ami: ami-1\ninstance_type: t3.micro\nssh_username: admin\nami_name: x\n";

    #[test]
    fn packers_words_are_understood() {
        let more = "aws_polling: {delay_seconds: 30, max_attempts: 100}\nssh_timeout: 10m\ntag: [{key: a, value: b}]\n\
                    ssh_bastion_host: b\nssh_bastion_username: u\nlaunch_block_device_mappings: [{device_name: xvda, volume_size: '8'}]\n";
        let read = options(&format!("{LEAST}{more}")).unwrap();
        assert_eq!(read.image_limit.as_secs(), 3000);
        assert_eq!(read.ssh_timeout.as_secs(), 600);
        assert_eq!(read.tags.get("a").map(String::as_str), Some("b"));
        assert_eq!(read.bastion.as_deref(), Some("u@b"));
        assert_eq!(read.launch_disks[0].volume_size, Some(8));
        assert_eq!(read.run_tags["Name"], "bake x");
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        for (yaml, said) in [
            ("instance_type: t3.micro".to_string(), "`source_ami`"),
            (LEAST.replace("ami_name: x\n", ""), "needs `ami_name`"),
            (format!("{LEAST}ssh_interface: lan\n"), "ssh_interface"),
            (format!("{LEAST}ebs_optimized: maybe\n"), "not true or false"),
            (format!("{LEAST}ssh_port: 70000\n"), "no port"),
            (format!("{LEAST}ssh_timeout: soon\n"), "ssh_timeout"),
            (format!("{LEAST}ami_block_device_mappings: [{{volume_size: 8}}]\n"), "`device_name` is missing"),
        ] {
            let error = options(&yaml).unwrap_err();
            assert!(error.contains(said), "{yaml}: {error}");
        }
    }
}
