//! Ways to log in to an instance that is baked: through a bastion, and through Session Manager.

#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;
use support::answers::{Answers, bake, nothing_but_images, world};
use support::cloud::{DEBIAN, World};
use support::place::Seen;

const PLAY: &str = "- name: A node
  hosts: all
  gather_facts: false
  image:
    name: WAY
    verify: false
    builders:
      - {type: amazon-ebs, region: us-east-1, source_ami: SOURCE, instance_type: t3.micro, ssh_username: admin, REACH}
  become: true
  tasks:
    - copy: {content: \"WAY\\n\", dest: /etc/way}
";

/// A program in a folder that comes first in PATH.
fn program(world: &World, name: &str, text: &str) {
    let file = world.place.write(&format!("stubs/{name}"), &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn tried(world: &World, way: &str, reach: &str) -> Seen {
    world.proxy.forget();
    world.playbook(&PLAY.replace("WAY", way).replace("SOURCE", DEBIAN).replace("REACH", reach));
    let mut command = bake(world, &["site.yml"]);
    Seen::of(&support::output(command.env("PATH", world.place.stubs())))
}

#[track_caller]
fn baked(answers: &Answers, world: &World, way: &str, reach: &str) {
    tried(world, way, reach).is(0, &["us-east-1:ami-"]);
    assert_eq!(answers.on("cat /etc/way"), format!("{way}\n"));
}

#[test]
fn an_instance_is_reached_through_a_bastion_or_a_session() {
    let answers = Answers::beside(1);
    let world = world(&answers);
    let [node, bastion] = [0, 1].map(|at| answers.lab.hosts().remove(at));
    // As a user's own ~/.ssh/config: who the bastion is, and its host key.
    program(&world, "ssh", &format!("exec /usr/bin/ssh -F '{}' \"$@\"", bastion.ssh_config.display()));
    // Whoever comes from elsewhere is sent away.
    let only = format!("echo AllowUsers admin@{} >/etc/ssh/sshd_config.d/only.conf", bastion.address);
    answers.on(&only);
    let direct = tried(&world, "direct", "ssh_timeout: 1s");
    direct.is(1, &["bake: login: no login to", "temporary_security_group_source_cidrs"]);
    let key = answers.lab.key_path().display().to_string();
    baked(
        &answers,
        &world,
        "jump",
        &format!("ssh_bastion_host: {}, ssh_bastion_username: root", bastion.address),
    );
    let with_key = format!(
        "ssh_bastion_host: {}, ssh_bastion_username: root, ssh_bastion_private_key_file: '{key}', ssh_interface: private_ip, \
         ssh_host: {}",
        bastion.address, node.address
    );
    baked(&answers, &world, "key", &with_key);
    // The instance sees the bastion, of which no more is known than its network.
    let calls = world.calls();
    let rule = calls.iter().find(|call| call.action == "AuthorizeSecurityGroupIngress").unwrap();
    assert!(rule.body.contains("172.31.0.0%2F16"), "{}", rule.body);

    // In place of AWS' client and its plugin, which open a stream to the instance's own port 22: the same words, and a
    // stream by way of the other host. That AWS understands these words is not seen here.
    let aws = format!(
        "echo \"$*\" >>'{0}/sessions'\ncase \"$*\" in\n'ssm start-session --region us-east-1 --target i-'*\
         ' --document-name AWS-StartSSHSession --parameters portNumber=22') exec ssh -W {1}:22 {2} ;;\nesac\n\
         echo 'aws: what is this?' >&2\nexit 255",
        world.place.path().display(),
        node.address,
        bastion.address
    );
    program(&world, "aws", &aws);
    baked(&answers, &world, "session", "ssh_interface: session_manager");
    assert_eq!(world.times("AuthorizeSecurityGroupIngress"), 0, "a session needs no open port");
    let sessions = std::fs::read_to_string(world.place.path().join("sessions")).unwrap();
    assert!(
        sessions.lines().count() > 1 && sessions.lines().all(|line| line.contains("--target i-")),
        "{sessions}"
    );
    nothing_but_images(&world, 3);
}
