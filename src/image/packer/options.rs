//! Which options of which parts are carried out, which need nothing here, and the refusal of the rest.

use super::super::amazon;
use super::model::{Part, Setting};
use crate::base::{Diag, Diags, Value};

struct Known {
    kind: &'static str,
    /// Carried out.
    options: &'static [&'static str],
    /// Accepted: what they ask for is so anyway, or is about a tool that is not used.
    idle: &'static [&'static str],
}

/// Options that every provisioner has.
const ANY_PROVISIONER: &[&str] = &["pause_before", "max_retries", "timeout", "name"];

const BUILDERS: &[Known] =
    &[Known { kind: "amazon-ebs", options: amazon::known::OPTIONS, idle: amazon::known::IDLE }];

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
        options: &[
            "playbook_file",
            "groups",
            "extra_arguments",
            "user",
            "host_alias",
            "ansible_env_vars",
            "inventory_directory",
        ],
        idle: &[
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
            "empty_groups",
            "adapter_key_type",
            "ansible_proxy_key_type",
            "ansible_ssh_extra_args",
        ],
    },
    Known {
        kind: "ansible-local",
        options: &[
            "playbook_file",
            "playbook_files",
            "playbook_dir",
            "inventory_groups",
            "extra_arguments",
            "role_paths",
            "group_vars",
            "host_vars",
            "playbook_paths",
        ],
        idle: &["staging_directory", "clean_staging_directory", "command"],
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
            if what == "builder" {
                nested(name, setting, &setting.value, diags);
            }
            continue;
        }
        let message = format!("the option `{name}` of the {what} `{}` is not supported", part.kind);
        let diag = Diag::error("packer-unsupported", setting.span, message);
        let refused = amazon::known::REFUSED.iter().find(|(n, _)| *n == name && what == "builder");
        if refused.is_some() && amazon::known::asks_nothing(&setting.value) {
            continue;
        }
        diags.push(match refused {
            Some((_, instead)) => diag.hint(*instead),
            None => diag.did_you_mean(name, known.options.iter().copied().chain(more.iter().copied())),
        });
    }
}

/// What an option's mapping has that the option does not.
fn nested(option: &str, setting: &Setting, value: &Value, diags: &mut Diags) {
    let known = amazon::known::keys(option);
    match value {
        Value::List(items) => items.iter().for_each(|item| nested(option, setting, item, diags)),
        Value::Map(map) if !known.is_empty() => {
            for (key, inner) in map.iter() {
                let name = key.to_string();
                if known.contains(&name.as_str()) {
                    nested(&name, setting, inner, diags);
                    continue;
                }
                let message = format!("`{name}` of `{option}` is not supported");
                let diag = Diag::error("packer-unsupported", setting.span, message);
                diags.push(diag.did_you_mean(&name, known.iter().copied()));
            }
        }
        _ => {}
    }
}
