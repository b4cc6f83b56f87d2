//! The cluster of playbooks/cloud_cluster.yml: its network is made in the tests' cloud, real booted hosts answer for its
//! instances, and the same run configures them over SSH with verified host keys.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::lab::{Guard, Host};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use support::cloud::{DEBIAN, World};
use support::place::Seen;

const PLAYBOOK: &str = include_str!("../playbooks/cloud_cluster.yml");

/// Hosts that answer for instances: each is one's machine from the moment in which the instance is first seen.
struct Machines {
    guard: Guard,
    by_instance: Arc<Mutex<HashMap<String, Host>>>,
}

impl Machines {
    /// `count` hosts that boot when their instance does: until its console was asked for, no sshd answers.
    fn up(world: &World, count: usize) -> Machines {
        let guard = support::lab(count);
        let hosts = guard.hosts();
        for host in &hosts {
            inside(host, &["systemctl", "stop", "ssh"]);
        }
        let home = world.place.path().join("home/.ssh");
        std::fs::create_dir_all(&home).unwrap();
        keygen(&home.join("id_ed25519"));
        let login = std::fs::read(home.join("id_ed25519.pub")).unwrap();
        let free = Mutex::new(hosts);
        let by_instance: Arc<Mutex<HashMap<String, Host>>> = Arc::default();
        let booted: Mutex<HashSet<String>> = Mutex::default();
        let (seen, say) = (Arc::clone(&by_instance), world.sayer());
        world.proxy.hook(move |action, body, reply| match action {
            "RunInstances" | "DescribeAutoScalingGroups" => {
                for id in ids(reply) {
                    let mut seen = seen.lock().unwrap();
                    if seen.contains_key(&id) {
                        continue;
                    }
                    let host = free.lock().unwrap().pop().expect("as many hosts as instances");
                    let root = host.root_dir().unwrap();
                    std::fs::create_dir_all(root.join("root/.ssh")).unwrap();
                    std::fs::write(root.join("root/.ssh/authorized_keys"), &login).unwrap();
                    say("public", &json!({ &id: host.address }));
                    seen.insert(id, host);
                }
            }
            "GetConsoleOutput" => {
                let seen = seen.lock().unwrap();
                let (id, host) = seen.iter().find(|(id, _)| body.contains(id.as_str())).unwrap();
                if !booted.lock().unwrap().insert(id.clone()) {
                    return;
                }
                let key = new_host_key(host);
                inside(host, &["systemctl", "start", "ssh"]);
                let begin = "-----BEGIN SSH HOST KEY KEYS-----";
                say("console", &json!({ id: format!("{begin}\n{key}\n-----END SSH HOST KEY KEYS-----\n") }));
            }
            _ => {}
        });
        Machines { guard, by_instance }
    }

    /// The names that the run gave to its hosts, as they say themselves.
    fn say_their_names(&self, cluster: &str) {
        let seen = self.by_instance.lock().unwrap();
        for (id, host) in &*seen {
            let name = std::fs::read_to_string(host.root_dir().unwrap().join("etc/node-name")).unwrap();
            assert_eq!(name, format!("{cluster}-{id}\n"));
        }
        assert_eq!(seen.len(), self.guard.hosts().len());
    }
}

fn keygen(path: &Path) {
    let _ = std::fs::remove_file(path);
    let done =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path).status();
    assert!(done.unwrap().success());
}

/// The public half of a host key that the host has not had before.
fn new_host_key(host: &Host) -> String {
    let path = host.root_dir().unwrap().join("etc/ssh/ssh_host_ed25519_key");
    keygen(&path);
    std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned()
}

/// Without ssh, which may not answer yet.
fn inside(host: &Host, command: &[&str]) {
    let pid = host.leader.unwrap().to_string();
    assert!(Command::new("nsenter").args(["-t", &pid, "-a"]).args(command).status().unwrap().success());
}

/// All ids of instances in a reply.
fn ids(reply: &str) -> Vec<String> {
    let parts = reply.split('<').filter_map(|part| part.split_once('>'));
    let ids = parts.filter(|(name, _)| name.eq_ignore_ascii_case("instanceId"));
    ids.map(|(_, id)| id.to_owned()).collect()
}

/// The region is only in a profile.
fn run(world: &World, command: &[&str], more: &[&str]) -> Seen {
    world.place.write("home/.aws/config", "[profile nodes]\nregion = us-east-1\n");
    let always = ["site.yml", "-e", "node_user=root", "-e", "node_type=t3.micro"];
    let mut command = world.command(&[command, &always, more].concat());
    Seen::of(&support::output(command.env_remove("AWS_REGION").env("AWS_PROFILE", "nodes")))
}

#[track_caller]
fn nothing_to_do(world: &World, most: usize, more: &[&str]) {
    world.proxy.forget();
    run(world, &["apply", "--yes"], more).is(0, &["0 changed"]);
    let names: Vec<String> = world.calls().into_iter().map(|call| call.action).collect();
    assert_eq!(world.writes(), [""; 0]);
    assert!(names.len() <= most, "{} calls: {names:?}", names.len());
}

#[test]
fn a_cluster_is_made_configured_and_removed() {
    let world = World::new(PLAYBOOK);
    let machines = Machines::up(&world, 2);
    let image = format!("node_image={DEBIAN}");
    let more = ["-e", image.as_str()];

    let plan = run(&world, &["plan"], &more);
    plan.is(2, &["there is no VPC cluster", "known after", "Nodes: hosts of `nodes` are known after apply"]);
    assert_eq!(world.writes(), [""; 0]);

    world.proxy.forget();
    let first = run(&world, &["apply", "--yes"], &more);
    let addresses: Vec<String> = machines.guard.hosts().iter().map(|host| host.address.clone()).collect();
    first.is(0, &["addresses: ", &addresses[0], &addresses[1]]);
    let names: Vec<String> = world.calls().into_iter().map(|call| call.action).collect();
    // Two nodes over two zones: 24 writes and the fewest reads.
    assert!(names.len() <= 32, "{} calls: {names:?}", names.len());
    machines.say_their_names("cluster");
    nothing_to_do(&world, 10, &more);

    // Somebody else answers at the address.
    let host = machines.guard.hosts().remove(0);
    new_host_key(&host);
    inside(&host, &["systemctl", "restart", "ssh"]);
    let refused = run(&world, &["apply", "--yes"], &[&more[..], &["-e", "ssh_wait=3"]].concat());
    assert_ne!(refused.code, Some(0), "{}", refused.all());
    assert!(refused.all().to_lowercase().contains("host key"), "{}", refused.all());

    run(&world, &["destroy", "--yes"], &more).is(0, &[", 0 left"]);
    let left = world.inventory();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_cluster_can_be_a_group_that_scales() {
    let world = World::new(PLAYBOOK);
    let machines = Machines::up(&world, 2);
    let more = ["-e", "scaling=true"];
    run(&world, &["plan"], &more)
        .is(2, &["there is no Auto Scaling group cluster", "hosts of `nodes` are known after"]);
    assert_eq!(world.writes(), [""; 0]);
    run(&world, &["apply", "--yes"], &more).is(0, &["addresses: "]);
    assert_eq!((world.count("autoscaling-group"), world.count("instance")), (1, 2));
    machines.say_their_names("cluster");
    nothing_to_do(&world, 12, &more);
    run(&world, &["destroy", "--yes"], &more).is(0, &[", 0 left"]);
    let left = world.inventory();
    assert!(left.is_empty(), "{left:#?}");
}
