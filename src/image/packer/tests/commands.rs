//! `execute_command` of other forms than the usual ones.

use super::Case;
use serde_json::{Value, json};

fn tasks(step: &Value) -> Value {
    let mut step = step.clone();
    step["type"] = json!("shell");
    let template =
        json!({"variables": {"dir": "/w"}, "builders": [{"type": "amazon-ebs"}], "provisioners": [step]});
    Case::of(&[("t.json", &template.to_string())]).yaml(&[], &[])[0]["tasks"].clone()
}

#[test]
fn a_command_with_arguments_is_carried_out_as_it_stands() {
    let all = tasks(&json!({
        "script": "s.sh", "remote_folder": "/var/tmp", "environment_vars": ["A=it's", "B={x"],
        "execute_command": "chmod +x {{ .Path }}; {{ .Vars }} {{ .Path }} {{user `dir`}}/v.json {{.SourceAMI}}",
        "valid_exit_codes": [0, 2], "expect_disconnect": true,
    }));
    let copy = &all[0]["ansible.builtin.copy"];
    assert!(copy["src"].as_str().unwrap().ends_with("/s.sh"), "{copy}");
    assert_eq!((&copy["dest"], &copy["mode"]), (&json!("/var/tmp/script_fitout.sh"), &json!("0755")));
    let own = "PACKER_BUILD_NAME=\"$PACKER_BUILD_NAME\" PACKER_BUILDER_TYPE=\"$PACKER_BUILDER_TYPE\"";
    let path = "/var/tmp/script_fitout.sh";
    let command = format!(
        "chmod +x {path}; {own} A='it'\"'\"'s' B='{{x' {path} /w/v.json {{{{ fitout_image.source.id }}}}"
    );
    assert_eq!(all[1]["ansible.builtin.shell"], json!({"cmd": command}));
    assert_eq!(all[1]["failed_when"], json!("packer_step.rc not in [0, 2]"));
    assert_eq!(all[2]["ansible.builtin.file"], json!({"path": path, "state": "absent"}));
    assert!(all[3].get("ansible.builtin.wait_for_connection").is_some(), "{all}");
}

#[test]
fn a_condition_is_the_shells() {
    let command = "if [[ a == *b* ]]; then sudo {{.Vars}} -S -E bash '{{.Path}}'; fi";
    let all = tasks(&json!({"inline": ["one", "two"], "remote_path": "/x.sh", "execute_command": command}));
    assert_eq!(all[0]["ansible.builtin.copy"]["content"], json!("#!/bin/sh -e\none\ntwo\n"));
    let run = &all[1]["ansible.builtin.shell"];
    assert_eq!(run["executable"], json!("/bin/bash"));
    assert!(run["cmd"].as_str().unwrap().ends_with("-S -E bash '/x.sh'; fi"), "{run}");
}
