//! `execute_command` of other forms than the usual ones.

use super::Case;
use serde_json::{Value, json};

fn read(kind: &str, step: &Value) -> Result<Value, String> {
    let mut step = step.clone();
    step["type"] = json!(kind);
    let template =
        json!({"variables": {"dir": "/w"}, "builders": [{"type": "amazon-ebs"}], "provisioners": [step]});
    let text = Case::of(&[("t.json", &template.to_string())]).playbook(&[], &[])?;
    let plays: Value = serde_yaml::from_str(&text).unwrap();
    Ok(plays[0]["tasks"].clone())
}

fn tasks(step: &Value) -> Value {
    read("shell", step).unwrap()
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
    // What may have switched the machine off is waited for before anything else is done on it.
    assert!(all[2].get("ansible.builtin.wait_for_connection").is_some(), "{all}");
    assert_eq!(all[3]["ansible.builtin.file"], json!({"path": path, "state": "absent"}));
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

#[test]
fn a_local_command_has_a_shell_or_is_refused() {
    let local = |command: Value| read("shell-local", &json!({"inline": ["x"], "execute_command": command}));
    let task = local(json!(["/bin/bash", "-c", "{{.Vars}} {{.Script}}"])).unwrap();
    assert_eq!(task[0]["ansible.builtin.shell"]["executable"], json!("/bin/bash"));
    assert!(local(json!(["python3", "{{.Script}}"])).unwrap_err().contains("execute_command of shell-local"));
    let only = |system: &str| read("shell-local", &json!({"inline": ["x"], "only_on": [system]})).unwrap();
    assert_eq!((only("darwin"), only("linux").as_array().unwrap().len()), (json!([]), 1));
    let odd =
        json!({"inline": ["x"], "execute_command": "nice {{.Vars}} {{.Path}}", "env_var_format": "%s=%s"});
    assert!(read("shell", &odd).unwrap_err().contains("`env_var_format` is not supported"));
}
