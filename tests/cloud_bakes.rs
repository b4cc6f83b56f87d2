//! Every way out of a bake with amazon-ebs: an error, a call denied, signals, kill -9 and then gc, at each of its steps.
//! No host is booted: `ssh` is a stub that lets everyone in and says what an instance would say.

#![allow(clippy::unwrap_used)]

#[path = "cloud_bakes/options.rs"]
mod options;
#[path = "cloud_bakes/packer.rs"]
mod packer;
#[path = "cloud_bakes/reached.rs"]
mod reached;
#[path = "cloud_bakes/replaced.rs"]
mod replaced;
#[path = "cloud_bakes/shared.rs"]
mod shared;
mod support;
#[path = "cloud_bakes/user_data.rs"]
mod user_data;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;
use support::place::{Seen, stub};

/// Every option that has a step of its own or a call of its own is in it.
const PLAY: &str = "- name: A node
  hosts: all
  gather_facts: false
  image:
    name: node
    builders:
      - {type: amazon-ebs, region: us-east-1, source_ami: SOURCE, instance_type: t3.micro, ssh_username: root,
         ssh_host: 192.0.2.9, ssh_timeout: 1s, temporary_security_group_source_cidrs: [192.0.2.7/32],
         ami_name: 'node-{{ case }}', ami_users: ['123456789012'], ami_regions: [eu-west-1], encrypt_boot: true,
         deprecate_at: '2030-01-01T00:00:00Z', deregistration_protection: {enabled: true}}
  tasks:
    - fail: {msg: the play is broken}
      when: broken is defined
    - command: 'true'
      delegate_to: localhost
      when: changes is defined
";

/// A step, the call in which it is caught (so many of the same name before it), or what is asked of the instance then.
struct At(&'static str, &'static str, usize, &'static str);

const STEPS: [At; 19] = [
    At("source image", "DescribeImages", 0, ""),
    At("temporary key pair", "ImportKeyPair", 0, ""),
    At("temporary security group", "CreateSecurityGroup", 0, ""),
    At("temporary security group", "AuthorizeSecurityGroupIngress", 0, ""),
    At("instance", "RunInstances", 0, ""),
    At("login", "", 0, "*known_hosts_bake*cloud-init*"),
    At("provisioning", "", 0, "*machine look*"),
    At("cleaning", "", 0, "*machine seal*"),
    At("stopping the instance", "StopInstances", 0, ""),
    At("image", "CreateImage", 0, ""),
    At("instance of the image", "RunInstances", 1, ""),
    At("login to the image", "", 0, "*known_hosts_verify*cloud-init*"),
    At("verify", "", 0, "*is-system-running*"),
    At("name", "CopyImage", 0, ""),
    At("copies to other regions", "CopyImage", 1, ""),
    At("who may use it", "ModifyImageAttribute", 0, ""),
    At("who may use it", "EnableImageDeprecation", 1, ""),
    At("who may use it", "CreateTags", 1, ""),
    At("protection", "EnableImageDeregistrationProtection", 1, ""),
];

fn world() -> World {
    let mut world = World::default();
    // Finished images are meant to stay; what is left is looked at here.
    world.unchecked = true;
    let at_once = json!({"instance.pending": 0, "instance.stopping": 0, "instance.shutting-down": 0,
        "image.pending": 0, "snapshot.pending": 0});
    world.settings(&json!({"delays": at_once}));
    world.playbook(&PLAY.replace("SOURCE", DEBIAN));
    ssh(&world, "");
    world
}

/// What an instance says to those who log in; `more`: before all else.
fn ssh(world: &World, more: &str) {
    let cases = "*is-system-running*) echo running ;;\n*poweroff*) echo not allowed >&2; exit 1 ;;\n*) echo \"$me\" >>\"$0.log\" ;;";
    stub(&world.place, "ssh", &format!("{more}{cases}"));
}

/// A bake of an image of this name, with variables of the stub's.
fn bake(world: &World, name: &str, more: &[&str], env: &[(&str, &str)]) -> Command {
    let name = format!("case={name}");
    let mut command = world.command(&[&["bake", "site.yml", "-e", &name], more].concat());
    command.env("PATH", world.place.stubs()).envs(env.iter().copied());
    command
}

fn seen(mut command: Command) -> Seen {
    Seen::of(&support::output(&mut command))
}

/// What is there in any region that a bake made, and is not terminated: kind, id, whether it is finished.
fn left(world: &World) -> Vec<(String, String, bool)> {
    let all = world.say("inventory", &json!({}));
    let alive = |t: &&Value| t["state"] != "terminated" && !t["tags"]["fitout:stack"].is_null();
    let text = |t: &Value| t.as_str().unwrap().to_string();
    let one = |t: &Value| (text(&t["kind"]), text(&t["id"]), t["tags"]["fitout:keep"] == "true");
    all.as_array().unwrap().iter().filter(alive).map(one).collect()
}

/// Private keys on this machine.
fn keys(world: &World) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(world.temporary()).unwrap();
    folders.map(|folder| folder.unwrap().path().join("key")).collect()
}

