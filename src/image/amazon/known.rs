//! Which of Packer's options for amazon-ebs are carried out, which ask for what is so anyway, and which are refused.

use crate::base::{Map, Value};

/// Carried out.
pub const OPTIONS: &[&str] = &[
    "access_key",
    "ami_block_device_mappings",
    "ami_description",
    "ami_groups",
    "ami_name",
    "ami_org_arns",
    "ami_ou_arns",
    "ami_regions",
    "ami_users",
    "ami_virtualization_type",
    "associate_public_ip_address",
    "assume_role",
    "availability_zone",
    "aws_polling",
    "communicator",
    "custom_endpoint_ec2",
    "build_name",
    "deprecate_at",
    "deregistration_protection",
    "disable_stop_instance",
    "ebs_optimized",
    "ena_support",
    "enable_t2_unlimited",
    "enable_unlimited_credits",
    "encrypt_boot",
    "force_delete_snapshot",
    "force_deregister",
    "iam_instance_profile",
    "imds_support",
    "instance_type",
    "kms_key_id",
    "launch_block_device_mappings",
    "lifetime",
    "metadata_options",
    "name",
    "profile",
    "region",
    "region_kms_key_ids",
    "run_tag",
    "run_tags",
    "run_volume_tag",
    "run_volume_tags",
    "secret_key",
    "security_group_filter",
    "security_group_id",
    "security_group_ids",
    "shutdown_behavior",
    "skip_ami_run_tags",
    "skip_create_ami",
    "snapshot_groups",
    "snapshot_tag",
    "snapshot_tags",
    "snapshot_users",
    "source_ami",
    "source_ami_filter",
    "spot_instance_types",
    "spot_price",
    "sriov_support",
    "ssh_agent_auth",
    "ssh_bastion_host",
    "ssh_bastion_port",
    "ssh_bastion_private_key_file",
    "ssh_bastion_username",
    "ssh_host",
    "ssh_interface",
    "ssh_keypair_name",
    "ssh_port",
    "ssh_private_key_file",
    "ssh_timeout",
    "ssh_username",
    "ssh_wait_timeout",
    "subnet_filter",
    "subnet_id",
    "tag",
    "tags",
    "temporary_key_pair_name",
    "temporary_key_pair_type",
    "temporary_security_group_source_cidrs",
    "tenancy",
    "token",
    "user_data",
    "user_data_file",
    "vpc_filter",
    "vpc_id",
];

/// Accepted: what they ask for is so anyway, or is about a tool that is not used.
pub const IDLE: &[&str] = &[
    "decode_authorization_messages",
    "max_retries",
    "pause_before_connecting",
    // A session is tried until it answers.
    "pause_before_ssm",
    "skip_credential_validation",
    "skip_metadata_api_check",
    "skip_profile_validation",
    "skip_region_validation",
    "ssh_bastion_agent_auth",
    "ssh_clear_authorized_keys",
    "ssh_disable_agent_forwarding",
    "ssh_file_transfer_method",
    "ssh_handshake_attempts",
    "ssh_keep_alive_interval",
    "ssh_pty",
    "ssh_read_write_timeout",
    "temporary_key_pair_bits",
    "temporary_security_group_source_public_ip",
];

/// Packer has them; what to do here instead.
pub const REFUSED: &[(&str, &str)] = &[
    ("ami_product_codes", "give the finished image its codes with `aws ec2 modify-image-attribute`"),
    ("block_duration_minutes", "EC2 has no such instances any more"),
    ("boot_mode", "an image has the boot mode of its source"),
    ("capacity_reservation_group_arn", "an instance takes an open reservation that fits it"),
    ("capacity_reservation_id", "an instance takes an open reservation that fits it"),
    ("capacity_reservation_preference", "an instance takes an open reservation that fits it"),
    ("enable_nitro_enclave", "ask for enclaves where the image is launched (`enclave_options`)"),
    ("fast_launch", "it is about Windows, and images of it are not baked"),
    ("fleet_tag", "one instance is started, not a fleet; `run_tags` are on it"),
    ("fleet_tags", "one instance is started, not a fleet; `run_tags` are on it"),
    ("insecure_skip_tls_verify", "trust the certificate instead: AWS_CA_BUNDLE"),
    ("license_specifications", "name them in the image's launch template"),
    ("mfa_code", "name a `profile` with `mfa_serial`, or give session credentials in the environment"),
    ("no_ephemeral", "`no_device: true` in `launch_block_device_mappings` leaves a disk out"),
    ("placement", "`tenancy` and `availability_zone` say where the instance is placed"),
    ("session_manager_port", "ssh goes through the session itself: `ssh_interface: session_manager`"),
    ("shared_credentials_file", "set AWS_SHARED_CREDENTIALS_FILE"),
    ("skip_save_build_region", "bake in a region that may keep the image"),
    ("snapshot_copy_duration_minutes", "copies take the time that they take"),
    ("spot_allocation_strategy", "`spot_instance_types` are tried in turn"),
    ("spot_tag", "`run_tags` are on the instance"),
    ("spot_tags", "`run_tags` are on the instance"),
    ("ssh_bastion_certificate_file", "name it in ~/.ssh/config (CertificateFile)"),
    (
        "ssh_bastion_interactive",
        "nobody answers prompts during a bake: `ssh_bastion_private_key_file`, or an agent",
    ),
    ("ssh_bastion_password", "use a key: `ssh_bastion_private_key_file`"),
    ("ssh_certificate_file", "name it in ~/.ssh/config (CertificateFile)"),
    ("ssh_ciphers", "name them in ~/.ssh/config (Ciphers)"),
    ("ssh_key_exchange_algorithms", "name them in ~/.ssh/config (KexAlgorithms)"),
    ("ssh_local_tunnels", "name them in ~/.ssh/config (LocalForward)"),
    ("ssh_password", "use a key: `ssh_private_key_file`, or none for a temporary one"),
    ("ssh_proxy_host", "name it in ~/.ssh/config (ProxyCommand)"),
    ("ssh_proxy_password", "name a ProxyCommand in ~/.ssh/config"),
    ("ssh_proxy_port", "name a ProxyCommand in ~/.ssh/config"),
    ("ssh_proxy_username", "name a ProxyCommand in ~/.ssh/config"),
    ("ssh_remote_tunnels", "name them in ~/.ssh/config (RemoteForward)"),
    (
        "temporary_iam_instance_profile_policy_document",
        "name a profile that is there: `iam_instance_profile`",
    ),
    ("vault_aws_engine", "get the credentials before the bake: `credential_process` of a profile"),
];

