//! One story over a cloud: on the tests' cloud always, and on a real account when `FITOUT_AWS=1` says so.
//!
//! The real one costs a little: one `t3.nano` for some minutes, in a network of its own. Everything carries the stack
//! `fitout-test-…` and expires after two hours, so `fitout gc` takes what a killed test leaves. docs/testing.md says more.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::cloud::{DEBIAN, World};
use support::place::{Place, Seen};

/// A network and a machine; `image`, `type` and `zone` are given.
const PLAYBOOK: &str = "\
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {fitout_expires: 2h}
  tasks:
    - ec2_vpc_net: {name: '{{ fitout_stack }}', cidr_block: 10.211.0.0/16}
      register: network
    - ec2_vpc_subnet: {vpc_id: '{{ network.vpc.id }}', cidr: 10.211.1.0/24, tags: {Name: '{{ fitout_stack }}'}}
      register: subnet
    - ec2_vpc_igw: {vpc_id: '{{ network.vpc.id }}'}
      register: gateway
    - ec2_vpc_route_table:
        vpc_id: '{{ network.vpc.id }}'
        subnets: ['{{ subnet.subnet.id }}']
        routes: [{dest: 0.0.0.0/0, gateway_id: '{{ gateway.gateway_id }}'}]
        tags: {Name: '{{ fitout_stack }}'}
    - ec2_security_group:
        name: '{{ fitout_stack }}'
        description: a test of fitout
        vpc_id: '{{ network.vpc.id }}'
        rules: [{proto: tcp, ports: [PORT], cidr_ip: 10.211.0.0/16}]
      register: group
    - ec2_instance:
        name: '{{ fitout_stack }}'
        image: IMAGE
        instance_type: TYPE
        vpc_subnet_id: '{{ subnet.subnet.id }}'
        security_groups: ['{{ group.group_id }}']
        wait: true
      register: node
    - ssm_parameter: {name: '/{{ fitout_stack }}/node', value: '{{ node.instance_ids[0] }}'}
";

/// The most that the story may take, and the most machines that it may have at any time.
const LIMIT: Duration = Duration::from_secs(20 * 60);
const MACHINES: usize = 1;
const TYPE: &str = "t3.nano";

/// A cloud that the program is run against.
struct Cloud {
    place: Place,
    stack: String,
    image: String,
    /// Gives the command its credentials.
    dress: Box<dyn Fn(&mut Command)>,
    until: Instant,
}

impl Cloud {
    fn new(image: &str, dress: impl Fn(&mut Command) + 'static) -> Cloud {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let stack = format!("fitout-test-{}-{}", std::process::id(), now.as_secs());
        let until = Instant::now() + LIMIT;
        Cloud { place: Place::default(), stack, image: image.into(), dress: Box::new(dress), until }
    }

    fn playbook(&self, port: u16) {
        let text = PLAYBOOK.replace("PORT", &port.to_string());
        self.place.write("site.yml", &text.replace("IMAGE", &self.image).replace("TYPE", TYPE));
    }

    /// Runs the program, and ends it when the story's time is over.
    fn run(&self, args: &[&str]) -> Seen {
        assert!(Instant::now() < self.until, "the story's time is over");
        self.run_always(args)
    }

    fn run_always(&self, args: &[&str]) -> Seen {
        let mut command = self.place.command(args);
        (self.dress)(&mut command);
        let program = command.get_program().to_owned();
        let mut timed = Command::new("timeout");
        timed.args(["--signal=INT", "--kill-after=120", "1200"]).arg(program).args(command.get_args());
        timed.current_dir(self.place.path()).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => timed.env(name, value),
                None => timed.env_remove(name),
            };
        }
        Seen::of(&support::output(&mut timed))
    }

    fn of_playbook(&self, command: &[&str]) -> Seen {
        let stack = format!("fitout_stack={}", self.stack);
        self.run(&[command, &["-e", &stack, "site.yml"]].concat())
    }

    /// What there is of the stack, by its tags.
    fn state(&self) -> Vec<serde_json::Value> {
        let seen = self.run(&["state", "list", "--json", "--stack", &self.stack]);
        seen.is(0, &[]);
        seen.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // However the story ended. What this cannot remove it names.
        let gone = self.run_always(&["gc", "--yes", "--older-than", "0s", "--stack", &self.stack]);
        if gone.code != Some(0) {
            eprintln!("left of {}: {}", self.stack, gone.all());
        }
    }
}

fn story(cloud: &Cloud) {
    cloud.playbook(22);
    cloud.of_playbook(&["plan"]).is(2, &["7 to change"]);
    assert_eq!(cloud.state().len(), 0);
    cloud.of_playbook(&["apply", "--yes"]).is(0, &["7 changed"]);
    let state = cloud.state();
    let count = |kind: &str| state.iter().filter(|t| t["kind"] == kind).count();
    for kind in ["VPC", "subnet", "internet gateway", "route table", "security group", "parameter"] {
        assert_eq!(count(kind), 1, "{kind}: {state:#?}");
    }
    assert!(count("instance") <= MACHINES, "{state:#?}");
    assert!(state.iter().all(|t| t["expires"].is_string() || t["kind"] == "volume"), "{state:#?}");
    cloud.of_playbook(&["apply", "--yes"]).is(0, &["0 changed"]);
    cloud.playbook(2222);
    cloud.of_playbook(&["plan"]).is(2, &["1 to change"]);
    cloud.of_playbook(&["apply", "--yes"]).is(0, &["1 changed"]);
    cloud.of_playbook(&["verify"]).is(0, &[]);
    // From a machine without the playbook: not yet expired, so nothing goes.
    cloud.run(&["gc", "--plan", "--stack", &cloud.stack]).is(0, &["nothing to remove"]);
    cloud.of_playbook(&["destroy", "--yes"]).is(0, &[", 0 left"]);
    assert_eq!(cloud.state(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_story_holds_on_the_cloud_of_the_tests() {
    let world = World::default();
    let dressed = world.command(&[]);
    let set: Vec<_> = dressed.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    let cloud = Cloud::new(DEBIAN, move |command| {
        for (name, value) in &set {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    });
    story(&cloud);
}

#[test]
fn the_story_holds_on_a_real_account() {
    if std::env::var("FITOUT_AWS").as_deref() != Ok("1") {
        eprintln!(
            "SKIPPED: nothing was tested against AWS; FITOUT_AWS=1 with credentials and a region does it, and costs a \
             little (docs/testing.md)"
        );
        return;
    }
    let image = "{owners: ['136693071363'], name: 'debian-12-amd64-*', most_recent: true}";
    let image = std::env::var("FITOUT_AWS_IMAGE").unwrap_or_else(|_| image.into());
    story(&Cloud::new(&image, |_| {}));
}
