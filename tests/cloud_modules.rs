//! Modules of the cloud carried out against the tests' cloud: made, then nothing to do, changed, removed.

#![allow(clippy::unwrap_used)]

#[path = "cloud_modules/counts.rs"]
mod counts;
#[path = "cloud_modules/infos.rs"]
mod infos;
#[path = "cloud_modules/refresh.rs"]
mod refresh;
#[path = "cloud_modules/returns.rs"]
mod returns;
mod support;

use support::cloud::{DEBIAN, World};
use support::cloud_plays::{bare, converges, good, play};
use support::cloud_proxy::Fault;

#[test]
fn a_launch_template_gets_a_version_only_where_something_differs() {
    let world = World::default();
    let template = |more: &str| {
        bare(&format!(
            "- ec2_launch_template: {{name: nodes, image_id: {DEBIAN}, {more}}}\n  register: t\n- debug: {{msg: 'latest {{{{ t.latest_version }}}} default {{{{ t.default_version }}}}'}}\n"
        ))
    };
    let first = converges(&world, &template("instance_type: t3.micro, key_name: k"));
    first.is(0, &["latest 1 default 1"]);
    // What is left out is inherited, so it is no difference.
    converges(&world, &template("instance_type: t3.micro")).is(0, &["latest 1 default 1"]);
    let disk = "block_device_mappings: [{device_name: /dev/xvda, ebs: {volume_size: 20}}]";
    converges(&world, &template(&format!("instance_type: t3.small, {disk}"))).is(0, &["latest 2 default 2"]);
    let versions = world.make(
        "ec2",
        "DescribeLaunchTemplateVersions",
        &[("LaunchTemplateName", "nodes"), ("LaunchTemplateVersion.1", "2")],
        "launchTemplateData",
    );
    for inherited in ["<keyName>k<", "<instanceType>t3.small<", "<volumeSize>20<", "<httpTokens>required<"] {
        assert!(versions.contains(inherited), "{inherited} is not in {versions}");
    }
    let based = "instance_type: t3.small, source_version: '1', default_version: 1";
    converges(&world, &template(based)).is(0, &["latest 3 default 1"]);
    // Single versions go, and another is the default then.
    let some = |versions: &str, more: &str| {
        bare(&format!(
            "- ec2_launch_template: {{name: nodes, state: absent, versions_to_delete: {versions}{more}}}\n  register: t\n\
             - debug: {{msg: 'left {{{{ t.versions | map(attribute=\"version_number\") | list }}}} default {{{{ t.default_version }}}}'}}\n"
        ))
    };
    world.playbook(&some("[1]", ", default_version: 1"));
    world.plan().is(1, &["`default_version: 1` is none of the versions that stay"]);
    world.playbook(&some("[1, 2, 3]", ""));
    world.plan().is(1, &["`versions_to_delete` names all versions"]);
    converges(&world, &some("[1]", ", default_version: 2"))
        .is(0, &["left [2, 3] default 2", "version 1 is not wanted"]);
    converges(&world, &some("[1, 2]", "")).is(0, &["left [3] default 3"]);
    world.playbook(&bare("- ec2_launch_template: {name: nodes, state: absent}"));
    good(&world.apply());
    world.assert_nothing_left();
}

#[test]
fn a_group_launches_refreshes_and_goes_with_its_instances() {
    let world = World::default();
    let group = |size: u32, kind: &str| {
        // Another hook for each size.
        let heartbeat = 60 + size;
        play(&format!(
            "\
- ec2_launch_template: {{name: nodes, image_id: {DEBIAN}, instance_type: {kind}}}
  register: template
- autoscaling_group:
    name: nodes
    launch_template: {{launch_template_name: '{{{{ template.template.launch_template_name }}}}'}}
    min_size: 0
    max_size: 4
    desired_capacity: {size}
    vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']
    replace_all_instances: true
    tags: [{{role: node, propagate_at_launch: true}}, {{note: mine, propagate_at_launch: false}}]
    lifecycle_hooks: [{{name: drain, transition: terminating, heartbeat_timeout: {heartbeat}, default_result: CONTINUE}}]
  register: group
- debug: {{msg: '{{{{ group.viable_instances }}}} of {{{{ group.desired_capacity }}}} serve'}}
"
        ))
    };
    converges(&world, &group(2, "t3.micro")).is(0, &["2 of 2 serve"]);
    let instances = |world: &World| -> Vec<String> {
        world.inventory().into_iter().filter(|t| t.kind == "instance").map(|t| t.id).collect()
    };
    let before = instances(&world);
    let tags = &world.inventory().into_iter().find(|t| t.kind == "instance").unwrap().tags;
    assert_eq!(tags.get("role").map(String::as_str), Some("node"));
    assert!(tags.contains_key("fitout:stack") && !tags.contains_key("note"), "{tags:?}");
    let grown = converges(&world, &group(3, "t3.micro"));
    grown.is(0, &["3 of 3 serve", "lifecycle_hooks.drain.heartbeat_timeout is 62, not 63"]);
    assert!(before.iter().all(|id| instances(&world).contains(id)));
    converges(&world, &group(3, "t3.small")).is(0, &["3 of 3 serve", "outdated_instances is 3, not 0"]);
    assert!(before.iter().all(|id| !instances(&world).contains(id)));
    let gone = "\
- autoscaling_group: {name: nodes, state: absent}
- ec2_launch_template: {name: nodes, state: absent}
- ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.20.1.0/24, state: absent}
- ec2_vpc_net: {name: t, cidr_block: 10.20.0.0/16, state: absent}
";
    world.playbook(&play(gone));
    good(&world.apply());
    world.assert_nothing_left();
}

