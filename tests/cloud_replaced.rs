//! What another takes the place of: however the run ends, there is one of each in the end, and never none.

#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::Signal;
use support::cloud::{DEBIAN, World};
use support::cloud_plays::{bare, good, play};
use support::cloud_proxy::Fault;

/// A network with an instance; `more`: arguments of the instance.
fn node(more: &str) -> String {
    play(&format!(
        "- ec2_instance: {{name: node, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'{more}}}\n"
    ))
}

fn ids(world: &World, kind: &str) -> Vec<String> {
    let things = world.inventory().into_iter().filter(|t| t.kind == kind);
    things.filter(|t| !t.tags.is_empty() && t.state.as_deref() != Some("terminated")).map(|t| t.id).collect()
}

/// The network and the instance as they are wanted, and nothing else.
#[track_caller]
fn comes_right(world: &World, why: &str) {
    good(&world.apply());
    let count = |kind| ids(world, kind).len();
    assert_eq!((count("vpc"), count("subnet"), count("instance")), (1, 1, 1), "{why}");
    world.plan().is(0, &["no changes"]);
}

#[test]
fn the_successor_comes_first() {
    let world = World::new(&node(", user_data: one"));
    good(&world.apply());
    world.proxy.forget();
    world.playbook(&node(", user_data: two"));
    world.plan().is(2, &["user_data", "which cannot be changed in place"]);
    comes_right(&world, "user_data");
    let calls = world.calls();
    let at = |action: &str| calls.iter().position(|call| call.action == action).unwrap();
    assert!(at("RunInstances") < at("TerminateInstances"));
    good(&world.destroy());
}

#[test]
fn a_replacement_that_was_ended_comes_right() {
    let before = node(", user_data: one");
    let data = before.replace("user_data: one", "user_data: two");
    let range = before.replace("10.20.", "10.30.");
    for (after, action) in [(&data, "RunInstances"), (&range, "CreateVpc"), (&range, "RunInstances")] {
        for signal in [Signal::KILL, Signal::INT] {
            let world = World::new(&before);
            good(&world.apply());
            world.playbook(after);
            world.stopped_at(action, signal);
            comes_right(&world, &format!("{action} {signal:?}"));
            good(&world.destroy());
        }
    }
}

#[test]
fn what_was_replaced_stays_until_its_successor_is_there() {
    let world = World::new(&node(", user_data: one"));
    good(&world.apply());
    let (network, machine) = (ids(&world, "vpc"), ids(&world, "instance"));
    world.playbook(&node(", user_data: one").replace("10.20.", "10.30."));
    world.proxy.fault("RunInstances", Fault::Denied, 1);
    world.apply().is(1, &[&format!("{} was replaced; it stays until a run comes to a good end", network[0])]);
    assert_eq!(ids(&world, "instance"), machine);
    assert_eq!(ids(&world, "vpc").len(), 2);
    comes_right(&world, "it goes with the next run");
    // One that is refused stays what it is, also for a task that is as it was before.
    let machine = ids(&world, "instance");
    world.playbook(&node(", user_data: two").replace("10.20.", "10.30."));
    world.proxy.fault("RunInstances", Fault::Denied, 1);
    world.apply().is(1, &[]);
    world.playbook(&node(", user_data: one").replace("10.20.", "10.30."));
    comes_right(&world, "as before");
    assert_eq!(ids(&world, "instance"), machine);
    good(&world.destroy());
}

#[test]
fn things_of_other_stacks_are_not_removed_with_a_network() {
    let world = World::new(&node(""));
    good(&world.apply());
    let network = ids(&world, "vpc").remove(0);
    let other = format!("- ec2_vpc_subnet: {{vpc_id: {network}, cidr: 10.20.9.0/24}}\n");
    world.place.write("other.yml", &bare(&other));
    good(&world.run(&["apply", "--yes", "other.yml"]));
    world.playbook(&node("").replace("10.20.", "10.30."));
    let seen = world.apply();
    assert_ne!(seen.code, Some(0), "{}", seen.all());
    assert!(
        seen.all().contains(&format!("{network} was replaced and stays, since subnet ")),
        "{}",
        seen.all()
    );
    assert!(seen.all().contains("of the stack `other` is in it"), "{}", seen.all());
    assert_eq!(ids(&world, "instance").len(), 1);
    assert!(world.inventory().iter().any(|t| t.tags.get("fitout:stack").is_some_and(|s| s == "other")));
    good(&world.run(&["destroy", "--yes", "other.yml"]));
    comes_right(&world, "the other is gone");
    good(&world.destroy());
}