/// What the options may have that are mappings, or lists of them.
const SECTIONS: &[(&[&str], &[&str])] = &[
    (&["source_ami_filter"], &["filters", "filter", "owners", "most_recent", "include_deprecated"]),
    (
        &["subnet_filter", "vpc_filter", "security_group_filter"],
        &["filters", "filter", "most_free", "random"],
    ),
    (&["filter"], &["name", "value", "values"]),
    (&["assume_role"], &["role_arn", "session_name", "external_id", "duration_seconds"]),
    (&["deregistration_protection"], &["enabled", "with_cooldown"]),
    (&["aws_polling"], &["delay_seconds", "max_attempts"]),
    (
        &["metadata_options"],
        &["http_endpoint", "http_tokens", "http_put_response_hop_limit", "instance_metadata_tags"],
    ),
    (
        &["launch_block_device_mappings", "ami_block_device_mappings"],
        &[
            "delete_on_termination",
            "device_name",
            "encrypted",
            "iops",
            "kms_key_id",
            "no_device",
            "snapshot_id",
            "throughput",
            "virtual_name",
            "volume_size",
            "volume_type",
        ],
    ),
    (&["tag", "run_tag", "run_volume_tag", "snapshot_tag"], &["key", "value"]),
];

/// What an option may have that is a mapping; empty for one that is none, or may have anything.
pub fn keys(option: &str) -> &'static [&'static str] {
    SECTIONS.iter().find(|(names, _)| names.contains(&option)).map_or(&[], |(_, keys)| keys)
}

/// A value that is the same as none: templates have options with a variable that is empty where nothing is wanted.
pub fn asks_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Str(text) => ["", "false"].contains(&&**text),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// An error names the first option that is not carried out.
pub fn check(options: &Map) -> Result<(), String> {
    for (key, value) in options.iter().filter_map(|(key, value)| Some((key.as_str()?, value))) {
        if OPTIONS.contains(&key) || IDLE.contains(&key) {
            continue;
        }
        if let Some((_, instead)) = REFUSED.iter().find(|(name, _)| *name == key) {
            if asks_nothing(value) {
                continue;
            }
            return Err(format!("the option `{key}` of amazon-ebs is not supported\nhint: {instead}"));
        }
        let near = crate::base::diag::nearest(key, OPTIONS.iter().copied());
        let hint = near.map_or_else(String::new, |n| format!("\nhint: did you mean `{n}`?"));
        return Err(format!("amazon-ebs has no option `{key}`{hint}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_carried_out_or_refused_by_name() {
        let read =
            |key: &str| check(&[(key, Value::from("x"))].into_iter().map(|(k, v)| (k.into(), v)).collect());
        assert_eq!(read("ami_name"), Ok(()));
        assert!(read("ami_nam").unwrap_err().contains("did you mean `ami_name`?"));
        assert!(read("ssh_bastion_certificate_file").unwrap_err().contains("CertificateFile"));
        assert!(read("ssh_bastion_interactive").unwrap_err().contains("ssh_bastion_private_key_file"));
        let none = |key: &str, value: Value| check(&[(key.into(), value)].into_iter().collect());
        assert_eq!(none("ami_product_codes", Value::from("")), Ok(()));
        assert_eq!(none("no_ephemeral", Value::from("false")), Ok(()));
        for option in
            ["ami_product_codes", "capacity_reservation_id", "spot_allocation_strategy", "fast_launch"]
        {
            assert!(read(option).unwrap_err().contains("is not supported\nhint: "), "{option}");
        }
        assert!(read("mfa_code").unwrap_err().contains("hint: name a `profile`"));
        let all = OPTIONS.iter().chain(IDLE).chain(REFUSED.iter().map(|(name, _)| name));
        let mut names: Vec<&str> = all.copied().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "an option stands in two lists");
    }
}
