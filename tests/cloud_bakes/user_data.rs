//! What a bake's user data is to an instance: put through cloud-init itself, as Debian has it.

use super::*;
use std::io::Write;

/// The configuration of all parts together, and the kinds of the other parts; `None`: cloud-init cannot be had here.
fn by_cloud_init(data: &str) -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = |script: &str| {
        let said = support::output(&mut Command::new(root.join("scripts").join(script)));
        said.status.success().then(|| String::from_utf8(said.stdout).unwrap().trim().to_string())
    };
    let folder = said("cloud-init.sh")?;
    let mut python = Command::new(said("cloud-python.sh").unwrap());
    python.arg(root.join("tests/cloud/user_data.py")).env("PYTHONPATH", folder);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(data.as_bytes()).unwrap();
    let merged = child.wait_with_output().unwrap();
    assert!(merged.status.success(), "{data}");
    Some(serde_json::from_slice(&merged.stdout).unwrap())
}

const CONFIG: &str = "#cloud-config\nbootcmd:\n  - [echo, theirs]\nruncmd: [true]\nssh_keys: {rsa_private: r}\nssh_deletekeys: false\n";
const SCRIPT: &str = "#!/bin/sh\necho hello\n";

#[test]
fn cloud_init_runs_the_timer_first_and_all_that_the_user_gave() {
    let world = world();
    let parts = format!(
        "Content-Type: multipart/mixed; boundary=\"b\"\nMIME-Version: 1.0\n\n--b\nContent-Type: text/cloud-config\n\n{CONFIG}\
         --b\nContent-Type: text/x-shellscript\n\n{SCRIPT}--b--\n"
    );
    let jinja = format!("## template: jinja\n{CONFIG}");
    let include = format!("#include\nfile://{}\n", world.place.write("more", CONFIG).display());
    // What is given, whether it has the configuration above, and what else cloud-init finds in it.
    for (n, (given, configures, others)) in [
        ("", false, json!([])),
        (CONFIG, true, json!([])),
        (SCRIPT, false, json!(["text/x-shellscript"])),
        (&parts, true, json!(["text/x-shellscript"])),
        (&jinja, false, json!(["text/jinja2"])),
        (&include, true, json!([])),
        ("#cloud-boothook\necho early\n", false, json!(["text/cloud-boothook"])),
    ]
    .into_iter()
    .enumerate()
    {
        let data = world.place.write("data", given);
        let option = format!("{{type: amazon-ebs, user_data_file: '{}',", data.display());
        let play = PLAY.replace("SOURCE", DEBIAN).replace("{type: amazon-ebs,", &option);
        world.playbook(&play);
        world.proxy.forget();
        seen(bake(&world, &format!("u{n}"), &[], &[("STUB_FAILS", "*machine look*")]))
            .is(1, &["bake: provisioning: "]);
        let run = world.calls().into_iter().find(|call| call.action == "RunInstances").unwrap();
        let sent = support::answers::user_data(&run.body);
        let Some(merged) = by_cloud_init(&sent) else {
            return println!("there is no cloud-init to be had here");
        };
        let (config, what) = (&merged["config"], format!("{sent}\n{merged}"));
        assert_eq!(merged["others"], others, "{what}");
        let timer = config["bootcmd"][0][2].as_str().unwrap_or_default();
        assert!(timer.contains("fitout-lifetime") && timer.contains("poweroff"), "{what}");
        let key = config["ssh_keys"]["ed25519_private"].as_str().unwrap_or_default();
        assert!(key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"), "{what}");
        let theirs = [
            &config["bootcmd"][1],
            &config["runcmd"],
            &config["ssh_keys"]["rsa_private"],
            &config["ssh_deletekeys"],
        ];
        let wanted = [json!(["echo", "theirs"]), json!([true]), json!("r"), json!(false)];
        match configures {
            true => assert_eq!(theirs.map(Value::clone), wanted, "{what}"),
            false => assert_eq!(config["bootcmd"].as_array().map(Vec::len), Some(1), "{what}"),
        }
    }
}