#[test]
fn what_must_not_be_removed_is_neither_replaced_nor_removed_by_its_id() {
    let world = World::new(&node(", user_data: one, prevent_destroy: true"));
    good(&world.apply());
    let machine = ids(&world, "instance").remove(0);
    for more in [", user_data: two, prevent_destroy: true", ", user_data: two"] {
        world.playbook(&node(more));
        world.apply().is(1, &[&machine, "`prevent_destroy` forbids it"]);
    }
    world.playbook(&bare(&format!("- ec2_instance: {{instance_ids: [{machine}], state: absent}}\n")));
    world.apply().is(1, &[&machine, "`prevent_destroy` forbids it"]);
    assert_eq!(ids(&world, "instance"), [machine]);
    world.playbook(&node(", user_data: one"));
    good(&world.apply());
    good(&world.destroy());
}

#[test]
fn a_subnet_moves_only_when_it_is_empty() {
    let world = World::new(&play(""));
    good(&world.apply());
    let moved = |text: String| text.replace("us-east-1a", "us-east-1b");
    world.playbook(&moved(play("")));
    world.plan().is(2, &["az is us-east-1a, not us-east-1b"]);
    good(&world.apply());
    world.plan().is(0, &["no changes"]);
    world.playbook(&moved(node("")));
    good(&world.apply());
    world.playbook(&node(""));
    world.proxy.forget();
    let machine = ids(&world, "instance").remove(0);
    world
        .plan()
        .is(1, &["cannot move to us-east-1a while the instance", &machine, "terminate what is in it first"]);
    assert_eq!(world.writes(), [""; 0]);
    good(&world.destroy());
}

#[test]
fn a_gateway_moves_with_its_network() {
    let gateway = play(
        "\
- ec2_vpc_nat_gateway: {subnet_id: '{{ subnet.subnet.id }}', tags: {Name: out}, wait: true}
  register: gateway
- debug: {msg: 'it is in {{ gateway.subnet_id }} of {{ subnet.subnet.id }}'}
",
    );
    let world = World::new(&gateway);
    good(&world.apply());
    let (old, address) = (ids(&world, "natgateway"), ids(&world, "elastic-ip"));
    world.playbook(&gateway.replace("10.20.", "10.30."));
    world.plan().is(2, &["subnet_id is subnet-", "which cannot be changed in place"]);
    world.proxy.fault("CreateNatGateway", Fault::Denied, 1);
    world.apply().is(1, &[]);
    assert_eq!(ids(&world, "natgateway"), old);
    good(&world.apply());
    let subnet = ids(&world, "subnet").remove(0);
    world.apply().is(0, &[&format!("it is in {subnet} of {subnet}"), "changed=0"]);
    let (new, other) = (ids(&world, "natgateway"), ids(&world, "elastic-ip"));
    assert_eq!((new.len(), other.len(), world.count("vpc")), (1, 1, 1));
    assert!(new != old && other != address, "{new:?} {other:?}");
    good(&world.destroy());
}

#[test]
fn two_that_fit_are_both_named() {
    let mut world = World::default();
    world.unchecked = true;
    let made = || world.make("ec2", "CreateVpc", &[("CidrBlock", "10.10.0.0/16")], "vpcId");
    let (one, two) = (made(), made());
    let tag = |id: &str, key: &str, value: &str| {
        world.make(
            "ec2",
            "CreateTags",
            &[("ResourceId.1", id), ("Tag.1.Key", key), ("Tag.1.Value", value)],
            "return",
        );
    };
    world.playbook(&bare("- ec2_vpc_net: {name: web, cidr_block: 10.10.0.0/16}\n"));
    [&one, &two].iter().for_each(|id| tag(id, "Name", "web"));
    world.plan().is(1, &["two VPCs could be meant", &one, &two, "both fit what the task says"]);
    for (key, value) in [("fitout:stack", "site"), ("fitout:node", "ec2_vpc_net/web")] {
        [&one, &two].iter().for_each(|id| tag(id, key, value));
    }
    world.plan().is(1, &["two VPCs could be meant", &one, &two, "both are tagged `ec2_vpc_net/web`"]);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_gateway_that_was_never_attached_goes_to_the_networks_successor() {
    let site = |range: &str| {
        bare(&format!(
            "- ec2_vpc_net: {{name: n, cidr_block: {range}}}\n  register: n\n- ec2_vpc_igw: {{vpc_id: '{{{{ n.vpc.id }}}}'}}\n"
        ))
    };
    let world = World::new(&site("10.10.0.0/16"));
    world.proxy.fault("AttachInternetGateway", Fault::Denied, 99);
    world.apply().is(1, &["AttachInternetGateway"]);
    world.proxy.clear();
    assert_eq!(world.count("internet-gateway"), 1);
    world.playbook(&site("10.20.0.0/16"));
    world.apply().is(0, &["cidr_block is 10.10.0.0/16, not 10.20.0.0/16"]);
    assert_eq!(world.count("internet-gateway"), 1, "{:?}", world.ours());
    world.plan().is(0, &["no changes"]);
    world.destroy().is(0, &["0 left"]);
}
