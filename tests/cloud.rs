//! A stack over the tests' cloud that is stopped at every creation, in bad weather, and in check mode: in the end it is
//! right, has no double, and goes without a rest.

#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;
use support::place::Seen;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGtleWJhZGtleWJhZGtleWJhZGtleWJhZGtleWJh me@here";

/// A network over two zones with a machine.
fn cluster() -> String {
    CLUSTER.replace("DEBIAN", DEBIAN).replace("KEY", KEY)
}

const CLUSTER: &str = "\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - amazon.aws.ec2_vpc_net: {name: c, cidr_block: 10.20.0.0/16}
      register: net
    - amazon.aws.ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: '10.20.{{ item.n }}.0/24', az: '{{ item.az }}', map_public: true}
      loop: [{n: 1, az: us-east-1a}, {n: 2, az: us-east-1b}]
      register: subnets
    - amazon.aws.ec2_vpc_igw: {vpc_id: '{{ net.vpc.id }}'}
      register: gateway
    - amazon.aws.ec2_vpc_route_table:
        vpc_id: '{{ net.vpc.id }}'
        subnets: \"{{ subnets.results | map(attribute='subnet.id') | list }}\"
        routes: [{dest: 0.0.0.0/0, gateway_id: '{{ gateway.gateway_id }}'}]
        tags: {Name: public}
    - amazon.aws.ec2_security_group:
        name: c
        description: nodes
        vpc_id: '{{ net.vpc.id }}'
        rules: [{proto: tcp, ports: [22], cidr_ip: 0.0.0.0/0}]
      register: group
    - amazon.aws.ec2_key: {name: c, key_material: 'KEY'}
    - amazon.aws.ec2_launch_template: {name: c, image_id: DEBIAN, instance_type: t3.micro}
    - amazon.aws.ec2_instance:
        name: c-1
        image_id: DEBIAN
        instance_type: t3.micro
        key_name: c
        vpc_subnet_id: '{{ subnets.results[0].subnet.id }}'
        security_groups: ['{{ group.group_id }}']
";

/// What it creates, in the order of its needs.
const CREATES: [&str; 9] = [
    "CreateVpc",
    "CreateSubnet",
    "CreateInternetGateway",
    "CreateSecurityGroup",
    "ImportKeyPair",
    "CreateLaunchTemplate",
    "CreateRouteTable",
    "CreateRoute",
    "RunInstances",
];

const EXPECTED: [(&str, usize); 8] = [
    ("vpc", 1),
    ("subnet", 2),
    ("internet-gateway", 1),
    ("route-table", 1),
    ("security-group", 1),
    ("key-pair", 1),
    ("launch-template", 1),
    ("instance", 1),
];

#[track_caller]
fn good(seen: &Seen) {
    assert_eq!(seen.code, Some(0), "{}", seen.all());
}

/// Right, without a double, converged; then destroyed, and nothing is left, tagged or not.
#[track_caller]
fn is_right_and_goes(world: &World, expected: &[(&str, usize)]) {
    for (kind, count) in expected {
        assert_eq!(world.count(kind), *count, "{kind}: {:#?}", world.inventory());
    }
    world.proxy.forget();
    good(&world.apply());
    assert_eq!(world.writes(), [""; 0]);
    good(&world.destroy());
    let left = world.inventory();
    assert!(left.is_empty(), "{left:#?}");
}

/// Runs again and again, each time stopped when the next creations were carried out and not answered, until each was. They
/// are never answered: the program has to end without.
fn stopped_at_every_creation(world: &World, creates: &[&str], signal: Signal, least: usize) {
    let mut stopped = 0;
    loop {
        // Whichever comes first; what is made beside it is held as well.
        for action in creates {
            world.proxy.fault(action, Fault::Held, 2);
        }
        let mut run = world.start(&["apply", "--yes", "site.yml"]);
        while !world.proxy.holds() && !run.ended() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let holds = world.proxy.holds();
        let began = Instant::now();
        if holds {
            stopped += 1;
            run.signal(signal);
        }
        let seen = run.end();
        if holds && signal == Signal::INT {
            assert!(began.elapsed() < INTERRUPT, "it ended {:?} after the interrupt", began.elapsed());
            seen.is(130, &[]);
        }
        assert_ne!(seen.code, Some(1), "{}", seen.all());
        world.proxy.clear();
        if !holds {
            break;
        }
        assert!(stopped < 20, "it gets no further");
    }
    assert!(stopped >= least, "only {stopped} runs were stopped at a creation");
    let held = world.calls().into_iter().filter(|call| call.fault == Some(Fault::Held));
    let held: BTreeSet<String> = held.map(|call| call.action).collect();
    let never: Vec<_> = creates.iter().filter(|action| !held.contains(**action)).collect();
    assert!(never.is_empty(), "no run was stopped at {never:?}");
    good(&world.apply());
}

