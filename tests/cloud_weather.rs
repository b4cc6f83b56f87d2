//! Random stacks, made, changed, replaced and destroyed in random weather, by runs of which some are killed: in the end each is
//! right, and then nothing is left.
//!
//! A stack and its weather come from a seed, which a failure names; `FITOUT_SEEDS=7,8` tries others.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;

/// Numbers that look random, and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }

    fn often(&mut self) -> bool {
        self.roll(4) != 0
    }
}

/// What a stack may have: each part with its node, what it needs, and its task. `<n>` is a number that changes; `<r>` is one of
/// three that changes what cannot be changed in place, and is the same in a whole playbook.
struct Part {
    node: &'static str,
    needs: &'static [&'static str],
    task: &'static str,
}

const PARTS: [Part; 11] = [
    Part {
        node: "ec2_vpc_net/net",
        needs: &[],
        task: "- ec2_vpc_net: {name: net, cidr_block: 10.<r>.0.0/16, tags: {n: '<n>'}}\n      register: net",
    },
    Part {
        node: "ec2_vpc_subnet/10.<r>.1.0/24",
        needs: &["ec2_vpc_net/net"],
        task: "- ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.<r>.1.0/24, az: us-east-1a, tags: {n: '<n>'}}\n      register: one",
    },
    Part {
        node: "ec2_vpc_subnet/10.<r>.2.0/24",
        needs: &["ec2_vpc_net/net"],
        task: "- ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.<r>.2.0/24, az: 'us-east-1<z>'}",
    },
    Part {
        node: "ec2_vpc_igw",
        needs: &["ec2_vpc_net/net"],
        task: "- ec2_vpc_igw: {vpc_id: '{{ net.vpc.id }}', tags: {n: '<n>'}}\n      register: gateway",
    },
    Part {
        node: "ec2_vpc_route_table",
        needs: &["ec2_vpc_igw", "ec2_vpc_subnet/10.<r>.1.0/24"],
        task: "- ec2_vpc_route_table: {vpc_id: '{{ net.vpc.id }}', subnets: ['{{ one.subnet.id }}'], routes: [{dest: '10.<n>.0.0/16', gateway_id: '{{ gateway.gateway_id }}'}], tags: {Name: routes}}",
    },
    Part {
        node: "ec2_security_group/group",
        needs: &["ec2_vpc_net/net"],
        task: "- ec2_security_group: {name: group, description: group, vpc_id: '{{ net.vpc.id }}', rules: [{proto: tcp, ports: [22, '<n>'], cidr_ip: 10.<n>.0.0/16}]}\n      register: group",
    },
    Part {
        node: "ec2_instance/node",
        needs: &["ec2_vpc_subnet/10.<r>.1.0/24", "ec2_security_group/group"],
        task: "- ec2_instance: {name: node, image_id: <image>, instance_type: t3.micro, vpc_subnet_id: '{{ one.subnet.id }}', security_groups: ['{{ group.group_id }}'], user_data: 'zone <z>', tags: {n: '<n>'}}",
    },
    Part { node: "ec2_eip", needs: &[], task: "- ec2_eip: {tags: {Name: address, n: '<n>'}}" },
    Part {
        node: "ec2_launch_template/template",
        needs: &[],
        task: "- ec2_launch_template: {name: template, image_id: <image>, instance_type: t3.micro, key_name: 'k<n>'}",
    },
    Part {
        node: "ssm_parameter//one",
        needs: &[],
        task: "- ssm_parameter: {name: /one, value: 'value <n>'}",
    },
    Part {
        node: "iam_role/role",
        needs: &[],
        task: "- iam_role: {name: role, description: 'role <n>', assume_role_policy_document: '{\"Version\": \"2012-10-17\", \"Statement\": []}'}",
    },
];

/// Some parts, with all that they need.
fn choose(dice: &mut Dice) -> Vec<&'static Part> {
    let mut chosen: Vec<&Part> = Vec::new();
    for part in &PARTS {
        let there = |need: &&str| chosen.iter().any(|c| c.node == *need);
        if part.needs.iter().all(there) && dice.often() {
            chosen.push(part);
        }
    }
    chosen
}

/// Some parts, their task list, and the number of the network that they stand in.
struct Stack {
    parts: Vec<&'static Part>,
    net: String,
}

impl Stack {
    fn new(dice: &mut Dice) -> Stack {
        Stack { parts: choose(dice), net: (10 + dice.roll(3)).to_string() }
    }

    fn playbook(&self, dice: &mut Dice) -> String {
        let mut text = String::from(
            "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - debug: {msg: begun}\n",
        );
        for part in &self.parts {
            let number = (20 + dice.roll(200)).to_string();
            let task = part.task.replace("<n>", &number).replace("<z>", dice.one::<&str>(&["b", "c", "d"]));
            text += &format!("    {}\n", task.replace("<r>", &self.net).replace("<image>", DEBIAN));
        }
        text
    }
}

