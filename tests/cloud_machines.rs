//! Instances through all their states and attributes, rules of every kind, groups of several types.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::cloud::{DEBIAN, World};
use support::cloud_plays::{bare, converges, good, play};

fn instances(world: &World) -> BTreeSet<String> {
    world.inventory().into_iter().filter(|t| t.kind == "instance").map(|t| t.id).collect()
}

fn node(more: &str) -> String {
    play(&format!(
        "- ec2_instance: {{name: t, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}', {more}}}\n  register: t\n\
         - debug: {{msg: 'it is {{{{ t.instances[0].state.name }}}} {{{{ t.instances[0].instance_type }}}}'}}\n"
    ))
}

#[test]
fn an_instance_goes_through_its_states() {
    let world = World::default();
    converges(&world, &node("state: running")).is(0, &["it is running t3.micro"]);
    let before = instances(&world);
    converges(&world, &node("state: stopped")).is(0, &["state is running, not stopped", "it is stopped"]);
    converges(&world, &node("state: running")).is(0, &["state is stopped, not running", "it is running"]);
    // Another type stops it for the change.
    converges(&world, &node("state: running, instance_type: t3.small"))
        .is(0, &["instance_type is t3.micro, not t3.small", "it is running t3.small"]);
    world.playbook(&node("state: restarted, instance_type: t3.small"));
    world.proxy.forget();
    world.apply().is(0, &["1 changed", "it is running"]);
    assert_eq!(world.times("RebootInstances"), 1);
    assert_eq!(instances(&world), before);
    world.playbook(&bare("- ec2_instance: {name: t, state: absent}\n"));
    world.apply().is(0, &["1 changed"]);
    assert!(instances(&world).is_empty());
    world.apply().is(0, &["0 changed"]);
    world.playbook(&node(""));
    world.destroy().is(0, &["0 left"]);
}

