//! Plays of cloud tasks, carried out twice.

use super::cloud::World;
use super::cloud_proxy::Call;
use super::place::Seen;

/// A play of these tasks, after a network with one subnet (`net`, `subnet`).
pub fn play(tasks: &str) -> String {
    let network = "\
- amazon.aws.ec2_vpc_net: {name: t, cidr_block: 10.20.0.0/16}
  register: net
- amazon.aws.ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.20.1.0/24, az: us-east-1a, tags: {Name: t}}
  register: subnet
";
    bare(&[network, tasks].concat())
}

/// As [`play`], without a network.
pub fn bare(tasks: &str) -> String {
    let tasks: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
    format!("- hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}")
}

#[track_caller]
pub fn good(seen: &Seen) {
    assert_eq!(seen.code, Some(0), "{}", seen.all());
}

/// Applies: the first time something changes, the second time nothing is written.
#[track_caller]
pub fn converges(world: &World, playbook: &str) -> Seen {
    twice(world, playbook).0
}

/// As [`converges`]; `sent` are parameters (`Name=value`) that calls of the first time carry.
#[track_caller]
pub fn sends(world: &World, playbook: &str, sent: &[(&str, &[&str])]) -> Seen {
    let (seen, calls) = twice(world, playbook);
    for (action, parts) in sent {
        let bodies = calls.iter().filter(|call| call.action == *action).map(|call| decoded(&call.body));
        let bodies: Vec<String> = bodies.collect();
        for part in *parts {
            let carried = bodies.iter().any(|body| body.contains(part));
            assert!(carried, "{action} without `{part}`: {bodies:#?}\n{}", seen.all());
        }
    }
    seen
}

#[track_caller]
fn twice(world: &World, playbook: &str) -> (Seen, Vec<Call>) {
    world.playbook(playbook);
    world.proxy.forget();
    let first = world.apply();
    good(&first);
    let calls = world.calls();
    world.proxy.forget();
    let second = world.apply();
    good(&second);
    assert_eq!(world.writes(), [""; 0], "{}", second.all());
    (first, calls)
}

/// A form's body with its signs as they are.
fn decoded(body: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let coded = (*first == b'%').then(|| more.get(..2)).flatten();
        let coded = coded.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(coded.unwrap_or(*first));
        rest = if coded.is_some() { &more[2..] } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