#[test]
fn killed_at_every_creation_it_comes_right() {
    let world = World::new(&cluster());
    stopped_at_every_creation(&world, &CREATES, Signal::KILL, 4);
    is_right_and_goes(&world, &EXPECTED);
}

/// What a killed run made is not shown yet when the next one begins: it is waited for, and no other is made.
#[test]
fn what_a_killed_run_made_is_found_when_it_shows() {
    let world = World::new(&cluster());
    world.settings(&json!({"notfound": 4}));
    for action in ["CreateVpc", "RunInstances"] {
        world.stopped_at(action, Signal::KILL);
    }
    good(&world.apply());
    world.settings(&json!({"notfound": 0}));
    is_right_and_goes(&world, &EXPECTED);
}

/// An interrupted run looks up what it made and gives it its parts, so the next one gets further than after a kill.
#[test]
fn interrupted_at_every_creation_it_comes_right() {
    let world = World::new(&cluster());
    stopped_at_every_creation(&world, &CREATES, Signal::INT, 3);
    is_right_and_goes(&world, &EXPECTED);
}

/// Where not even the look for what was made is answered, the message says how it is found.
#[test]
fn an_interrupt_tells_what_may_have_been_made() {
    let world = World::new(&cluster());
    world.proxy.fault("CreateVpc", Fault::Held, 1);
    world.proxy.fault_after("DescribeVpcs", 1, Fault::Silent, 1);
    let run = world.start(&["apply", "--yes", "site.yml"]);
    world.proxy.wait_held();
    run.signal(Signal::INT);
    run.end().is(
        130,
        &["ec2:CreateVpc", "if the VPC was made, it carries the tag fitout:op=", "the next run finds it"],
    );
    world.proxy.clear();
    good(&world.apply());
    is_right_and_goes(&world, &EXPECTED);
}

/// Between an interrupt and the end: the last answers are waited for so long, and then what they made is looked up.
const INTERRUPT: Duration = Duration::from_secs(10);

/// Further things, each with a creation of its own kind. `ID` is an instance.
const MORE: &str = "\
- hosts: localhost
  gather_facts: false
  tasks:
    - ec2_vpc_net: {name: m, cidr_block: 10.21.0.0/16}
      register: net
    - ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.21.1.0/24, az: us-east-1a}
      register: subnet
    - ec2_vpc_nat_gateway: {subnet_id: '{{ subnet.subnet.id }}', wait: true}
    - ec2_eip: {tags: {Name: spare}}
    - ec2_launch_template: {name: m, image_id: DEBIAN, instance_type: t3.micro}
      register: template
    - autoscaling_group:
        name: m
        launch_template: {launch_template_id: '{{ template.template.launch_template_id }}'}
        min_size: 1
        max_size: 2
        desired_capacity: 1
        vpc_zone_identifier: ['{{ subnet.subnet.id }}']
    - iam_role:
        name: m
        assume_role_policy_document: '{\"Version\": \"2012-10-17\", \"Statement\": []}'
    - ssm_parameter: {name: /m/one, value: text}
    - iam_instance_profile: {name: other}
    - ec2_ami: {name: m, instance_id: ID, wait: true}
      register: image
    - ec2_ami_copy: {name: copied, source_region: us-east-1, source_image_id: '{{ image.image_id }}', wait: true}
    - ec2_snapshot: {instance_id: ID, device_name: /dev/sda1, last_snapshot_min_age: 60}
";

const MORE_CREATES: [&str; 10] = [
    "CreateNatGateway",
    "AllocateAddress",
    "CreateLaunchTemplate",
    "CreateAutoScalingGroup",
    "CreateRole",
    "PutParameter",
    "CreateInstanceProfile",
    "CreateImage",
    "CopyImage",
    "CreateSnapshot",
];

/// A cloud with a machine that is nobody's, and MORE about it.
fn more() -> World {
    let world = World::default();
    // Images are made of instances that run.
    world.settings(&json!({"delays": {"instance.pending": 0}, "page": 2}));
    let machine = [("ImageId", DEBIAN), ("InstanceType", "t3.micro"), ("MinCount", "1"), ("MaxCount", "1")];
    let id = world.make("ec2", "RunInstances", &machine, "instanceId");
    world.playbook(&MORE.replace("DEBIAN", DEBIAN).replace("ID", &id));
    world
}

