//! Creations that the stacks of tests/cloud.rs lack, in all that can befall them; calls that are denied, and keys that are
//! wrong.

#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::Signal;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;
use support::place::Seen;

/// A pair whose private key is told once, and a template that has another version for each `n`.
fn parts(n: usize) -> String {
    let pairs: String = (0..=n)
        .map(|n| format!("    - ec2_key: {{name: pair-{n}, key_type: ed25519, file_name: key-{n}}}\n"))
        .collect();
    format!(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n{pairs}    \
         - ec2_launch_template: {{name: t, image_id: {DEBIAN}, instance_type: t3.micro, key_name: k-{n}}}\n"
    )
}

const CREATES: [&str; 2] = ["CreateKeyPair", "CreateLaunchTemplateVersion"];

#[track_caller]
fn good(seen: &Seen) {
    assert_eq!(seen.code, Some(0), "{}", seen.all());
}

/// As many pairs and versions as there should be, each private key in its file, and nothing to do.
#[track_caller]
fn is_right(world: &World, n: usize, weather: &str) {
    assert_eq!(world.count("key-pair"), n + 1, "{weather}: {:#?}", world.inventory());
    for n in 0..=n {
        let path = world.place.path().join(format!("key-{n}"));
        let mode = std::fs::metadata(&path)
            .unwrap_or_else(|e| panic!("{weather}: key-{n}: {e}"))
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{weather}");
        assert!(std::fs::read_to_string(&path).unwrap().contains("PRIVATE KEY"), "{weather}");
    }
    let latest = [("LaunchTemplateName", "t")];
    let latest = world.make("ec2", "DescribeLaunchTemplates", &latest, "latestVersionNumber");
    assert_eq!(latest, (n + 1).to_string(), "{weather}");
    world.proxy.forget();
    good(&world.apply());
    assert_eq!(world.writes(), [""; 0], "{weather}");
}

#[test]
fn pairs_and_versions_are_made_once_in_any_weather() {
    let world = World::new(&parts(0));
    good(&world.apply());
    is_right(&world, 0, "good");
    let faults = [
        (Fault::ReplyLost, 1),
        (Fault::Throttled, 6),
        (Fault::Broken, 1),
        (Fault::Reset, 1),
        (Fault::Silent, 1),
    ];
    for (n, (fault, times)) in (1..).zip(faults) {
        world.playbook(&parts(n));
        CREATES.iter().for_each(|action| world.proxy.fault(action, fault.clone(), times));
        good(&world.apply());
        assert_eq!(world.proxy.clear(), [""; 0], "{fault:?}");
        is_right(&world, n, &format!("{fault:?}"));
    }
    world.playbook(&parts(6));
    world.settings(&json!({"notfound": 4}));
    // What the last run made is old enough to be found.
    while !world.call("ec2", "DescribeKeyPairs", &[]).1.contains("pair-5") {
        std::thread::sleep(Duration::from_millis(100));
    }
    good(&world.apply());
    world.settings(&json!({"notfound": 0}));
    is_right(&world, 6, "not found for a while");
    good(&world.destroy());
    assert_eq!(world.inventory().len(), 0, "{:#?}", world.inventory());
}

#[test]
fn pairs_and_versions_are_right_after_a_run_that_was_ended() {
    let world = World::new(&parts(0));
    good(&world.apply());
    let mut n = 0;
    for signal in [Signal::KILL, Signal::INT] {
        for action in CREATES {
            n += 1;
            world.playbook(&parts(n));
            let seen = world.stopped_at(action, signal);
            assert_ne!(seen.code, Some(0), "{}", seen.all());
            good(&world.apply());
            is_right(&world, n, &format!("{action} {signal:?}"));
        }
    }
    good(&world.destroy());
    assert_eq!(world.inventory().len(), 0, "{:#?}", world.inventory());
}

/// What is known by its name alone, and a machine that has the profile made for it.
fn named(n: usize) -> String {
    let nobody = r#"{"Version": "2012-10-17", "Statement": []}"#;
    format!(
        "\
- hosts: localhost
  gather_facts: false
  tasks:
    - ec2_vpc_net: {{name: t, cidr_block: 10.20.0.0/16}}
    - iam_role: {{name: role-{n}, assume_role_policy_document: '{nobody}', create_instance_profile: false}}
    - iam_instance_profile: {{name: profile-{n}, role: role-{n}}}
    - ssm_parameter: {{name: /parameter-{n}, value: '{{{{ 1 }}}}'}}
    - ec2_launch_template: {{name: template-{n}, image_id: {DEBIAN}, instance_type: t3.micro}}
    - autoscaling_group: {{name: group-{n}, launch_template: {{launch_template_name: template-{n}}}, min_size: 0, max_size: 1, desired_capacity: 0, availability_zones: [us-east-1a]}}
    - ec2_instance: {{name: machine-{n}, image_id: {DEBIAN}, iam_instance_profile: profile-{n}}}
"
    )
}

#[test]
fn what_has_a_name_is_made_once_also_when_reads_lag_behind_a_killed_run() {
    let world = World::default();
    world.settings(&json!({"notfound": 2}));
    let creates = [
        "CreateRole",
        "CreateInstanceProfile",
        "PutParameter",
        "CreateLaunchTemplate",
        "CreateAutoScalingGroup",
    ];
    for (n, action) in creates.iter().enumerate() {
        world.playbook(&named(n));
        world.stopped_at(action, Signal::KILL);
        let began = Instant::now();
        good(&world.apply());
        // Whether a name is there is no matter of patience: only what was made a moment ago is waited for.
        assert!(began.elapsed() < Duration::from_secs(55), "{action}: {:?}", began.elapsed());
        for kind in
            ["role", "instance-profile", "parameter", "launch-template", "autoscaling-group", "instance"]
        {
            assert_eq!(world.count(kind), n + 1, "{action}: {kind}");
        }
    }
    world.proxy.forget();
    good(&world.apply());
    assert_eq!(world.writes(), [""; 0]);
    world.destroy().is(0, &["0 left"]);
}

