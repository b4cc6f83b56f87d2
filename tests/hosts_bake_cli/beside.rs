//! A bake beside Packer, where the machine has it: calls, time and what is left.

use super::*;

/// The same template for both programs.
const BESIDE: &str = r#"{
  "variables": {"endpoint": "{{env `AWS_ENDPOINT_URL`}}", "out": "x"},
  "builders": [{
    "type": "amazon-ebs", "region": "us-east-1", "custom_endpoint_ec2": "{{user `endpoint`}}",
    "skip_region_validation": true, "skip_metadata_api_check": true,
    "source_ami_filter": {"filters": {"name": "debian-12-amd64-*"}, "owners": ["136693071363"], "most_recent": true},
    "instance_type": "t3.micro", "ssh_username": "admin", "ami_name": "beside", "tags": {"role": "node"},
    "snapshot_tags": {"of": "node"}, "run_tags": {"for": "beside"}, "ami_regions": REGIONS,
    "temporary_security_group_source_cidrs": ["192.0.2.7/32"]
  }],
  "provisioners": [{"type": "shell", "inline": ["echo hi >/tmp/hi"]}]
}"#;

/// What a program left beside a finished image, and what it took.
struct Beside {
    code: Option<i32>,
    seconds: f64,
    calls: usize,
    left: Vec<String>,
}

/// Packer, where the machine has it (Debian's package `packer`).
fn packer() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("packer")).find(|file| file.is_file())?;
    let said = Command::new(&found).arg("version").output().ok()?;
    String::from_utf8_lossy(&said.stdout).starts_with("Packer v1.").then_some(found)
}

fn beside(answers: &Answers, packer: Option<&Path>, case: &str) -> Beside {
    let mut world = World::default();
    world.unchecked = true;
    answers.stand_for_instances(&world);
    world.place.write("address", "192.0.2.7\n");
    let regions = if case == "copy" { "[\"eu-west-1\", \"eu-central-1\"]" } else { "[]" };
    world.place.write("t.json", &BESIDE.replace("REGIONS", regions));
    match case {
        "RunInstances" | "CreateImage" => world.proxy.fault(case, Fault::ReplyLost, 1),
        "terminate" => world.proxy.fault("TerminateInstances", Fault::Denied, 99),
        "copy" => world.proxy.fault_after("CopyImage", 1, Fault::Denied, 99),
        "interrupt" => world.settings(&json!({"delays": {"image.pending": 20}})),
        _ => {}
    }
    let mut command = match packer {
        None => bake(&world, &["t.json"]),
        Some(packer) => {
            let like = world.command(&[]);
            // Whoever started the tests may have had signals ignored, and Packer keeps it so.
            let mut command = Command::new("env");
            command.arg("--default-signal=INT").arg(packer);
            command.args(["build", "-color=false", "t.json"]).current_dir(world.place.path());
            command.envs(like.get_envs().filter_map(|(k, v)| Some((k, v?)))).env("CHECKPOINT_DISABLE", "1");
            command
        }
    };
    // As on a terminal a signal reaches all of its processes: Packer works in a second one.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let began = std::time::Instant::now();
    let mut child =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    if case == "interrupt" {
        while world.times("CreateImage") == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before the image");
            std::thread::yield_now();
        }
        rustix::process::kill_process_group(rustix::process::Pid::from_child(&child), Signal::INT).unwrap();
    }
    let code = child.wait().unwrap().code();
    let seconds = began.elapsed().as_secs_f64();
    world.proxy.clear();
    let all = world.say("inventory", &json!({}));
    let wanted = if code == Some(0) { vec!["image", "snapshot"] } else { Vec::new() };
    let kind = |t: &serde_json::Value| t["kind"].as_str().unwrap().to_string();
    let temporary = ["instance", "image", "snapshot", "key-pair", "security-group", "volume"];
    let mut left: Vec<String> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["state"] != "terminated")
        .map(kind)
        .filter(|k| temporary.contains(&k.as_str()))
        .collect();
    for one in wanted {
        if let Some(at) = left.iter().position(|k| k == one) {
            left.remove(at);
        }
    }
    left.sort();
    Beside { code, seconds, calls: world.calls().len(), left }
}

/// The table of docs/images.md, where the machine has Packer; without it only what is ours is looked at.
#[test]
fn beside_packer() {
    let answers = Answers::up();
    let packer = packer();
    if packer.is_none() {
        println!("this machine has no Packer 1: fitout alone");
    }
    println!("| case | | exit | seconds | calls | left behind |\n|---|---|---|---|---|---|");
    // The last one ends the host: the instance has to switch itself off.
    for case in ["plain", "RunInstances", "CreateImage", "interrupt", "copy", "terminate"] {
        let theirs = packer.as_ref().map(|packer| beside(&answers, Some(packer), case));
        let ours = beside(&answers, None, case);
        let told = |name: &str, b: &Beside| {
            println!(
                "| {case} | {name} | {:?} | {:.1} | {} | {} |",
                b.code,
                b.seconds,
                b.calls,
                b.left.join(", ")
            );
        };
        told("fitout", &ours);
        match case {
            "plain" => assert!(ours.calls <= 24 && ours.left.is_empty(), "{:?}", ours.left),
            // What may not be terminated has switched itself off.
            "terminate" => assert_eq!((ours.code, ours.left.len()), (Some(0), 0), "{:?}", ours.left),
            _ => assert_eq!(ours.left, [""; 0], "{case}"),
        }
        let Some(theirs) = theirs else { continue };
        told("Packer", &theirs);
        match case {
            "plain" => assert!(ours.seconds < theirs.seconds && ours.calls < theirs.calls),
            _ => assert!(!theirs.left.is_empty(), "{case}: Packer leaves nothing either"),
        }
    }
}