/// The calls that something befalls.
const CALLS: [&str; 20] = [
    "CreateVpc",
    "CreateSubnet",
    "CreateInternetGateway",
    "AttachInternetGateway",
    "CreateRouteTable",
    "CreateRoute",
    "AssociateRouteTable",
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "RunInstances",
    "AllocateAddress",
    "CreateLaunchTemplate",
    "PutParameter",
    "CreateRole",
    "DescribeVpcs",
    "TerminateInstances",
    "DeleteSubnet",
    "DeleteVpc",
    "CreateTags",
    "DeleteSecurityGroup",
];

/// Faults on the calls that come, some on each; lists in pages of so many, and what is new is not shown for so many seconds.
fn weather(world: &World, dice: &mut Dice) {
    world.proxy.clear();
    let (page, late) = (*dice.one(&[0, 1, 3]), *dice.one(&[0.0, 0.5, 1.0]));
    world.settings(&json!({"page": page, "notfound": late}));
    for _ in 0..6 {
        let fault = dice.one(&[Fault::ReplyLost, Fault::Reset, Fault::Throttled, Fault::Broken]).clone();
        let times = if fault == Fault::Throttled { 1 + dice.roll(4) } else { 1 + dice.roll(2) };
        world.proxy.fault_after(dice.one::<&str>(&CALLS), dice.roll(2), fault, times);
    }
}

/// No faults; the pages stay.
fn fair(world: &World) {
    world.proxy.clear();
    world.settings(&json!({"notfound": 0}));
}

/// Every part is there once.
#[track_caller]
fn is_right(world: &World, stack: &Stack, seed: u64) {
    let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // What hangs on an instance or a role carries its node, too, and a terminated instance is shown for a while.
    let own = |kind: &str| !["volume", "network-interface", "instance-profile"].contains(&kind);
    let things =
        world.ours().into_iter().filter(|t| own(&t.kind) && t.state.as_deref() != Some("terminated"));
    for thing in things {
        nodes.entry(thing.tags["fitout:node"].clone()).or_default().push(thing.id);
    }
    for part in &stack.parts {
        let wanted = part.node.replace("<r>", &stack.net);
        let found = nodes
            .iter()
            .filter(|(node, _)| node.starts_with(&wanted))
            .map(|(_, ids)| ids.len())
            .sum::<usize>();
        assert_eq!(found, 1, "seed {seed}: {wanted} in {nodes:#?}");
    }
}

/// Applies in this weather. Some runs are killed where a reply is awaited, and what was asked for is there.
fn apply(world: &World, dice: &mut Dice) {
    weather(world, dice);
    if dice.roll(2) == 0 {
        world.apply();
        return;
    }
    // Any call, of which a run makes some twenty.
    let calls = dice.roll(20);
    world.proxy.fault_after("*", calls, Fault::Held, 1);
    let mut run = world.start(&["apply", "--yes", "site.yml"]);
    while !run.ended() && !world.proxy.holds() {
        std::thread::sleep(Duration::from_millis(5));
    }
    if world.proxy.holds() {
        eprintln!("killed after {calls} calls");
        run.signal(rustix::process::Signal::KILL);
    }
    run.end();
}

fn story(seed: u64) {
    let mut dice = Dice(seed);
    for _ in 0..4 {
        dice.roll(2);
    }
    let world = World::default();
    let first = Stack::new(&mut dice);
    world.playbook(&first.playbook(&mut dice));
    apply(&world, &mut dice);
    // Other numbers, another network or the same, and some parts more or less.
    let second = Stack::new(&mut dice);
    world.playbook(&second.playbook(&mut dice));
    apply(&world, &mut dice);
    apply(&world, &mut dice);
    fair(&world);
    let seen = world.apply();
    assert_eq!(seen.code, Some(0), "seed {seed}: {}", seen.all());
    is_right(&world, &second, seed);
    world.proxy.forget();
    let again = world.apply();
    assert_eq!((again.code, world.writes()), (Some(0), vec![]), "seed {seed}: {}", again.all());
    weather(&world, &mut dice);
    // What only the first playbook had is an orphan of the second one's, and goes first.
    gone(&world, &["gc", "--yes", "site.yml"], seed);
    weather(&world, &mut dice);
    gone(&world, &["destroy", "--yes", "site.yml"], seed);
    let left = world.ours();
    assert!(left.is_empty(), "seed {seed}: {left:#?}");
}

/// Removes in bad weather, and what that left, in good.
fn gone(world: &World, command: &[&str], seed: u64) {
    let first = world.run(command);
    fair(world);
    if first.code != Some(0) {
        let seen = world.run(command);
        assert_eq!(seen.code, Some(0), "seed {seed}: {}", seen.all());
    }
}

fn seeds() -> Vec<u64> {
    let given = std::env::var("FITOUT_SEEDS").ok();
    given.map_or_else(|| vec![1, 2, 3], |text| text.split(',').map(|s| s.trim().parse().unwrap()).collect())
}

#[test]
fn random_stacks_in_random_weather_come_right_and_go() {
    seeds().into_iter().for_each(story);
}
