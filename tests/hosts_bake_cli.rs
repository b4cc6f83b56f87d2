//! `fitout bake` with the builder amazon-ebs: plays and Packer's templates, on a real booted host that answers for the
//! instances of the tests' cloud.

#![allow(clippy::unwrap_used)]

#[path = "hosts_bake_cli/beside.rs"]
mod beside;
#[path = "hosts_bake_cli/node.rs"]
mod node;
mod support;

use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use support::answers::{Answers, alive, bake, nothing_but_images, run, world};
use support::cloud::World;
use support::cloud_proxy::Fault;

fn template(world: &World) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packer/cluster/.");
    let copied = Command::new("cp").arg("-r").arg(from).arg(world.place.path()).status().unwrap();
    assert!(copied.success());
}

#[test]
fn templates_of_packer_are_baked_unchanged() {
    let answers = Answers::up();
    let world = world(&answers);
    template(&world);
    let seen = run(&world, &["-machine-readable", "packer.json"]);
    seen.is(0, &[",,ui,say,==> amazon-ebs: provisioning", "amazon-ebs: "]);
    assert!(world.proxy.calls().len() <= 18, "{:?}", names(&world));
    let image = alive(&world, "image").remove(0);
    let lines: Vec<Vec<&str>> = seen.out.lines().map(|line| line.splitn(4, ',').collect()).collect();
    assert!(lines.iter().all(|l| l.len() >= 3 && l[0].parse::<i64>().is_ok()), "{}", seen.out);
    let artifact: Vec<&str> = seen.out.lines().filter(|l| l.contains(",amazon-ebs,artifact")).collect();
    let last = |text: &str| artifact.iter().any(|l| l.ends_with(text));
    assert!(last(&format!("artifact,0,id,us-east-1:{}", image.id)) && last("artifact,0,end"), "{artifact:?}");
    // And that is the end of it, as Packer's own.
    let end = format!(",,ui,say,--> amazon-ebs: AMIs were created:\\nus-east-1: {}\\n", image.id);
    assert!(seen.out.lines().last().is_some_and(|line| line.ends_with(&end)), "{}", seen.out);
    assert_eq!(image.tags["Name"], "cluster-node");
    assert_eq!(image.tags["Base"], format!("{} in us-east-1", support::cloud::DEBIAN));

    // The play ran on the instance, as root, and nothing of the bake or of one machine is left there.
    assert_eq!(
        answers.on("cat /etc/baked-for; tail -1 /etc/motd; ls -d /srv/data"),
        "cluster\nA node of Debian: 1024\n/srv/data\n"
    );
    assert_eq!(
        answers.on(
            "cat /etc/machine-id /home/admin/.ssh/authorized_keys 2>/dev/null; ls /etc/ssh | grep host_ || :"
        ),
        ""
    );
    nothing_but_images(&world, 1);
    let manifest = std::fs::read_to_string(world.place.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let build = &manifest["builds"][0];
    assert_eq!(build["artifact_id"], format!("us-east-1:{}", image.id));
    assert_eq!(
        (&build["custom_data"]["app"], &build["builder_type"]),
        (&json!("cluster"), &json!("amazon-ebs"))
    );
    assert_eq!(manifest["last_run_uuid"], build["packer_run_uuid"]);

    // The same in HCL, with another variable.
    let seen = run(&world, &["-var", "app=second", "-only=amazon-ebs.*", "node.pkr.hcl"]);
    seen.is(0, &["us-east-1:ami-"]);
    assert_eq!(answers.on("cat /etc/baked-for"), "second\n");
    nothing_but_images(&world, 2);
    run(&world, &["-var", "ap=x", "packer.json"]).is(3, &["-var ap: no variable has this name", "app"]);
    // The name of another image is not taken from it.
    world.place.write("ansible/roles/node/tasks/main.yml", "- command: 'true'\n");
    run(&world, &["packer.json"]).is(1, &["the name `cluster-node` is taken by ami-"]);
}

fn names(world: &World) -> Vec<String> {
    world.proxy.calls().iter().map(|c| c.action.clone()).collect()
}

const PLAY: &str = "- name: A node
  hosts: all
  gather_facts: false
  image:
    groups: [nodes]
    tags: {role: node}
    builders:
      - type: amazon-ebs
        region: us-east-1
        source_ami_filter: {filters: {name: 'debian-12-amd64-*'}, owners: ['136693071363'], most_recent: true}
        instance_type: t3.micro
        ssh_username: admin
        ami_users: ['123456789012']
        snapshot_tags: {of: '{{ fitout_image.source.id }}'}
      - {type: disk}
  become: true
  tasks:
    - copy: {content: \"x\\n\", dest: /etc/baked}
    - copy: {content: \"live\\n\", dest: /etc/live}
      when: fitout_image is not defined
  verify:
    - command: cat /etc/baked
      register: seen
      changed_when: false
      failed_when: seen.stdout != 'x' or fitout_image.phase != 'verify'
";

/// What belongs to the machine that the image is made of.
const CLEANED: &str = "/root/.bash_history /root/.ssh/known_hosts /home/admin/.bash_history /etc/docker/key.json \
    /var/lib/docker/engine-id /var/lib/docker/swarm/state.json /var/lib/cloud/instance/id /tmp/x \
    /var/lib/apt/lists/debian_Packages /var/log/app.log";

#[test]
fn a_play_is_booted_and_looked_at_before_anyone_may_use_it() {
    let answers = Answers::up();
    let world = world(&answers);
    world.playbook(PLAY);
    answers.on(&format!("for f in {CLEANED}; do mkdir -p ${{f%/*}} && echo of one machine >$f; done"));
    let seen = run(&world, &["-b", "amazon-ebs", "site.yml"]);
    seen.is(0, &["bake: verify", "us-east-1:ami-"]);
    let calls = names(&world);
    let at = |name: &str| calls.iter().position(|c| c == name).unwrap();
    let last = |name: &str| calls.iter().rposition(|c| c == name).unwrap();
    assert!(at("CreateImage") < last("RunInstances"), "{calls:?}");
    assert!(
        last("RunInstances") < at("ModifyImageAttribute") && last("RunInstances") < at("CreateTags"),
        "{calls:?}"
    );
    // 18, one for who may use it, and one for the tags that the snapshot alone has.
    assert!(calls.len() <= 20, "{} {calls:?}", calls.len());
    nothing_but_images(&world, 1);
    let image = alive(&world, "image").remove(0);
    assert_eq!(image.tags["role"], "node");
    assert_eq!(alive(&world, "snapshot")[0].tags["of"], support::cloud::DEBIAN);
    let root = answers.lab.hosts()[0].root_dir().unwrap();
    let there = |name: &str| root.join(name.trim_start_matches('/')).metadata().is_ok_and(|m| m.len() > 0);
    assert!(!there("/etc/live") && there("/etc/baked"));
    let left: Vec<&str> = CLEANED.split_whitespace().filter(|name| there(name)).collect();
    assert_eq!(left, [""; 0]);
    let images = world.place.path().join("images");
    let names: Vec<String> = world.place.names("images");
    let file = names.iter().find(|n| n.ends_with(".amazon-ebs.json")).unwrap();
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(images.join(file)).unwrap()).unwrap();
    assert_eq!((&manifest["verified"], &manifest["source"]), (&json!(true), &json!(support::cloud::DEBIAN)));
    assert!(manifest["packages"]["openssh-server"].is_string());
    let changed: Vec<&str> =
        manifest["changed"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
    assert!(changed.contains(&"+ /etc/baked"), "{changed:?}");

    // The same inputs are the same image.
    world.proxy.forget();
    run(&world, &["-b", "amazon-ebs", "site.yml"]).is(0, &["is there; nothing that goes into it", &image.id]);
    assert_eq!(world.writes(), [""; 0]);

    // With --force a new one is there before the old one goes.
    world.proxy.forget();
    run(&world, &["-b", "amazon-ebs", "--force", "site.yml"]).is(0, &["bake: name"]);
    let calls = self::names(&world);
    let at = |name: &str| calls.iter().position(|c| c == name).unwrap();
    assert!(
        at("CreateImage") < at("DeregisterImage") && at("DeregisterImage") < at("CopyImage"),
        "{calls:?}"
    );
    assert!(alive(&world, "image").iter().all(|i| i.id != image.id));
    assert_eq!(alive(&world, "image").len(), 1);

    // An image that does not pass is not published.
    world.playbook(&PLAY.replace("!= 'x'", "!= 'y'"));
    run(&world, &["-b", "amazon-ebs", "site.yml"]).is(1, &["bake: verify"]);
    assert_eq!(alive(&world, "image").len(), 1);
}

/// A bake under way, stopped by a signal when it says this; its exit code.
fn stopped(world: &World, step: &str, signal: Signal) -> Option<i32> {
    use std::io::{BufRead, BufReader};
    let mut child = bake(world, &["-b", "amazon-ebs", "site.yml"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let wanted = format!("bake: {step}");
    assert!(lines.any(|line| line.unwrap() == wanted), "no {step}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
    for line in lines {
        drop(line);
    }
    child.wait().unwrap().code()
}

#[test]
fn signals_leave_nothing_and_what_a_kill_leaves_can_be_found() {
    let answers = Answers::up();
    let world = world(&answers);
    world.playbook(PLAY);
    world.settings(&json!({"delays": {"image.pending": 30}}));
    assert_eq!(stopped(&world, "image", Signal::INT), Some(130));
    nothing_but_images(&world, 0);
    assert_eq!(stopped(&world, "login", Signal::TERM), Some(143));
    nothing_but_images(&world, 0);
    assert_eq!(stopped(&world, "image", Signal::KILL), None);
    let left = world.ours();
    let temporary = ["instance", "key-pair", "security-group"];
    for thing in left
        .iter()
        .filter(|t| temporary.contains(&t.kind.as_str()) && t.state.as_deref() != Some("terminated"))
    {
        for tag in ["fitout:stack", "fitout:run", "fitout:op", "fitout:expires"] {
            assert!(thing.tags.contains_key(tag), "{thing:?}");
        }
        assert!(!thing.tags.contains_key("fitout:keep"));
    }
    // Only finished images are kept.
    assert!(left.iter().all(|t| !t.tags.contains_key("fitout:keep")), "{left:?}");
    world.settings(&json!({"delays": {"image.pending": 0}}));
    world.run(&["gc", "--yes", "--older-than", "0s"]).is(0, &[]);
    nothing_but_images(&world, 0);
}

#[test]
fn what_is_asked_for_stays_and_what_cannot_go_is_named() {
    let answers = Answers::up();
    let world = world(&answers);
    world.playbook(
        &PLAY.replace("- copy: {content: \"x\\n\"", "- command: 'false'\n    - copy: {content: \"x\\n\""),
    );
    let seen = run(&world, &["-b", "amazon-ebs", "--keep-on-error", "site.yml"]);
    seen.is(1, &["bake: provisioning", "kept for a look: key pair ", "instance i-", "fitout gc"]);
    assert_eq!(alive(&world, "instance").len(), 1);
    world.playbook(PLAY);
    world.proxy.fault("TerminateInstances", Fault::Denied, 99);
    let began = std::time::Instant::now();
    let seen = run(&world, &["-b", "amazon-ebs", "site.yml"]);
    seen.is(1, &["could not be removed: instance i-", "ec2:TerminateInstances"]);
    // Its group stays with it, and is not waited for.
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn what_is_not_carried_out_is_refused_by_name() {
    let place = support::place::Place::default();
    let play = |option: &str| {
        let text = format!(
            "- hosts: all\n  image:\n    builders: [{{type: amazon-ebs, region: r, source_ami: ami-1, instance_type: t, \
             ssh_username: u, {option}}}]\n  tasks: []\n"
        );
        place.write("site.yml", &text);
    };
    play("mfa_code: x");
    place
        .run(&["bake", "site.yml"])
        .is(3, &["`mfa_code` of amazon-ebs is not supported", "hint: name a `profile`"]);
    play("ami_nam: x");
    place
        .run(&["bake", "site.yml"])
        .is(3, &["amazon-ebs has no option `ami_nam`", "did you mean `ami_name`?"]);
    place.write("t.json", "{\"builders\": [{\"type\": \"amazon-ebs\", \"boot_mode\": \"uefi\"}]}");
    place
        .run(&["bake", "t.json"])
        .is(3, &["t.json:1:", "`boot_mode` of the builder `amazon-ebs` is not supported"]);
}

/// Both at once, in one command.
#[test]
fn a_disk_and_an_ami_come_of_one_command() {
    let answers = Answers::up();
    let world = world(&answers);
    let play = PLAY.replace(
        "    groups: [nodes]",
        "    groups: [nodes]\n    verify: false\n    formats: [tar]\n    source: {path: base.tar}",
    );
    world.playbook(&play);
    // A root file system that is there already: making one is what tests/hosts_image.rs looks at.
    let root = answers.lab.hosts()[0].root_dir().unwrap();
    let folders = ["bin", "etc", "lib", "lib64", "sbin", "usr", "var/lib/dpkg"];
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(root).args(["--one-file-system", "-cf"]).arg(world.place.path().join("base.tar"));
    assert!(tar.args(folders).status().unwrap().success());
    let seen = run(&world, &["-b", "disk", "-b", "amazon-ebs", "site.yml"]);
    seen.is(0, &["bake: disk: provision", "bake: amazon-ebs: provisioning", "us-east-1:ami-", ".tar"]);
    let order = |text: &str| seen.err.lines().position(|l| l == text).unwrap();
    // Neither waits for the other to end.
    assert!(order("bake: amazon-ebs: source image") < order("bake: disk: publish"), "{}", seen.err);
    assert!(order("bake: disk: draft") < order("bake: amazon-ebs: image"), "{}", seen.err);
    nothing_but_images(&world, 1);
    let there = "is there; nothing that goes into it has changed";
    let seen = run(&world, &["site.yml"]);
    seen.is(0, &["bake: disk: a-node-", "bake: amazon-ebs: a-node-"]);
    assert_eq!(seen.err.matches(there).count(), 2, "{}", seen.err);

    // What ends an instance that nobody ends is set early in its boot, and does not end it then.
    let timer = answers.boot_with_bootcmd("systemctl list-timers --all --no-legend fitout-lifetime.timer");
    assert!(timer.contains("fitout-lifetime.service"), "{timer}");
    let left = answers.on("systemctl show -p ActiveState --value fitout-lifetime.timer bootcmd.service");
    assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["active", "active"]);
    let unit = answers.on("systemctl cat fitout-lifetime.timer fitout-lifetime.service");
    assert!(unit.contains("OnActiveSec=4h") && unit.contains("systemctl\" \"poweroff"), "{unit}");
}