#[test]
fn named_instances_are_replaced_or_leave_the_group() {
    let world = World::default();
    let group = |more: &str| {
        play(&format!(
            "\
- ec2_launch_template: {{name: nodes, image_id: {DEBIAN}, instance_type: t3.micro}}
- autoscaling_group:
    name: nodes
    launch_template: {{launch_template_name: nodes}}
    min_size: 0
    max_size: 4
    vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']
    {more}
  register: group
- debug: {{msg: '{{{{ group.viable_instances }}}} of {{{{ group.desired_capacity }}}} serve'}}
"
        ))
    };
    let instances = || -> Vec<String> {
        let all = world.inventory().into_iter().filter(|t| t.kind == "instance");
        all.map(|t| t.id).collect()
    };
    converges(&world, &group("desired_capacity: 3")).is(0, &["3 of 3 serve"]);
    let [one, two, three] = instances().try_into().unwrap();
    // They are of the right version.
    let named = format!("replace_instances: ['{one}', '{two}', i-0123456789abcdef0]");
    world.playbook(&group(&named));
    good(&world.apply());
    assert_eq!(world.times("TerminateInstanceInAutoScalingGroup"), 0);
    world.proxy.fault("TerminateInstanceInAutoScalingGroup", Fault::ReplyLost, 1);
    let seen = converges(&world, &group(&format!("{named}\n    lt_check: false")));
    seen.is(0, &["3 of 3 serve", &format!("instances {one} is not wanted")]);
    let now = instances();
    assert!(!now.contains(&one) && !now.contains(&two) && now.contains(&three), "{now:?}");
    // Those that leave run on: others come in their place, or none.
    world.proxy.fault("DetachInstances", Fault::ReplyLost, 1);
    converges(&world, &group(&format!("detach_instances: ['{three}']"))).is(0, &["3 of 3 serve"]);
    assert_eq!(instances().len(), 4);
    let member = now.iter().find(|id| **id != three).unwrap();
    let fewer = format!("detach_instances: ['{member}']\n    decrement_desired_capacity: true");
    converges(&world, &group(&fewer)).is(0, &["2 of 2 serve"]);
    assert_eq!(instances().len(), 4);
    good(&world.destroy());
}

#[test]
fn a_gateway_brings_its_address_and_takes_it_along() {
    let world = World::default();
    let gateway = play(
        "\
- ec2_vpc_nat_gateway: {subnet_id: '{{ subnet.subnet.id }}', wait: true}
  register: gateway
- debug: {msg: 'it is {{ gateway.state }} with {{ gateway.nat_gateway_addresses | length }}'}
",
    );
    converges(&world, &gateway).is(0, &["it is available with 1"]);
    assert_eq!((world.count("natgateway"), world.count("elastic-ip")), (1, 1));
    let gone = "\
- ec2_vpc_nat_gateway: {subnet_id: '{{ subnet.subnet.id }}', state: absent}
- ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.20.1.0/24, state: absent}
- ec2_vpc_net: {name: t, cidr_block: 10.20.0.0/16, state: absent}
";
    world.playbook(&play(gone));
    good(&world.apply());
    world.assert_nothing_left();
}