#[track_caller]
fn gc(world: &World) {
    world.proxy.clear();
    let all = ["gc", "--yes", "--older-than", "0s", "--region", "us-east-1", "--region", "eu-west-1"];
    world.run(&all).is(0, &[]);
}

#[track_caller]
fn nothing_is_left(world: &World, why: &str) {
    assert_eq!(left(world), [], "{why}");
    assert_eq!(keys(world), [""; 0].map(PathBuf::from), "{why}");
}

/// Catches a bake at a step: the call was carried out and its reply is on the way, or the instance does not answer.
/// `heard`: somebody reads what it says then.
fn caught(world: &World, at: &At, name: &str, heard: bool) -> Child {
    let At(step, call, before, asked) = at;
    if !call.is_empty() {
        world.proxy.fault_after(call, *before, Fault::Held, 1);
    }
    let mut child = bake(world, name, &[], &[("STUB_HANGS", asked)])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let wanted = format!("bake: {step}");
    let mut said = Vec::new();
    while said.last() != Some(&wanted) {
        said.push(lines.next().unwrap_or_else(|| panic!("no {step}: {said:#?}")).unwrap());
    }
    if !call.is_empty() {
        world.proxy.wait_held();
    }
    if heard {
        std::thread::spawn(move || lines.for_each(drop));
    }
    child
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    let world = world();
    for (n, At(step, call, before, asked)) in STEPS.iter().enumerate() {
        world.proxy.fault_after(call, *before, Fault::Denied, 99);
        let ended = seen(bake(&world, &format!("e{n}"), &[], &[("STUB_FAILS", asked)]));
        world.proxy.clear();
        let why = if call.is_empty() { "the stub was told to fail" } else { call };
        ended.is(1, &[&format!("bake: {step}: "), why]);
        assert!(!ended.all().contains("could not be removed"), "{}", ended.all());
        nothing_is_left(&world, &ended.all());
    }
    let broken = seen(bake(&world, "broken", &["-e", "broken=yes"], &[]));
    broken.is(1, &["the play is broken", "bake: provisioning: "]);
    nothing_is_left(&world, &broken.all());
    // Nobody may use what is not as it should be: a play that would change the booted image, or what has not gone.
    world.proxy.forget();
    let changes = seen(bake(&world, "changes", &["-e", "changes=yes"], &[]));
    changes.is(1, &["bake: verify: the plays would change the booted image"]);
    assert_eq!(world.times("CopyImage") + world.times("ModifyImageAttribute") + world.times("CreateTags"), 0);
    nothing_is_left(&world, &changes.all());
    ssh(&world, "*'machine seal'*) printf '!history: /root/.bash_history is there\\n\\0' ;;\n");
    let unclean = seen(bake(&world, "unclean", &[], &[]));
    unclean.is(1, &["bake: cleaning: still there: history: /root/.bash_history is there"]);
    nothing_is_left(&world, &unclean.all());
}

#[test]
fn a_reply_that_is_lost_makes_nothing_twice() {
    let world = world();
    for (n, call) in
        ["ImportKeyPair", "CreateSecurityGroup", "RunInstances", "CreateImage", "CopyImage", "CreateTags"]
            .iter()
            .enumerate()
    {
        world.proxy.fault(call, Fault::ReplyLost, 1);
        let ended = seen(bake(&world, &format!("l{n}"), &[], &[]));
        world.proxy.clear();
        ended.is(0, &["us-east-1:ami-", "eu-west-1:ami-"]);
        let there = left(&world);
        let count = |wanted: &str| there.iter().filter(|(kind, _, kept)| *kept && kind == wanted).count();
        let so_far = 2 * (n + 1);
        assert_eq!((count("image"), count("snapshot"), there.len()), (so_far, so_far, 2 * so_far), "{call}");
    }
}