#[track_caller]
fn more_is_right_and_goes(world: &World) {
    let expected = [
        ("natgateway", 1),
        ("elastic-ip", 2),
        ("launch-template", 1),
        ("autoscaling-group", 1),
        ("role", 1),
        ("instance-profile", 2),
        ("parameter", 1),
        ("image", 2),
        ("snapshot", 3),
    ];
    for (kind, count) in expected {
        assert_eq!(world.count(kind), count, "{kind}: {:#?}", world.inventory());
    }
    world.proxy.forget();
    good(&world.apply());
    assert_eq!(world.writes(), [""; 0]);
    good(&world.destroy());
    world.assert_nothing_left();
}

/// Nothing is tagged later: who is killed between leaves nothing that nobody knows.
#[test]
fn what_is_made_has_its_tags_from_its_first_moment() {
    let mut kinds = BTreeSet::new();
    for world in [World::new(&cluster()), more()] {
        world.proxy.forget();
        good(&world.apply());
        let later =
            ["CreateTags", "CreateOrUpdateTags", "TagRole", "TagInstanceProfile", "AddTagsToResource"];
        assert_eq!(later.map(|call| world.times(call)), [0; 5]);
        for thing in world.ours() {
            let launched = thing.tags.contains_key("aws:autoscaling:groupName");
            let tags = ["Name", "fitout:stack", "fitout:node", "fitout:run", "fitout:op"];
            let missing = tags
                .iter()
                .filter(|tag| !(thing.tags.contains_key(**tag) || launched && **tag == "fitout:op"));
            assert_eq!(missing.count(), 0, "{thing:?}");
            kinds.insert(thing.kind);
        }
        good(&world.destroy());
    }
    assert_eq!(kinds.len(), 18, "{kinds:?}");
}

/// All creations of MORE meet the same fault.
fn weather(fault: &Fault, times: usize) {
    let world = more();
    for action in MORE_CREATES {
        world.proxy.fault(action, fault.clone(), times);
    }
    // Where patience ended first, the next run goes on, and meets what the first did not get to.
    let first = world.apply();
    if first.code != Some(0) {
        good(&world.apply());
    }
    assert_eq!(world.proxy.clear(), [""; 0], "{}", first.all());
    more_is_right_and_goes(&world);
}

#[test]
fn further_things_killed_at_every_creation_come_right() {
    let world = more();
    stopped_at_every_creation(&world, &MORE_CREATES, Signal::KILL, 2);
    more_is_right_and_goes(&world);
}

#[test]
fn further_things_interrupted_at_every_creation_come_right() {
    let world = more();
    stopped_at_every_creation(&world, &MORE_CREATES, Signal::INT, 2);
    more_is_right_and_goes(&world);
}

#[test]
fn further_things_that_are_not_found_yet_are_waited_for() {
    let world = more();
    world.settings(&json!({"notfound": 4}));
    good(&world.apply());
    world.settings(&json!({"notfound": 0}));
    more_is_right_and_goes(&world);
}

/// Each creation of both playbooks is once not answered at all.
#[test]
fn a_silent_server_holds_no_creation_for_ever() {
    let world = World::new(&cluster());
    for action in CREATES {
        world.proxy.fault(action, Fault::Silent, 1);
    }
    good(&world.apply());
    assert_eq!(world.proxy.clear(), [""; 0]);
    is_right_and_goes(&world, &EXPECTED);
}

#[test]
fn a_silent_server_holds_no_creation_of_further_things() {
    weather(&Fault::Silent, 1);
}

#[test]
fn further_things_survive_lost_replies() {
    weather(&Fault::ReplyLost, 1);
}

#[test]
fn further_things_survive_throttling() {
    weather(&Fault::Throttled, 6);
}

#[test]
fn further_things_survive_faults_of_the_service() {
    weather(&Fault::Broken, 1);
}

#[test]
fn further_things_survive_resets() {
    weather(&Fault::Reset, 1);
}

#[test]
fn check_mode_of_further_things_makes_no_write_call() {
    let world = more();
    world.proxy.forget();
    good(&world.run(&["playbook", "--check", "--diff", "site.yml"]));
    assert_eq!(world.writes(), [""; 0]);
}

#[test]
fn check_mode_makes_no_write_call() {
    let world = World::new(&cluster());
    good(&world.run(&["playbook", "--check", "--diff", "site.yml"]));
    assert_eq!(world.writes(), [""; 0]);
    world.settings(&json!({"page": 2}));
    good(&world.apply());
    world.proxy.forget();
    good(&world.run(&["playbook", "--check", "site.yml"]));
    assert_eq!(world.writes(), [""; 0]);
    is_right_and_goes(&world, &EXPECTED);
}
