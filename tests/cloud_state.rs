//! What is known of a cloud by its tags, from any machine: `state` shows it, `gc` removes what nobody wants any more.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;
use support::place::Seen;

const HEAD: &str = "- hosts: localhost\n  connection: local\n  gather_facts: false\n";

/// A network with a machine, and what has a name instead of an id.
fn stack() -> String {
    format!(
        "{HEAD}  tasks:
    - ec2_vpc_net: {{name: web, cidr_block: 10.10.0.0/16, tags: {{Team: a}}}}
      register: network
    - ec2_vpc_subnet: {{vpc_id: '{{{{ network.vpc.id }}}}', cidr: 10.10.1.0/24}}
      register: subnet
    - ec2_vpc_igw: {{vpc_id: '{{{{ network.vpc.id }}}}'}}
    - ec2_security_group: {{name: web, description: web, vpc_id: '{{{{ network.vpc.id }}}}'}}
      register: group
    - ec2_instance:
        name: node
        image_id: {DEBIAN}
        instance_type: t3.micro
        vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'
        security_groups: ['{{{{ group.group_id }}}}']
    - iam_role: {{name: web, assume_role_policy_document: '{{\"Version\": \"2012-10-17\", \"Statement\": []}}'}}
    - ssm_parameter: {{name: /web/one, value: text}}
"
    )
}

const STACK_KINDS: [&str; 8] = [
    "VPC",
    "subnet",
    "internet gateway",
    "security group",
    "instance",
    "role",
    "instance profile",
    "parameter",
];

/// From another folder, as from another machine: neither the playbook nor a journal is there.
fn elsewhere(world: &World, args: &[&str]) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let mut command: Command = world.command(args);
    Seen::of(&support::output(command.current_dir(dir.path())))
}

fn id_of(world: &World, kind: &str, node: &str) -> String {
    let is =
        |t: &&support::cloud::Thing| t.kind == kind && t.tags.get("fitout:node").is_some_and(|n| n == node);
    world.ours().iter().find(is).unwrap_or_else(|| panic!("no {kind} {node}")).id.clone()
}