#[test]
fn an_image_is_baked_shared_copied_and_goes_with_its_snapshots() {
    let world = World::default();
    // Images are made of instances that run.
    world.settings(&serde_json::json!({"delays": {"instance.pending": 0}}));
    let machine = [("ImageId", DEBIAN), ("InstanceType", "t3.micro"), ("MinCount", "1"), ("MaxCount", "1")];
    let id = world.make("ec2", "RunInstances", &machine, "instanceId");
    let image = |share: &str, state: &str| {
        bare(&format!(
            "\
- ec2_ami: {{name: baked, instance_id: {id}, wait: true, tags: {{role: node}}, launch_permissions: {{user_ids: {share}}}, state: {state}}}
  register: image
- debug: {{msg: 'image {{{{ image.state }}}} {{{{ image.root_device_name }}}}'}}
"
        ))
    };
    converges(&world, &image("['111122223333']", "present")).is(0, &["image available /dev/xvda"]);
    let shared = converges(&world, &image("['444455556666']", "present"));
    shared.is(
        0,
        &["launch_permissions 444455556666 is missing", "launch_permissions 111122223333 is not wanted"],
    );
    let copy = "\
- ec2_ami_copy: {name: copied, source_region: us-east-1, source_image_id: '{{ image.image_id }}', wait: true}
- ec2_snapshot: {instance_id: ID, device_name: /dev/sda1, description: d, last_snapshot_min_age: 60}
  register: snapshot
- debug: {msg: 'snapshot {{ snapshot.state }}'}
";
    let all = image("['444455556666']", "present")
        + &bare(&copy.replace("ID", &id)).replacen(
            "- hosts: localhost\n  gather_facts: false\n  tasks:\n",
            "",
            1,
        );
    converges(&world, &all).is(0, &["snapshot completed"]);
    assert_eq!((world.count("image"), world.count("snapshot")), (2, 3));
    let gone = "\
- ec2_ami: {name: baked, state: absent}
- ec2_ami: {name: copied, state: absent, delete_snapshot: true}
- ec2_snapshot: {snapshot_id: ID, state: absent}
";
    let snapshot =
        world.ours().into_iter().find(|t| t.tags["fitout:node"].starts_with("ec2_snapshot/")).unwrap();
    world.playbook(&bare(&gone.replace("ID", &snapshot.id)));
    good(&world.apply());
    assert_eq!((world.count("image"), world.count("snapshot")), (0, 0));
}

#[test]
fn an_address_is_allocated_once() {
    let world = World::default();
    let address = bare(
        "- ec2_eip: {tags: {Name: gateway}}\n  register: one\n- debug: {msg: 'ip {{ one.public_ip }}'}\n- ec2_eip: {tags: {Name: other}}\n",
    );
    converges(&world, &address);
    assert_eq!(world.count("elastic-ip"), 2);
    let gone = "- ec2_eip: {tags: {Name: gateway}, state: absent}\n- ec2_eip: {tags: {Name: other}, state: absent}\n";
    world.playbook(&bare(gone));
    good(&world.apply());
    assert_eq!(world.count("elastic-ip"), 0);
}

