//! Which options of which parts are carried out, which need nothing here, and the refusal of the rest.

use super::model::Part;
use crate::base::{Diag, Diags};

struct Known {
    kind: &'static str,
    /// Carried out.
    options: &'static [&'static str],
    /// Accepted: what they ask for is so anyway, or is about a tool that is not used.
    idle: &'static [&'static str],
}

/// Options that every provisioner has.
const ANY_PROVISIONER: &[&str] = &["pause_before", "max_retries", "timeout", "name"];

const BUILDERS: &[Known] = &[Known {
    kind: "amazon-ebs",
    options: &[
        "access_key",
        "secret_key",
        "token",
        "profile",
        "region",
        "custom_endpoint_ec2",
        "assume_role",
        "aws_polling",
        "max_retries",
        "source_ami",
        "source_ami_filter",
        "instance_type",
        "iam_instance_profile",
        "vpc_id",
        "vpc_filter",
        "subnet_id",
        "subnet_filter",
        "security_group_id",
        "security_group_ids",
        "security_group_filter",
        "associate_public_ip_address",
        "availability_zone",
        "user_data",
        "user_data_file",
        "run_tags",
        "run_tag",
        "run_volume_tags",
        "run_volume_tag",
        "metadata_options",
        "temporary_security_group_source_cidrs",
        "temporary_security_group_source_public_ip",
        "shutdown_behavior",
        "ebs_optimized",
        "placement",
        "tenancy",
        "launch_block_device_mappings",
        "ami_block_device_mappings",
        "ami_name",
        "ami_description",
        "ami_virtualization_type",
        "ami_regions",
        "ami_users",
        "ami_groups",
        "ami_org_arns",
        "ami_ou_arns",
        "tags",
        "tag",
        "snapshot_tags",
        "snapshot_tag",
        "snapshot_users",
        "snapshot_groups",
        "encrypt_boot",
        "kms_key_id",
        "region_kms_key_ids",
        "force_deregister",
        "force_delete_snapshot",
        "ena_support",
        "sriov_support",
        "imds_support",
        "boot_mode",
        "deprecate_at",
        "deregistration_protection",
        "skip_create_ami",
        "skip_save_build_region",
        "communicator",
        "ssh_username",
        "ssh_port",
        "ssh_interface",
        "ssh_host",
        "ssh_timeout",
        "ssh_wait_timeout",
        "ssh_keypair_name",
        "ssh_private_key_file",
        "ssh_agent_auth",
        "temporary_key_pair_type",
        "temporary_key_pair_name",
        "ssh_bastion_host",
        "ssh_bastion_port",
        "ssh_bastion_username",
        "ssh_bastion_private_key_file",
        "name",
    ],
    idle: &[
        "ssh_pty",
        "ssh_handshake_attempts",
        "ssh_clear_authorized_keys",
        "skip_region_validation",
        "insecure_skip_tls_verify",
        "ssh_read_write_timeout",
        "ssh_keep_alive_interval",
        "pause_before_connecting",
        "temporary_key_pair_bits",
        "skip_credential_validation",
        "skip_metadata_api_check",
        "ssh_disable_agent_forwarding",
        "disable_stop_instance",
    ],
}];

const PROVISIONERS: &[Known] = &[
    Known {
        kind: "shell",
        options: &[
            "inline",
            "script",
            "scripts",
            "environment_vars",
            "env",
            "execute_command",
            "inline_shebang",
            "expect_disconnect",
            "valid_exit_codes",
            "remote_folder",
            "remote_file",
            "remote_path",
        ],
        idle: &["binary", "skip_clean", "start_retry_timeout", "use_env_var_file", "env_var_format"],
    },
    Known {
        kind: "shell-local",
        options: &[
            "inline",
            "script",
            "scripts",
            "command",
            "environment_vars",
            "env",
            "inline_shebang",
            "execute_command",
            "valid_exit_codes",
        ],
        idle: &["only_on", "tempfile_extension", "use_linux_pathing", "env_var_format"],
    },
    Known {
        kind: "file",
        options: &["source", "sources", "destination", "direction", "content"],
        idle: &["generated"],
    },
    Known {
        kind: "ansible",
        options: &["playbook_file", "groups", "extra_arguments", "user", "host_alias"],
        idle: &[
            "ansible_env_vars",
            "use_proxy",
            "keep_inventory_file",
            "local_port",
            "ssh_host_key_file",
            "ssh_authorized_key_file",
            "ssh_transfer_method",
            "sftp_command",
            "skip_version_check",
            "use_sftp",
            "command",
            "inventory_directory",
            "empty_groups",
            "adapter_key_type",
            "ansible_proxy_key_type",
            "ansible_ssh_extra_args",
        ],
    },
    Known {
        kind: "ansible-local",
        options: &["playbook_file", "playbook_files", "playbook_dir", "inventory_groups", "extra_arguments"],
        idle: &[
            "staging_directory",
            "clean_staging_directory",
            "command",
            "role_paths",
            "group_vars",
            "host_vars",
            "playbook_paths",
        ],
    },
    Known { kind: "breakpoint", options: &[], idle: &["disable", "note"] },
];

const POST_PROCESSORS: &[Known] = &[Known {
    kind: "manifest",
    options: &["output", "strip_path", "custom_data", "strip_time"],
    idle: &["keep_input_artifact"],
}];

/// Findings about what a template asks for and this program does not do.
pub fn check(builders: &[Part], provisioners: &[Part], post_processors: &[Part], diags: &mut Diags) {
    for part in builders {
        one(part, "builder", BUILDERS, &[], diags);
    }
    for part in provisioners {
        one(part, "provisioner", PROVISIONERS, ANY_PROVISIONER, diags);
    }
    for part in post_processors {
        one(part, "post-processor", POST_PROCESSORS, &["name"], diags);
    }
}

fn one(part: &Part, what: &str, all: &'static [Known], more: &[&str], diags: &mut Diags) {
    let kinds = || all.iter().map(|k| k.kind);
    let Some(known) = all.iter().find(|k| k.kind == part.kind) else {
        let message = format!("the {what} `{}` is not supported", part.kind);
        let diag = Diag::error("packer-unsupported", part.span, message);
        let supported = kinds().collect::<Vec<_>>().join(", ");
        diags.push(diag.did_you_mean(&part.kind, kinds()).hint(format!("supported: {supported}")));
        return;
    };
    for (name, setting) in &part.options {
        let name = name.as_str();
        if known.options.contains(&name) || known.idle.contains(&name) || more.contains(&name) {
            continue;
        }
        let message = format!("the option `{name}` of the {what} `{}` is not supported", part.kind);
        let diag = Diag::error("packer-unsupported", setting.span, message);
        diags.push(diag.did_you_mean(name, known.options.iter().copied().chain(more.iter().copied())));
    }
}