/// What a task does not say of its instance stays as it is.
#[test]
fn a_task_of_the_state_alone_leaves_the_type() {
    let world = World::default();
    converges(&world, &node("instance_type: m5.large")).is(0, &["it is running m5.large"]);
    let told = |state: &str| {
        bare(&format!(
            "- ec2_instance: {{name: t, state: {state}}}\n  register: t\n\
             - debug: {{msg: 'it is {{{{ t.instances[0].state.name }}}} {{{{ t.instances[0].instance_type }}}}'}}\n"
        ))
    };
    let stopped = converges(&world, &told("stopped"));
    stopped.is(0, &["state is running, not stopped", "it is stopped m5.large"]);
    converges(&world, &told("running")).is(0, &["it is running m5.large"]);
    assert_eq!(instances(&world).len(), 1);
    // Said, it counts.
    converges(&world, &node("instance_type: t3.micro")).is(0, &["instance_type is m5.large, not t3.micro"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn an_instances_attributes_are_changed_in_place_where_they_can_be() {
    let world = World::default();
    let full = "user_data: one, detailed_monitoring: true, termination_protection: true, \
                volumes: [{device_name: /dev/xvda, ebs: {volume_size: 20, volume_type: gp3}}], \
                metadata_options: {http_tokens: optional, http_put_response_hop_limit: 2}, tags: {a: b}";
    converges(&world, &node(full));
    let before = instances(&world);
    let told = |attribute: &str| {
        let id = before.first().unwrap().as_str();
        world.make("ec2", "DescribeInstances", &[("InstanceId.1", id)], attribute)
    };
    assert_eq!((told("httpTokens"), told("httpPutResponseHopLimit")), ("optional".into(), "2".into()));
    let next =
        full.replace("optional", "required").replace("limit: 2", "limit: 1").replace("{a: b}", "{a: c}");
    converges(&world, &node(&next))
        .is(0, &["metadata_options.http_tokens is optional, not required", "tags.a is b, not c"]);
    assert_eq!(told("httpTokens"), "required");
    assert_eq!(instances(&world), before);
    // What it was started with cannot change; and it is protected.
    let other = next.replace("user_data: one", "user_data: two");
    world.playbook(&node(&other));
    world.plan().is(2, &["user_data is ", "which cannot be changed in place"]);
    let open = other.replace("termination_protection: true", "termination_protection: false");
    converges(&world, &node(&next.replace("protection: true", "protection: false")));
    converges(&world, &node(&open));
    assert_eq!(instances(&world).len(), 1);
    assert_ne!(instances(&world), before);
    world.destroy().is(0, &["0 left"]);
}

/// What is protected from termination stays, is named, and holds nobody up.
#[test]
fn a_protected_instance_stays_and_what_it_uses_is_not_waited_for() {
    let world = World::new(&node("termination_protection: true"));
    good(&world.apply());
    let began = Instant::now();
    world.destroy().is(1, &["may not be terminated", "left"]);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(instances(&world).len(), 1);
    converges(&world, &node("termination_protection: false"));
    world.destroy().is(0, &["0 left"]);
}

/// A new instance has IMDSv2 unless the task says otherwise.
#[test]
fn so_many_instances_are_there_as_are_asked_for() {
    let world = World::default();
    let some =
        |count: u32| node(&format!("exact_count: {count}, tags: {{role: web}}, count_tag: {{role: web}}"));
    converges(&world, &some(3));
    let three = instances(&world);
    assert_eq!(three.len(), 3);
    let id = three.first().unwrap().as_str();
    assert_eq!(world.make("ec2", "DescribeInstances", &[("InstanceId.1", id)], "httpTokens"), "required");
    converges(&world, &some(1));
    let one = instances(&world);
    assert!(one.len() == 1 && one.is_subset(&three), "{one:?}");
    converges(&world, &some(2));
    assert!(instances(&world).len() == 2 && instances(&world).is_superset(&one));
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn rules_of_every_kind_are_compared_one_by_one() {
    let world = World::default();
    let list = [("PrefixListName", "ours"), ("MaxEntries", "5"), ("AddressFamily", "IPv4")];
    let list = world.make("ec2", "CreateManagedPrefixList", &list, "prefixListId");
    let group = |rules: &str, more: &str| {
        play(&format!(
            "\
- ec2_security_group: {{name: other, description: other, vpc_id: '{{{{ net.vpc.id }}}}'}}
  register: other
- ec2_security_group:
    name: t
    description: t
    vpc_id: '{{{{ net.vpc.id }}}}'
    {more}
    rules:
{rules}"
        ))
    };
    let all = [
        "{proto: tcp, ports: [22, 80, 8000-8010], cidr_ip: [10.0.0.0/8, 192.168.0.0/16], rule_desc: ours}"
            .to_string(),
        "{proto: icmp, icmp_type: 8, icmp_code: -1, cidr_ip: 0.0.0.0/0}".into(),
        "{proto: udp, ports: 53, cidr_ipv6: '::/0'}".into(),
        format!("{{proto: tcp, ports: 443, ip_prefix: {list}}}"),
        "{proto: all, group_name: t}".into(),
        "{proto: tcp, ports: 5432, group_id: '{{ other.group_id }}'}".into(),
    ];
    let all: String = all.iter().map(|rule| format!("    - {rule}\n")).collect();
    let egress = "rules_egress: [{proto: tcp, ports: [443], cidr_ip: 0.0.0.0/0}]";
    converges(&world, &group(&all, egress));
    let fewer = all.replace("[22, 80, 8000-8010]", "[22, 80]").replace("icmp_type: 8", "icmp_type: 0");
    let kept = converges(&world, &group(&fewer, "purge_rules: false"));
    kept.is(0, &["icmp", "is missing"]);
    assert!(!kept.all().contains("not wanted"), "{}", kept.all());
    converges(&world, &group(&fewer, "")).is(
        0,
        &[
            "ingress tcp 8000-8010 10.0.0.0/8 (ours) is not wanted",
            "ingress tcp 8000-8010 192.168.0.0/16 (ours) is not wanted",
        ],
    );
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn a_group_has_several_types_and_a_network_an_address() {
    let world = World::default();
    let tasks = |share: u32| {
        play(&format!(
            "\
- ec2_launch_template: {{name: t, image_id: {DEBIAN}, instance_type: t3.micro}}
- autoscaling_group:
    name: t
    launch_template: {{launch_template_name: t}}
    min_size: 0
    max_size: 2
    desired_capacity: 0
    health_check_type: ELB
    vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']
    mixed_instances_policy:
      instance_types: [t3.small, t3.medium]
      instances_distribution: {{on_demand_percentage_above_base_capacity: {share}, spot_allocation_strategy: capacity-optimized}}
- ec2_vpc_igw: {{vpc_id: '{{{{ net.vpc.id }}}}'}}
- ec2_instance: {{name: gate, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'}}
  register: gate
- ec2_eip: {{device_id: '{{{{ gate.instance_ids[0] }}}}', tags: {{Name: gate}}}}
  register: address
- debug: {{msg: 'at {{{{ address.public_ip }}}}'}}
"
        ))
    };
    converges(&world, &tasks(50)).is(0, &["at "]);
    converges(&world, &tasks(20)).is(0, &["on_demand_percentage_above_base_capacity"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn volumes_that_are_otherwise_are_named_and_left() {
    let world = World::default();
    let volumes = |more: &str| node(&format!("volumes: [{more}]"));
    let one = "{device_name: /dev/sdb, ebs: {volume_size: 5, volume_type: gp3, encrypted: false}}";
    let seen = converges(&world, &volumes(one));
    assert!(!seen.all().contains("left as they are"), "{}", seen.all());
    world.proxy.forget();
    let same = world.apply();
    good(&same);
    assert!(!same.all().contains("left as they are"), "{}", same.all());
    assert_eq!(world.times("DescribeVolumes"), 1);
    let other = "{device_name: /dev/sdb, ebs: {volume_size: 6, volume_type: io2, delete_on_termination: false}}, \
        {device_name: /dev/sdc, ebs: {volume_size: 1}}, {device_name: /dev/sdd, virtual_name: ephemeral0}";
    world.playbook(&volumes(other));
    world.proxy.forget();
    let said = [
        "are left as they are: /dev/sdb (vol-",
        "volume_size is 5, not 6, volume_type is gp3, not io2, delete_on_termination is True, not False; /dev/sdc is not there",
    ];
    world.plan().is(0, &said);
    world.apply().is(0, &[&said[..], &["EC2's ModifyVolume changes size"]].concat());
    world.playbook(&volumes("{device_name: /dev/sdb, no_device: true}"));
    world.apply().is(0, &["/dev/sdb is there and is not wanted"]);
    assert_eq!(world.writes(), [""; 0]);
    good(&world.destroy());
}

/// An instance keeps its image when a newer one comes, as with Ansible, unless the task says otherwise.
#[test]
fn a_newer_image_replaces_only_what_shall_have_it() {
    let world = World::default();
    let older = "ami-000000000000d1201";
    let made = |image: &str| node("").replace(&format!("image_id: {DEBIAN}"), image);
    converges(&world, &made(&format!("image_id: {older}")));
    let before = instances(&world);
    let stays = format!("stays with its image {older}, though {DEBIAN} is newer");
    let owner = "owners: ['136693071363']";
    let newest = format!("{owner}, name: 'debian-12-amd64-*', most_recent: true");
    for image in [newest.as_str(), "ssm: /aws/service/debian/release/12/latest/amd64"] {
        world.playbook(&made(&format!("image: {{{image}}}")));
        world.plan().is(0, &[&stays]);
        world.apply().is(0, &["0 changed", &stays]);
    }
    let register = |name: &str| {
        let device =
            [("BlockDeviceMapping.1.DeviceName", "/dev/xvda"), ("BlockDeviceMapping.1.Ebs.VolumeSize", "8")];
        let named = [("Name", name), ("RootDeviceName", "/dev/xvda"), ("Architecture", "x86_64")];
        world.make("ec2", "RegisterImage", &[&named[..], &device[..]].concat(), "imageId")
    };
    assert_eq!(instances(&world), before);
    // What the task chooses from no more has this one.
    world.playbook(&made(&format!("image: {{{owner}, name: 'debian-13-amd64-*', most_recent: true}}")));
    let other = "image_id is ami-000000000000d1201, not ami-000000000000d1301 (the newest that fits), which cannot be";
    world.plan().is(2, &[other]);
    world.playbook(&made(&format!("image: {{{newest}, when_newer: replace}}")));
    world
        .plan()
        .is(2, &[&format!("image_id is {older}, not {DEBIAN} (the newest that fits), which cannot be")]);
    converges(&world, &made(&format!("image: {{{newest}, when_newer: replace}}")));
    assert!(instances(&world).len() == 1 && instances(&world) != before);
    world.settings(&serde_json::json!({"delays": {"image.pending": 0}}));
    let own = "image: {owners: [self], name: 'own-*', most_recent: true}";
    let first = register("own-1");
    converges(&world, &made(own)).is(0, &[&format!("not {first}")]);
    // One that its owner took back is no other image than the task says.
    register("own-2");
    world.make("ec2", "DeregisterImage", &[("ImageId", &first)], "return");
    let before = instances(&world);
    world.playbook(&made(own));
    world.apply().is(0, &["0 changed", &format!("stays with its image {first}")]);
    assert_eq!(instances(&world), before);
    for (image, said) in [
        ("most_recnt: true, name: x", "hint: did you mean `most_recent`?"),
        ("when_newer: drop, name: x", "`when_newer: drop` is neither `keep` nor `replace`"),
    ] {
        world.playbook(&made(&format!("image: {{{image}}}")));
        world.plan().is(1, &[said]);
    }
    world.playbook(&made(own));
    world.destroy().is(0, &["0 left"]);
}
