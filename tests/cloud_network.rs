//! A network and its machine over the tests' cloud: made, found again, changed, drifted, and gone; in any weather.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use support::cloud::{DEBIAN, World};
use support::cloud_plays::bare;
use support::cloud_proxy::Fault;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGtleWJhZGtleWJhZGtleWJhZGtleWJhZGtleWJh me@here";

/// One of everything, in an order that is not that of its needs.
fn stack(more: &str) -> String {
    format!(
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - name: Network\n      \
         ec2_vpc_net: {{name: web, cidr_block: 10.10.0.0/16, tags: {{Team: a}}}}\n      register: network\n    - name: Subnet\n      \
         ec2_vpc_subnet: {{vpc_id: '{{{{ network.vpc.id }}}}', cidr: 10.10.1.0/24, map_public: true}}\n      register: subnet\n    \
         - name: Gateway\n      ec2_vpc_igw: {{vpc_id: '{{{{ network.vpc.id }}}}'}}\n      register: gateway\n    - name: Routes\n      \
         ec2_vpc_route_table:\n        vpc_id: '{{{{ network.vpc.id }}}}'\n        subnets: ['{{{{ subnet.subnet.id }}}}']\n        \
         routes: [{{dest: 0.0.0.0/0, gateway_id: '{{{{ gateway.gateway_id }}}}'}}]\n        tags: {{Name: public}}\n    - name: Group\n      \
         ec2_group:\n        name: web\n        description: web\n        vpc_id: '{{{{ network.vpc.id }}}}'\n        rules:\n          \
         - {{proto: tcp, ports: [22, 80], cidr_ip: 0.0.0.0/0}}\n          - {{proto: all, group_name: web}}\n    - name: Key\n      \
         ec2_key: {{name: nodes, key_material: '{KEY}'}}\n    - name: Node\n      ec2:\n        name: node\n        image_id: {DEBIAN}\n        \
         instance_type: t3.micro\n        key_name: nodes\n        vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'\n        \
         security_groups: [web]\n      register: node\n{more}"
    )
}

const KINDS: [&str; 7] =
    ["vpc", "subnet", "internet-gateway", "route-table", "security-group", "key-pair", "instance"];

/// One of each, and nothing twice.
#[track_caller]
fn one_of_each(world: &World) {
    let ours = world.ours();
    for kind in KINDS {
        let live = |t: &&support::cloud::Thing| t.kind == kind && t.state.as_deref() != Some("terminated");
        assert_eq!(ours.iter().filter(live).count(), 1, "{kind}: {ours:#?}");
    }
}

#[test]
fn a_stack_is_made_once_found_again_and_removed() {
    let world = World::new(&stack(""));
    world.plan().is(2, &["there is no VPC web", "there is no instance node", "7 to change"]);
    assert!(world.writes().is_empty(), "a plan writes: {:?}", world.writes());
    world.proxy.forget();
    world.apply().is(0, &["7 changed"]);
    one_of_each(&world);
    let first = world.calls().len();
    assert!(first <= 20, "{first} calls: {:?}", world.calls().iter().map(|c| &c.action).collect::<Vec<_>>());
    world.proxy.forget();
    world.apply().is(0, &["0 changed"]);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert!(world.calls().len() <= 10, "{} calls", world.calls().len());
    world.run(&["verify", "site.yml"]).is(0, &[]);
    world.destroy().is(0, &["0 left"]);
    world.assert_nothing_left();
}