#[test]
fn a_signal_leaves_nothing() {
    let world = world();
    for (n, at) in STEPS.iter().enumerate() {
        // The last is what a terminal that is closed sends.
        let (signal, code) = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)][n % 3];
        let mut child = caught(&world, at, &format!("s{n}"), signal != Signal::HUP);
        kill_process(Pid::from_child(&child), signal).unwrap();
        // The reply stays held: a bake whose last call is answered before it hears the signal has succeeded.
        assert_eq!(child.wait().unwrap().code(), Some(code), "{} {}", at.0, at.1);
        world.proxy.clear();
        nothing_is_left(&world, at.0);
    }
}

/// The calls that a signal interrupts are about what the service does not show yet.
#[test]
fn a_signal_leaves_nothing_where_reads_are_late() {
    let world = world();
    world.settings(&json!({"notfound": 3}));
    let created = ["CreateSecurityGroup", "RunInstances", "CreateImage"];
    for (n, at) in STEPS.iter().filter(|at| created.contains(&at.1) && at.2 == 0).enumerate() {
        let mut child = caught(&world, at, &format!("y{n}"), true);
        // The reply arrives after all: the bake knows what it made.
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        world.proxy.clear();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{} {}", at.0, at.1);
        nothing_is_left(&world, at.0);
    }
}

#[test]
fn gc_removes_what_a_kill_leaves() {
    let world = world();
    for (n, at) in STEPS.iter().enumerate() {
        let mut child = caught(&world, at, &format!("k{n}"), true);
        child.kill().unwrap();
        child.wait().unwrap();
        world.proxy.clear();
    }
    let kinds: BTreeSet<String> = left(&world).into_iter().map(|(kind, ..)| kind).collect();
    let all = ["image", "instance", "key-pair", "security-group", "snapshot", "volume"];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
    gc(&world);
    // Of what was killed while it was shared and named, the finished images are there, and nothing else.
    let there = left(&world);
    assert!(
        there.iter().all(|(kind, _, kept)| *kept && ["image", "snapshot"].contains(&&**kind)),
        "{there:?}"
    );
}

#[test]
fn what_cannot_be_taken_back_is_named() {
    let world = world();
    // The call that is denied, and in how the bake goes wrong before: the finished image would stay otherwise.
    for (n, (call, fails)) in [
        // Switching itself off would be its end too.
        ("TerminateInstances", "StartInstances"),
        ("DeleteKeyPair", ""),
        ("DeleteSecurityGroup", ""),
        ("DeregisterImage", "CreateTags"),
        ("DeleteSnapshot", "CreateTags"),
        ("DisableImageDeregistrationProtection", "EnableImageDeregistrationProtection"),
    ]
    .iter()
    .enumerate()
    {
        world.proxy.fault(call, Fault::Denied, 99);
        world.proxy.fault_after(fails, usize::from(*fails != "StartInstances"), Fault::Denied, 99);
        let ended = seen(bake(&world, &format!("n{n}"), &[], &[]));
        world.proxy.clear();
        ended.is(1, &["could not be removed: ", &format!("ec2:{call}")]);
        if *call == "TerminateInstances" {
            ended.is(
                1,
                &[
                    "it could not be switched off, which would be its end: ",
                    "not allowed",
                    "ec2:StartInstances",
                ],
            );
        }
        // Key pairs have names.
        let named = |(kind, id, _): &(String, String, bool)| ended.err.contains(id) || kind == "key-pair";
        assert!(left(&world).iter().any(named), "{call}: {}", ended.all());
        gc(&world);
    }
}

#[test]
fn what_is_left_for_a_look_is_told_and_asked_about() {
    let world = world();
    let told = ["kept for a look: key pair ", "security group sg-", "instance i-", "`fitout gc` removes it"];
    for (n, flag) in ["--keep-on-error", "--on-error=abort", "-on-error=abort"].iter().enumerate() {
        world.proxy.fault("CreateImage", Fault::Denied, 99);
        let ended = seen(bake(&world, &format!("a{n}"), &[flag], &[]));
        ended.is(1, &told);
        assert!(!left(&world).is_empty());
        let key =
            ended.all().split_once("(private key in ").unwrap().1.split_once(')').unwrap().0.to_string();
        assert_eq!(keys(&world), [Path::new(&key)]);
        let text = std::fs::read_to_string(&key).unwrap();
        assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"), "{text}");
        // As long as its instance lives.
        world.run(&["gc", "--yes", "--region", "us-east-1"]).is(0, &[]);
        assert_eq!(keys(&world).len(), 1);
        gc(&world);
        nothing_is_left(&world, "gc");
    }
    // Nobody is there to be asked.
    world.proxy.fault("CreateImage", Fault::Denied, 99);
    let ended = seen(bake(&world, "q", &["--on-error=ask"], &[]));
    ended.is(1, &["there is no terminal to ask on; cleaning up"]);
    nothing_is_left(&world, &ended.all());
    // A terminal: once more, and then clean up, or leave it.
    for (answers, said, stays) in [("r\nc\n", "undo image", false), ("x\na\n", told[0], true)] {
        world.proxy.fault("CreateImage", Fault::Denied, 99);
        let inner = bake(&world, "q", &["--on-error=ask"], &[]);
        let words: Vec<String> =
            inner.get_args().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let line = format!("{} {}", inner.get_program().display(), words.join(" "));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(world.place.path());
        script.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), answers.as_bytes()).unwrap();
        let ended = Seen::of(&child.wait_with_output().unwrap());
        ended.is(1, &["[c] clean up and end", said]);
        assert_eq!(!left(&world).is_empty(), stays, "{}", ended.all());
        gc(&world);
        nothing_is_left(&world, "gc");
    }
}