/// A private key that nobody has is worth nothing, and one that was moved elsewhere is.
#[test]
fn a_pair_is_made_anew_only_where_its_key_was_never_written() {
    let world = World::new(&parts(0));
    good(&world.apply());
    let id = world.ours().into_iter().find(|t| t.kind == "key-pair").unwrap().id;
    std::fs::rename(world.place.path().join("key-0"), world.place.path().join("elsewhere")).unwrap();
    world.plan().is(0, &["no changes"]);
    world.playbook(&parts(1));
    world.stopped_at("CreateKeyPair", Signal::KILL);
    world.plan().is(2, &["private_key is lost, not in key-1, which cannot be changed in place"]);
    good(&world.apply());
    assert!(world.ours().iter().any(|t| t.id == id), "{:#?}", world.ours());
    assert!(world.place.path().join("key-1").exists());
    good(&world.destroy());
}

/// Creations of every kind; `ID` is an instance.
const STACK: &str = "\
- hosts: localhost
  gather_facts: false
  tasks:
    - ec2_vpc_net: {name: d, cidr_block: 10.21.0.0/16}
      register: net
    - ec2_eip: {tags: {Name: spare}}
    - ec2_key: {name: made}
    - ec2_launch_template: {name: d, image_id: DEBIAN, instance_type: t3.micro}
    - iam_role: {name: d, assume_role_policy_document: '{\"Version\": \"2012-10-17\", \"Statement\": []}'}
    - iam_instance_profile: {name: other}
    - ssm_parameter: {name: /d/one, value: text}
    - ec2_ami: {name: d, instance_id: ID}
    - ec2_ami_copy: {name: copied, source_region: us-east-1, source_image_id: DEBIAN}
    - ec2_snapshot: {instance_id: ID, device_name: /dev/sda1, last_snapshot_min_age: 60}
    - ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.21.1.0/24, az: us-east-1a}
      register: subnet
    - ec2_vpc_igw: {vpc_id: '{{ net.vpc.id }}'}
    - ec2_security_group: {name: d, description: d, vpc_id: '{{ net.vpc.id }}'}
    - ec2_vpc_route_table: {vpc_id: '{{ net.vpc.id }}', tags: {Name: public}}
    - ec2_vpc_nat_gateway: {subnet_id: '{{ subnet.subnet.id }}'}
    - ec2_instance: {name: d, image_id: DEBIAN, instance_type: t3.micro, vpc_subnet_id: '{{ subnet.subnet.id }}'}
    - autoscaling_group: {name: d, launch_template: {launch_template_name: d}, min_size: 0, max_size: 1, vpc_zone_identifier: ['{{ subnet.subnet.id }}']}
";

const CREATIONS: [&str; 17] = [
    "ec2:CreateVpc",
    "ec2:AllocateAddress",
    "ec2:CreateKeyPair",
    "ec2:CreateLaunchTemplate",
    "iam:CreateRole",
    "iam:CreateInstanceProfile",
    "ssm:PutParameter",
    "ec2:CreateImage",
    "ec2:CopyImage",
    "ec2:CreateSnapshot",
    "ec2:CreateSubnet",
    "ec2:CreateInternetGateway",
    "ec2:CreateSecurityGroup",
    "ec2:CreateRouteTable",
    "ec2:CreateNatGateway",
    "ec2:RunInstances",
    "autoscaling:CreateAutoScalingGroup",
];

#[test]
fn every_denied_creation_names_its_call_and_action() {
    let world = World::default();
    world.settings(&json!({"delays": {"instance.pending": 0}}));
    let machine = [("ImageId", DEBIAN), ("InstanceType", "t3.micro"), ("MinCount", "1"), ("MaxCount", "1")];
    let id = world.make("ec2", "RunInstances", &machine, "instanceId");
    world.playbook(&STACK.replace("DEBIAN", DEBIAN).replace("ID", &id));
    // All are denied; each run gets as far as the first of them, which are allowed then.
    let mut denied = CREATIONS.to_vec();
    while !denied.is_empty() {
        for action in &denied {
            world.proxy.fault(action.split_once(':').unwrap().1, Fault::Denied, 99);
        }
        let seen = world.apply();
        assert_eq!(seen.code, Some(1), "{}", seen.all());
        let before = denied.len();
        denied.retain(|action| {
            let (call, policy) =
                (format!("{action} is not allowed"), format!("allow the action `{action}` in"));
            !(seen.all().contains(&call) && seen.all().contains(&policy))
        });
        assert!(denied.len() < before, "none of {denied:?} is named in\n{}", seen.all());
        world.proxy.clear();
    }
    good(&world.apply());
    good(&world.destroy());
    world.assert_nothing_left();
}

/// Here the service itself checks signatures and policies.
#[test]
fn policies_and_wrong_signatures_are_told() {
    let mut world = World::default();
    world.playbook(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ec2_vpc_net: {name: d, cidr_block: 10.21.0.0/16}\n",
    );
    world.protect(&["ec2:Describe*"]);
    world.plan().is(2, &["there is no VPC d"]);
    world.apply().is(1, &["ec2:CreateVpc is not allowed", "allow the action `ec2:CreateVpc` in the policy"]);
    world.secret_key("wrong");
    world.plan().is(1, &["ec2:DescribeVpcs: the credentials were refused", "hint: check key and secret"]);
    assert_eq!(world.count("vpc"), 0);
}