#[test]
fn the_state_is_read_from_tags_from_any_machine() {
    let world = World::new(&stack());
    world.apply().is(0, &[]);
    world.proxy.forget();
    let vpc = id_of(&world, "vpc", "ec2_vpc_net/web");
    let list = elsewhere(&world, &["state", "list"]);
    list.is(0, &["STACK", "NODE", "OP", "AGE", &vpc, "ec2_vpc_net/web", "us-east-1", "global"]);
    let line = list.out.lines().find(|l| l.contains(&vpc)).unwrap().to_string();
    let run = world.ours().iter().find(|t| t.id == vpc).unwrap().tags["fitout:run"].clone();
    let op = world.ours().iter().find(|t| t.id == vpc).unwrap().tags["fitout:op"].clone();
    for part in ["site", "VPC", "web", &run, &op] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let json = elsewhere(&world, &["state", "list", "--json", "--region", "us-east-1", "--stack", "site"]);
    json.is(0, &[]);
    let things: Vec<serde_json::Value> = json.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    for kind in STACK_KINDS {
        let found = things.iter().filter(|t| t["kind"] == kind).count();
        assert_eq!(found, 1, "{kind}: {}", json.out);
    }
    assert!(things.iter().all(|t| t["age"].as_u64().is_some_and(|age| age < 600)), "{}", json.out);
    elsewhere(&world, &["state", "show", &vpc]).is(0, &["VPC", "node: ec2_vpc_net/web", "tag Team: a"]);
    elsewhere(&world, &["state", "show", "/web/one"]).is(0, &["parameter", "ssm_parameter//web/one"]);
    elsewhere(&world, &["state", "show", "vpc-0"]).is(1, &["nothing with fitout's tags is vpc-0"]);
    elsewhere(&world, &["state", "list", "--stack", "other"]).is(0, &["nothing of the stack `other`"]);
    assert_eq!(world.writes(), [""; 0]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn a_state_that_cannot_be_seen_whole_says_so() {
    let world = World::new(&stack());
    world.apply().is(0, &[]);
    world.proxy.fault("ListRoles", Fault::Denied, 99);
    elsewhere(&world, &["state", "list"]).is(0, &["there may be more: iam:ListRoles is not allowed"]);
    world.proxy.clear();
    let mut command = world.command(&["state", "list"]);
    let seen = Seen::of(&support::output(command.env_remove("AWS_REGION")));
    seen.is(1, &["no region is known; looked for", "AWS_DEFAULT_REGION"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn gc_removes_what_expired_and_nothing_else() {
    let world = World::new(&stack());
    let foreign = world.make("ec2", "CreateVpc", &[("CidrBlock", "10.10.0.0/16")], "vpcId");
    world.place.write(
        "lasting.yml",
        &format!("{HEAD}  tasks:\n    - ec2_vpc_net: {{name: lasting, cidr_block: 10.11.0.0/16}}\n"),
    );
    world.run(&["apply", "--yes", "lasting.yml"]).is(0, &[]);
    world.run(&["apply", "--yes", "-e", "fitout_expires=1h", "site.yml"]).is(0, &[]);
    world.proxy.forget();
    // Nothing is over yet.
    elsewhere(&world, &["gc", "--yes"]).is(0, &["there is nothing to remove"]);
    elsewhere(&world, &["gc", "--plan", "--older-than", "0s"])
        .is(2, &["temporary, ", "ec2_vpc_subnet/10.10.1.0/24"]);
    elsewhere(&world, &["gc", "--older-than", "0s"]).is(3, &["no terminal to ask on"]);
    assert_eq!(world.writes(), [""; 0]);
    // The strict cloud deletes nothing that is in use: the order is right.
    elsewhere(&world, &["gc", "--yes", "--older-than", "0s"]).is(0, &["removed VPC web", ", 0 left"]);
    let left: Vec<_> = world.inventory().into_iter().filter(|t| t.kind == "vpc").collect();
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(left.iter().any(|t| t.id == foreign) && left.iter().any(|t| t.tags.contains_key("fitout:stack")));
    assert_eq!(world.ours().len(), 1, "{:#?}", world.ours());
    world.run(&["destroy", "--yes", "lasting.yml"]).is(0, &["0 left"]);
}

#[test]
fn a_moment_that_has_passed_is_an_expiry() {
    let world = World::new(&format!(
        "{HEAD}  vars: {{fitout_expires: '2026-01-01T00:00:00Z'}}\n  tasks:\n    - ec2_vpc_net: {{name: web, cidr_block: 10.10.0.0/16}}\n"
    ));
    world.apply().is(0, &[]);
    elsewhere(&world, &["gc", "--yes"]).is(0, &["expired ", ", 0 left"]);
    world.assert_nothing_left();
    world
        .run(&["apply", "--yes", "-e", "fitout_expires=soon", "site.yml"])
        .is(1, &["fitout_expires: `soon`"]);
}

#[test]
fn gc_takes_what_a_killed_bake_left_and_keeps_its_image() {
    let world = World::default();
    let tags = |kind: &str, run: &str, more: &[(&str, &str)]| -> Vec<(String, String)> {
        let mut pairs = vec![("fitout:stack", "image/base"), ("fitout:node", "bake"), ("fitout:run", run)];
        pairs.extend(more);
        let mut params = vec![("TagSpecification.1.ResourceType".to_string(), kind.to_string())];
        for (n, (key, value)) in pairs.into_iter().enumerate() {
            params.push((format!("TagSpecification.1.Tag.{}.Key", n + 1), key.to_string()));
            params.push((format!("TagSpecification.1.Tag.{}.Value", n + 1), value.to_string()));
        }
        params
    };
    let make = |action: &str, params: &[(&str, &str)], tags: Vec<(String, String)>, element: &str| {
        let tags = tags.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let all: Vec<_> = params.iter().copied().chain(tags).collect();
        world.make("ec2", action, &all, element)
    };
    let (old, past) = ("20260101T000000-1", [("fitout:expires", "2026-01-01T05:00:00Z")]);
    let vpc = world.make("ec2", "CreateVpc", &[("CidrBlock", "10.10.0.0/16")], "vpcId");
    let group = [("GroupName", "fitout-1"), ("GroupDescription", "temporary"), ("VpcId", vpc.as_str())];
    make("CreateSecurityGroup", &group, tags("security-group", old, &past), "groupId");
    make("CreateKeyPair", &[("KeyName", "fitout-1")], tags("key-pair", old, &[]), "keyName");
    let machine = [("ImageId", DEBIAN), ("InstanceType", "t3.micro"), ("MinCount", "1"), ("MaxCount", "1")];
    let id = make("RunInstances", &machine, tags("instance", old, &past), "instanceId");
    while world.inventory().iter().any(|t| t.id == id && t.state.as_deref() != Some("running")) {
        std::thread::yield_now();
    }
    let image = [("InstanceId", id.as_str()), ("Name", "base")];
    make("CreateImage", &image, tags("image", old, &[]), "imageId");
    // Another bake is at work.
    let now = format!("{}-7", jiff_now());
    make("CreateKeyPair", &[("KeyName", "fitout-2")], tags("key-pair", &now, &[]), "keyName");
    elsewhere(&world, &["gc", "--yes"]).is(0, &["left of a bake", "expired", ", 0 left"]);
    let left: Vec<_> = world.ours().into_iter().map(|t| (t.kind, t.tags["fitout:run"].clone())).collect();
    assert_eq!(left, [("key-pair".to_string(), now), ("image".to_string(), old.to_string())]);
    // Nothing of a stack is left to the end of this test.
    let ours = world.ours();
    let image = ours.iter().find(|t| t.kind == "image").unwrap();
    world.make("ec2", "DeregisterImage", &[("ImageId", &image.id)], "return");
    world.make("ec2", "DeleteKeyPair", &[("KeyName", "fitout-2")], "return");
}

/// As runs are named.
fn jiff_now() -> String {
    let out = Command::new("date").args(["-u", "+%Y%m%dT%H%M%S"]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_string()
}

/// A group of three in a network of its own.
fn group(more: &str) -> String {
    format!(
        "{HEAD}  tasks:
    - ec2_vpc_net: {{name: web, cidr_block: 10.10.0.0/16}}
      register: network
    - ec2_vpc_subnet: {{vpc_id: '{{{{ network.vpc.id }}}}', cidr: 10.10.1.0/24}}
      register: subnet
    - ec2_launch_template:
        name: nodes
        image_id: {DEBIAN}
        instance_type: t3.micro
    - autoscaling_group:
        name: nodes
        launch_template: {{launch_template_name: nodes}}
        min_size: 0
        max_size: 4
        desired_capacity: 3
        vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']
        {more}
"
    )
}

fn members(world: &World) -> Vec<String> {
    let alive = |t: &support::cloud::Thing| t.kind == "instance" && t.state.as_deref() == Some("running");
    world.ours().into_iter().filter(alive).map(|t| t.id).collect()
}

#[test]
fn what_a_temporary_group_has_launched_expires_with_it() {
    let world = World::new(&group(""));
    world.run(&["apply", "--yes", "-e", "fitout_expires=1h", "site.yml"]).is(0, &[]);
    // Disks that outlive their instance have only what the template says.
    let version = [("LaunchTemplateName", "nodes"), ("LaunchTemplateVersion.1", "1")];
    let data = world.make("ec2", "DescribeLaunchTemplateVersions", &version, "launchTemplateData");
    for kind in ["instance", "volume", "network-interface"] {
        let specification = data.split(&format!("<resourceType>{kind}<")).nth(1).unwrap();
        let tags = specification.split("<resourceType>").next().unwrap();
        for tag in ["fitout:stack", "fitout:run", "fitout:expires"] {
            assert!(tags.contains(&format!("<key>{tag}<")), "{kind} {tag} in {data}");
        }
    }
    // Nobody's any more, and still the stack's.
    let detached = [
        ("AutoScalingGroupName", "nodes"),
        ("InstanceIds.member.1", &*members(&world)[0]),
        ("ShouldDecrementDesiredCapacity", "true"),
    ];
    world.make("autoscaling", "DetachInstances", &detached, "RequestId");
    world.make(
        "autoscaling",
        "DeleteAutoScalingGroup",
        &[("AutoScalingGroupName", "nodes"), ("ForceDelete", "true")],
        "RequestId",
    );
    assert_eq!(members(&world), [detached[1].1]);
    elsewhere(&world, &["gc", "--plan"]).is(0, &["there is nothing to remove"]);
    let gone = elsewhere(&world, &["gc", "--yes", "--older-than", "0s"]);
    gone.is(0, &[&format!("removed instance nodes ({}", detached[1].1), ", 0 left"]);
    world.assert_nothing_left();
}

#[test]
fn a_group_that_is_kept_keeps_its_instances() {
    let world = World::new(&group("prevent_destroy: true"));
    world.apply().is(0, &[]);
    let all = members(&world);
    assert_eq!(all.len(), 3);
    let began = std::time::Instant::now();
    let seen = world.destroy();
    seen.is(1, &["kept (prevent_destroy) Auto Scaling group nodes", "kept (prevent_destroy) instance"]);
    assert_eq!((members(&world), world.times("TerminateInstances")), (all, 0), "{}", seen.all());
    // What they stand in is not waited for.
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:?}", began.elapsed());
    world.playbook(&group(""));
    world.apply().is(0, &[]);
    world.destroy().is(0, &[", 0 left"]);
    world.assert_nothing_left();
}

#[test]
fn what_the_playbook_no_longer_has_is_an_orphan() {
    let playbook = |tasks: &str| format!("{HEAD}  tasks:\n{tasks}");
    let one = "    - ec2_vpc_net: {name: one, cidr_block: 10.11.0.0/16}\n      register: one\n";
    let two = "    - ec2_vpc_net: {name: two, cidr_block: 10.12.0.0/16}\n      register: two\n";
    let inside = "    - ec2_vpc_subnet: {vpc_id: '{{ two.vpc.id }}', cidr: 10.12.1.0/24}\n";
    let world = World::new(&playbook(&[one, two, inside].concat()));
    world.apply().is(0, &[]);
    world.run(&["gc", "--plan", "site.yml"]).is(0, &["there is nothing to remove"]);
    // A task whose condition does not hold is still a task of the playbook.
    world.playbook(&playbook(&[one, two, "      when: false\n"].concat()));
    world
        .run(&["gc", "--plan", "site.yml"])
        .is(2, &["no task of the playbook is ec2_vpc_subnet", "1 to remove"]);
    // Where a name is not known, nothing of its kind is an orphan.
    let vague = "    - ec2_vpc_net: {name: three, cidr_block: 10.13.0.0/16}\n      register: three\n    \
                 - ec2_vpc_net: {name: '{{ three.vpc.id }}', cidr_block: 10.14.0.0/16}\n";
    world.playbook(&playbook(&[one, vague].concat()));
    world.run(&["gc", "--plan", "site.yml"]).is(2, &["ec2_vpc_subnet", "1 to remove"]);
    // What cannot be read stops it.
    world.playbook(&playbook(
        &[one, "    - ec2_vpc_net: {name: '{{ 1 / 0 }}', cidr_block: 10.13.0.0/16}\n"].concat(),
    ));
    world.run(&["gc", "--yes", "site.yml"]).is(1, &["nothing was removed"]);
    assert_eq!(world.ours().len(), 3);
    world.playbook(&playbook(one));
    world.run(&["gc", "--yes", "site.yml"]).is(0, &["removed VPC two", "2 removed, 0 left"]);
    assert_eq!(world.ours().len(), 1);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn what_gc_could_not_remove_is_named() {
    let world = World::new(&stack());
    world.run(&["apply", "--yes", "-e", "fitout_expires=0s", "site.yml"]).is(0, &[]);
    world.proxy.fault("DeleteParameter", Fault::Denied, 99);
    let group = id_of(&world, "security-group", "ec2_security_group/web");
    world.proxy.fault("DeleteSecurityGroup", Fault::Denied, 99);
    let vpc = world.make(
        "ec2",
        "DescribeVpcs",
        &[("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "web")],
        "vpcId",
    );
    world.proxy.fault("DeleteVpc", Fault::Denied, 99);
    let seen = elsewhere(&world, &["gc", "--yes"]);
    seen.is(
        1,
        &["/web/one", &group, &vpc, "is still there", "allow the action `ssm:DeleteParameter`", "3 left"],
    );
    world.proxy.clear();
    elsewhere(&world, &["gc", "--yes"]).is(0, &["3 removed, 0 left"]);
}