/// The playbook that makes a disk makes an AMI, with nothing added; and what an instance is that nothing is said of.
#[test]
fn the_nodes_playbook_makes_an_ami_of_debians_own_image() {
    let world = world();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/node_image.yml");
    let address = world.place.write("address", "192.0.2.7\n");
    let mut command = world.command(&["bake", file, "-b", "amazon-ebs"]);
    command.env("PATH", world.place.stubs()).env("STUB_FAILS", "*machine look*");
    command.env("FITOUT_ADDRESS_SERVICE", format!("file://{}", address.display()));
    seen(command).is(1, &["bake: login", "bake: provisioning: "]);
    let calls = world.calls();
    let body = |action: &str| calls.iter().find(|c| c.action == action).unwrap().body.as_str();
    for (action, wanted) in [
        ("DescribeImages", "debian-12-amd64-%2A"),
        ("DescribeImages", "Owner.1=136693071363"),
        ("DescribeImages", "Value.1=available"),
        ("RunInstances", &*format!("ImageId={DEBIAN}")),
        ("RunInstances", "InstanceType=t3.small"),
        ("RunInstances", "MetadataOptions.HttpTokens=required"),
        ("RunInstances", "InstanceInitiatedShutdownBehavior=terminate"),
        ("AuthorizeSecurityGroupIngress", "CidrIp=192.0.2.7%2F32"),
    ] {
        assert!(body(action).contains(wanted), "{wanted} in {}", body(action));
    }
    assert_eq!(body("AuthorizeSecurityGroupIngress").matches("CidrIp=").count(), 1);
    assert_eq!(world.times("AuthorizeSecurityGroupIngress"), 1);
    let logins = std::fs::read_to_string(world.place.path().join("stubs/ssh.log")).unwrap();
    assert!(logins.contains("-l admin "), "{logins}");
    nothing_is_left(&world, "it was told to fail");
}

/// Names with the time are new at each bake; what goes into the image is not, until a file changes that it gets.
#[test]
fn a_template_is_found_again_until_what_goes_in_changes() {
    let world = world();
    let builder = |name: &str| {
        json!({"type": "amazon-ebs", "name": name, "region": "us-east-1", "source_ami": DEBIAN,
            "instance_type": "t3.micro", "ssh_username": "root", "ssh_host": "192.0.2.9", "ssh_timeout": "1s",
            "temporary_security_group_source_cidrs": ["192.0.2.7/32"],
            "ami_name": "x-{{timestamp}}-{{isotime \"150405\"}}-{{uuid}}"})
    };
    // Nothing answers on the instance: what goes in is another builder's.
    let template = json!({"builders": [builder("a"), builder("b")], "provisioners": [
        {"type": "shell", "only": ["a"], "scripts": ["s.sh"]},
        {"type": "file", "only": ["a"], "source": "tree/", "destination": "/x"}]});
    world.place.write("t.json", &template.to_string());
    world.place.write("s.sh", "#!/bin/sh\n");
    world.place.write("tree/f", "one");
    let there = || {
        let mut command = world.command(&["bake", "t.json", "-only=b"]);
        command.env("PATH", world.place.stubs());
        let ended = seen(command);
        ended.is(0, &["us-east-1:ami-"]);
        ended.all().contains("is there; nothing that goes into it has changed")
    };
    assert_eq!([there(), there()], [false, true]);
    world.place.write("s.sh", "#!/bin/sh\necho\n");
    assert_eq!([there(), there()], [false, true]);
    world.place.write("tree/f", "two");
    assert_eq!([there(), there()], [false, true]);
}
