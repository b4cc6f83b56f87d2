//! The provisioners of Ansible: what they upload, and what they are told.

use super::Case;
use serde_json::{Value, json};

fn template(kind: &str, options: Value) -> String {
    let mut step = json!({"type": kind, "playbook_file": "p/node.yml"});
    step.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let builders = json!([{"type": "amazon-ebs", "ssh_username": "admin"}]);
    json!({"builders": builders, "provisioners": [step]}).to_string()
}

fn read(kind: &str, options: Value) -> Result<Value, String> {
    let text = Case::of(&[("t.json", &template(kind, options))]).playbook(&[], &[])?;
    let plays: Value = serde_yaml::from_str(&text).unwrap();
    Ok(plays[1].clone())
}

#[test]
fn a_playbook_is_told_of_the_build() {
    let own = json!({"packer_build_name": "{{ fitout_image.build }}", "packer_builder_type": "amazon-ebs"});
    assert_eq!(read("ansible", json!({})).unwrap()["vars"], own);
    let said = json!({"extra_arguments": ["-e", "packer_build_name=mine", "--scp-extra-args", "-O", ""]});
    let vars = read("ansible-local", said).unwrap()["vars"].clone();
    assert_eq!((&vars["packer_build_name"], &vars["packer_http_addr"]), (&json!("mine"), &json!("")));
}

#[test]
fn what_cannot_be_carried_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("group_vars")).unwrap();
    let folder = folder.path().to_str().unwrap();
    for (kind, options, said) in [
        ("ansible", json!({"user": "someone"}), "the login is the builder's `admin`"),
        ("ansible", json!({"inventory_directory": folder}), "its group_vars are not read"),
        (
            "ansible",
            json!({"ansible_env_vars": ["ANSIBLE_ROLES_PATH=x"]}),
            "ANSIBLE_ROLES_PATH is not supported",
        ),
        ("ansible-local", json!({"group_vars": "no/such"}), "group_vars: `no/such` is no folder"),
        ("ansible-local", json!({"role_paths": ["no/such"]}), "role_paths: `no/such` is no folder"),
        ("ansible-local", json!({"playbook_dir": "no/such"}), "playbook_dir: `no/such` is no folder"),
        (
            "ansible-local",
            json!({"playbook_file": "", "playbook_files": ["src/main.yml"], "group_vars": folder}),
            "src/main.yml` is not there",
        ),
    ] {
        let error = read(kind, options).unwrap_err();
        assert!(error.contains(said) && error.contains("t.json:1:"), "{said}: {error}");
    }
    assert!(read("ansible", json!({"user": "admin", "ansible_env_vars": "ANSIBLE_NOCOLOR=1"})).is_ok());
}

#[test]
fn lists_may_be_texts_with_commas() {
    let options = json!({"playbook_file": "", "playbook_files": "a.yml,b.yml"});
    let text = Case::of(&[("t.json", &template("ansible-local", options))]).playbook(&[], &[]).unwrap();
    assert!(text.contains("/a.yml") && text.contains("/b.yml") && !text.contains("a.yml,b"), "{text}");
}