#[test]
fn a_drift_shows_attribute_by_attribute_and_is_mended() {
    let world = World::new(&stack(""));
    world.apply().is(0, &[]);
    let group = world.ours().into_iter().find(|t| t.kind == "security-group").unwrap().id;
    let rule = [
        ("GroupId", group.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "443"),
        ("IpPermissions.1.ToPort", "443"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    world.make("ec2", "AuthorizeSecurityGroupIngress", &rule, "return");
    world.plan().is(2, &["ingress tcp 443 0.0.0.0/0 is not wanted", "1 to change"]);
    world.apply().is(0, &["1 changed"]);
    world.plan().is(0, &["no changes"]);
    world.destroy().is(0, &[]);
}

#[test]
fn a_replacement_names_what_forces_it_and_leaves_nothing_behind() {
    let world = World::new(&stack(""));
    world.apply().is(0, &[]);
    world.playbook(&stack("").replace("10.10.", "10.20."));
    world.plan().is(2, &["cidr_block is 10.10.0.0/16, not 10.20.0.0/16, which cannot be changed in place"]);
    world.apply().is(0, &[]);
    one_of_each(&world);
    world.plan().is(0, &["no changes"]);
    world.destroy().is(0, &[]);
}

#[test]
fn what_others_made_is_not_touched_without_adopt() {
    let mut world = World::default();
    world.unchecked = true;
    let vpc = world.make("ec2", "CreateVpc", &[("CidrBlock", "10.10.0.0/16")], "vpcId");
    let tags = [("ResourceId.1", vpc.as_str()), ("Tag.1.Key", "Name"), ("Tag.1.Value", "web")];
    world.make("ec2", "CreateTags", &tags, "return");
    let play = |more: &str| {
        format!(
            "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ec2_vpc_net: {{name: web, cidr_block: 10.10.0.0/16{more}}}\n"
        )
    };
    world.playbook(&play(""));
    world.apply().is(1, &[&vpc, "was not made by fitout", "adopt: true"]);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    world.playbook(&play(", adopt: true"));
    world.apply().is(0, &["1 changed"]);
    world.destroy().is(0, &["0 left"]);
    assert_eq!(world.inventory().iter().filter(|t| t.id == vpc).count(), 0);
}

#[test]
fn an_address_of_others_may_be_used_and_is_taken_over_only_with_adopt() {
    let mut world = World::default();
    world.unchecked = true;
    let address = world.make("ec2", "AllocateAddress", &[("Domain", "vpc")], "publicIp");
    let play = |more: &str| {
        bare(&format!(
            "- ec2_eip: {{public_ip: {address}{more}}}\n  register: it\n- debug: {{msg: 'ip {{{{ it.public_ip }}}}'}}\n"
        ))
    };
    world.playbook(&play(""));
    world.apply().is(0, &[&format!("ip {address}"), "changed=0"]);
    world.playbook(&play(", tags: {Name: web}"));
    world.apply().is(1, &[&address, "was not made by fitout", "adopt: true"]);
    world.playbook(&play(", state: absent"));
    world.apply().is(1, &[&address, "was not made by fitout"]);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    world.playbook(&play(", tags: {Name: web}, adopt: true"));
    world.apply().is(0, &[&format!("ip {address}"), "tags.Name"]);
    assert_eq!(world.ours().len(), 1);
    world.apply().is(0, &["changed=0"]);
    world.destroy().is(0, &["0 left"]);
    assert_eq!(world.count("elastic-ip"), 0);
}

const CREATES: [&str; 12] = [
    "CreateVpc",
    "ModifyVpcAttribute",
    "CreateSubnet",
    "ModifySubnetAttribute",
    "CreateInternetGateway",
    "AttachInternetGateway",
    "CreateRouteTable",
    "CreateRoute",
    "AssociateRouteTable",
    "CreateSecurityGroup",
    "ImportKeyPair",
    "RunInstances",
];

/// Every creation meets the same weather in one run; nothing is made twice and nothing remains.
fn weather(fault: &Fault, times: usize) {
    let world = World::new(&stack(""));
    for action in CREATES {
        world.proxy.fault(action, fault.clone(), times);
    }
    let seen = world.apply();
    world.proxy.clear();
    seen.is(0, &[]);
    one_of_each(&world);
    world.apply().is(0, &["0 changed"]);
    world.destroy().is(0, &["0 left"]);
    world.assert_nothing_left();
}

#[test]
fn lost_replies_make_nothing_twice() {
    weather(&Fault::ReplyLost, 1);
}

#[test]
fn throttling_is_waited_out() {
    weather(&Fault::Throttled, 6);
}

#[test]
fn resets_are_survived() {
    weather(&Fault::Reset, 1);
}

#[test]
fn faults_of_the_service_are_survived() {
    weather(&Fault::Broken, 1);
}

#[test]
fn what_was_just_made_may_be_unknown_for_a_while() {
    let world = World::new(&stack(""));
    world.settings(&json!({"notfound": 4, "page": 2}));
    world.apply().is(0, &[]);
    world.settings(&json!({"notfound": 0}));
    one_of_each(&world);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn a_silent_server_does_not_hold_a_run() {
    let world = World::new(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ec2_vpc_net: {name: web, cidr_block: 10.10.0.0/16}\n",
    );
    world.proxy.fault("CreateVpc", Fault::Silent, 1);
    world.apply().is(0, &["1 changed"]);
    assert_eq!(world.ours().len(), 1);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn a_denied_call_is_named_with_its_action() {
    let world = World::new(&stack(""));
    world.proxy.fault("CreateSubnet", Fault::Denied, 9);
    world.apply().is(1, &["ec2:CreateSubnet is not allowed", "allow the action `ec2:CreateSubnet`"]);
    world.proxy.clear();
    world.apply().is(0, &[]);
    one_of_each(&world);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn independent_things_are_made_together() {
    let another = format!(
        "    - ec2_instance: {{name: other, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'}}\n"
    );
    let world = World::new(&stack(&another));
    // No machine comes up before both are launched.
    world.settings(&json!({"delays": {"instance.pending": 3600}}));
    let mut run = world.start(&["apply", "--yes", "site.yml"]);
    let launched = || world.calls().iter().filter(|c| c.action == "RunInstances").count();
    let began = Instant::now();
    while launched() < 2 && !run.ended() {
        assert!(began.elapsed() < Duration::from_secs(60), "the second machine waits for the first");
        std::thread::sleep(Duration::from_millis(5));
    }
    world.settings(&json!({"delays": {"instance.pending": 0}}));
    run.end().is(0, &[]);
    assert_eq!(launched(), 2);
    world.destroy().is(0, &["0 left"]);
}

/// A machine, an image of it and a group of such machines follow one another, a gateway is beside them: so the run takes as
/// long as three changes of state, and a tenth more at most.
#[test]
fn the_longest_chain_of_states_is_all_that_a_run_waits_for() {
    const DELAY: u32 = 10;
    let chain = include_str!("../benches/cloud/chain.yml");
    // What this machine itself takes for it, busy as it may be.
    let own = {
        let world = World::new(chain);
        world.settings(&json!({"delays": {"instance.pending": 0, "image.pending": 0, "nat.pending": 0}}));
        let began = Instant::now();
        world.apply().is(0, &[]);
        let own = began.elapsed();
        world.destroy().is(0, &["0 left"]);
        own
    };
    let world = World::new(chain);
    let delays = ["instance.pending", "image.pending", "nat.pending"].map(|state| (state, DELAY));
    world.settings(&json!({"delays": delays.into_iter().collect::<HashMap<_, _>>()}));
    let began = Instant::now();
    world.apply().is(0, &[]);
    let (took, longest) = (began.elapsed(), Duration::from_secs(DELAY.into()) * 3);
    assert!(took < longest.mul_f64(1.1) + own, "{took:?}, and {own:?} where nothing has to be waited for");
    assert!(took >= longest, "the cloud did not take its time: {took:?}");
    world.settings(&json!({"delays": {"nat.deleting": 0}}));
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn prevent_destroy_is_honoured() {
    let mut world =
        World::new(&stack("").replace("tags: {Team: a}}", "tags: {Team: a}, prevent_destroy: true}"));
    world.unchecked = true;
    world.apply().is(0, &[]);
    world.destroy().is(0, &["kept (prevent_destroy) VPC web", ", 0 left"]);
    assert_eq!(world.ours().iter().filter(|t| t.state.as_deref() != Some("terminated")).count(), 1);
    world.playbook(&stack(""));
    world.apply().is(0, &[]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn hosts_that_are_to_come_are_said_to_be() {
    let more = "    - add_host: {name: '{{ node.instances[0].public_ip_address }}', groups: nodes}\n\
                - name: On them\n  hosts: nodes\n  gather_facts: false\n  tasks:\n    - ping:\n";
    let world = World::new(&stack(more));
    world.plan().is(2, &["On them: hosts of `nodes` are known after apply"]);
}