#[test]
fn roles_and_parameters_are_as_they_should_be() {
    let world = World::default();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    // The value is no part of the playbook, where a finding would show it.
    let role = |description: &str, value: &str| {
        let value = format!(
            "{{{{ '{}' | b64decode }}}}",
            if value == "one" { "czNjcmV0LW9uZQ==" } else { "czNjcmV0LXR3bw==" }
        );
        bare(&format!(
            "\
- iam_role:
    name: nodes
    description: {description}
    assume_role_policy_document: '{trust}'
  register: role
- debug: {{msg: 'role {{{{ role.iam_role.arn }}}}'}}
- iam_instance_profile: {{name: blue, role: '{{{{ role.iam_role.role_name }}}}', tags: {{for: {description}}}}}
  register: blue
- debug: {{msg: 'blue holds {{{{ blue.iam_instance_profile.roles[0].role_name }}}}'}}
- ssm_parameter: {{name: /nodes/secret, value: \"{value}\", string_type: SecureString}}
  register: parameter
- debug: {{msg: 'version {{{{ parameter.parameter_metadata.version }}}}'}}
- aws_caller_info: {{}}
  register: caller
- debug: {{msg: 'account {{{{ caller.account }}}}'}}
"
        ))
    };
    let first = converges(&world, &role("the nodes", "one"));
    first.is(
        0,
        &[
            "role arn:aws:iam::123456789012:role/nodes",
            "blue holds nodes",
            "version 1",
            "account 123456789012",
        ],
    );
    let second = converges(&world, &role("other nodes", "two"));
    second.is(0, &["version 2", "description is the nodes, not other nodes", "tags.for is the nodes"]);
    for seen in [&first, &second] {
        assert!(!seen.all().contains("s3cret"), "{}", seen.all());
    }
    assert!(!world.place.kept().contains("s3cret"));
    world.playbook(&bare(
        "- iam_instance_profile: {name: blue, state: absent}\n- iam_role: {name: nodes, state: absent}\n- ssm_parameter: {name: /nodes/secret, state: absent}\n",
    ));
    good(&world.apply());
    let kinds = ["role", "instance-profile", "parameter"];
    let left: Vec<_> = world.inventory().into_iter().filter(|t| kinds.contains(&t.kind.as_str())).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_image_is_chosen_and_none_or_several_are_errors() {
    let world = World::default();
    let owner = "owners: ['136693071363']";
    let newest = format!("+image_id: {DEBIAN}");
    let cases = [
        (format!("{{{owner}, name: 'debian-12-amd64-*', most_recent: true}}"), newest.as_str()),
        (format!("{{{owner}, name: 'debian-12-amd64-2026*'}}"), newest.as_str()),
        (
            format!(
                "{{{owner}, filters: {{name: 'debian-12-*'}}, architecture: x86_64, root_device_type: ebs, virtualization_type: hvm, most_recent: true}}"
            ),
            newest.as_str(),
        ),
        ("{ssm: /aws/service/debian/release/12/latest/amd64}".into(), newest.as_str()),
        (format!("{{id: {DEBIAN}}}"), newest.as_str()),
        (DEBIAN.into(), newest.as_str()),
        (
            format!("{{{owner}, name: 'debian-12-amd64-*'}}"),
            "2 images fit name=debian-12-amd64-* state=available owners=136693071363",
        ),
        (
            format!("{{{owner}, name: 'debian-12-amd64-*', architecture: arm64}}"),
            "no image in us-east-1 fits",
        ),
        ("{ssm: /aws/service/none}".into(), "the parameter /aws/service/none in us-east-1 does not exist"),
        (format!("{{{owner}}}"), "give an `id`, an `ssm` parameter, or a `name`"),
    ];
    for (image, said) in cases {
        world.playbook(&bare(&format!("- ec2_instance: {{name: t, image: {image}}}\n")));
        let seen = world.run(&["plan", "--diff", "site.yml"]);
        assert!(seen.all().contains(said), "{image}: `{said}` is not said in\n{}", seen.all());
    }
    assert_eq!(world.writes(), [""; 0]);
}

#[test]
fn an_instance_has_its_profile_and_the_options_of_its_interface() {
    let world = World::default();
    let instance = |profile: &str| {
        play(&format!(
            "\
- iam_role: {{name: one, assume_role_policy_document: '{{\"Version\": \"2012-10-17\", \"Statement\": []}}'}}
- iam_role: {{name: two, assume_role_policy_document: '{{\"Version\": \"2012-10-17\", \"Statement\": []}}'}}
- ec2_instance:
    name: t
    image_id: {DEBIAN}
    vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'
    iam_instance_profile: {profile}
    network: {{assign_public_ip: false, private_ip_address: 10.20.1.9, description: its own, delete_on_termination: true, source_dest_check: false}}
  register: made
- debug: {{msg: 'it is {{{{ made.instances[0].private_ip_address }}}} {{{{ made.instances[0].source_dest_check }}}}'}}
"
        ))
    };
    converges(&world, &instance("one")).is(0, &["it is 10.20.1.9"]);
    let launch = world.calls();
    assert!(!launch.iter().any(|call| call.writes()));
    converges(&world, &instance("two")).is(0, &["iam_instance_profile is"]);
    good(&world.destroy());
}

/// A plan reads of what is not there yet all that is told of it later.
#[test]
fn what_a_task_will_tell_is_open_in_the_plan_and_no_failure() {
    let read = [
        "subnet.subnet.ipv6_native",
        "table.route_table.owner_id",
        "node.instances[0].block_device_mappings[0].ebs.volume_id",
        "node.instances[0].architecture",
        "disk.start_time",
        "disk.snapshots[0].snapshot_id",
        "image.creation_date",
        "group.health_check_type",
        "group.healthcheck_type",
        "net.vpc.name",
    ];
    let shown = |(n, what): (usize, &&str)| format!("- debug: {{msg: 'told {n} {{{{ {what} }}}}.'}}\n");
    let tasks = format!(
        "\
- ec2_vpc_route_table: {{vpc_id: '{{{{ net.vpc.id }}}}', tags: {{Name: t}}}}
  register: table
- ec2_instance: {{name: t, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}', wait: true}}
  register: node
- ec2_snapshot: {{volume_id: '{{{{ node.instances[0].block_device_mappings[0].ebs.volume_id }}}}'}}
  register: disk
- ec2_ami: {{instance_id: '{{{{ node.instance_ids[0] }}}}', name: t}}
  register: image
- ec2_launch_template: {{name: t, image_id: {DEBIAN}}}
- autoscaling_group:
    {{name: t, launch_template: {{launch_template_name: t}}, min_size: 0, max_size: 0, vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']}}
  register: group
{}",
        read.iter().enumerate().map(shown).collect::<String>()
    );
    let world = World::new(&play(&tasks));
    world.plan().is(2, &["8 to change"]);
    let told: Vec<String> = (0..read.len()).map(|n| format!("told {n} ")).collect();
    world.apply().is(0, &told.iter().map(String::as_str).collect::<Vec<_>>());
    world.destroy().is(0, &["0 left"]);
}
