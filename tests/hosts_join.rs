//! Three machines booted from the image of playbooks/node_image.yml form a swarm by themselves: the tokens are where
//! playbooks/join_tokens.yml puts them, in a Parameter Store that is read with the instance's role, and later in a file.
//! One story, for baking is what takes long: the bake itself boots the disk under qemu and has nothing left to do there.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::lab::{Guard, Host, LabOptions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use support::cloud::World;
use support::metadata::{Metadata, VAULT_TOKEN};
use support::place::{Place, Seen};
use support::{lab_with, on, output};

const PLAYBOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks");

/// A virtual machine of the image's file, into which nothing was written.
struct Machine {
    qemu: Child,
    console: PathBuf,
}

impl Machine {
    fn boot(disk: &Path) -> Machine {
        let console = disk.with_extension("console");
        let drive = format!("file={},format=qcow2,if=virtio,snapshot=on", disk.display());
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-m",
            "1024",
            "-cpu",
            "max,-svm,-la57",
        ]);
        qemu.args(["-accel", "tcg", "-nic", "none", "-drive", &drive]);
        qemu.arg("-serial").arg(format!("file:{}", console.display()));
        Machine { qemu: qemu.spawn().unwrap(), console }
    }

    /// Waits until it has booted.
    fn comes_up(mut self) {
        let deadline = Instant::now() + Duration::from_secs(480);
        loop {
            let said = std::fs::read(&self.console).unwrap_or_default();
            let said = String::from_utf8_lossy(&said).into_owned();
            // Where udev is too slow for the console there is no prompt, but then what is reached is said there.
            let reached = |l: &str| l.contains("Reached target") && l.contains("multi-user.target");
            if said.contains(" login: ") || said.lines().any(reached) {
                return;
            }
            assert!(self.qemu.try_wait().unwrap().is_none(), "the emulator has ended: {said}");
            assert!(Instant::now() < deadline, "the machine does not come up: {said}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Bakes the node's image, which boots it under qemu, boots the file once more, and unpacks its root file system.
fn image(place: &Place) -> (PathBuf, Machine) {
    let settings = json!({"image_formats": ["qcow2", "tar"], "join_on_boot_provider": "ssm",
        "join_on_boot_user_data": true, "join_on_boot_leave": true, "registry_password": "not-for-the-image"});
    let playbook = format!("{PLAYBOOKS}/node_image.yml");
    let baked = place.run(&["bake", &playbook, "-e", &settings.to_string()]);
    baked.is(0, &["bake: boot", "bake: verify"]);
    let made = |format: &str| place.path().join(baked.out.lines().find(|l| l.ends_with(format)).unwrap());
    let (tar, qcow2) = (made(".tar"), made(".qcow2"));
    let manifest = std::fs::read(qcow2.with_extension("json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["verified"], true);
    let machine = Machine::boot(&qcow2);
    let root = place.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let unpacked = output(Command::new("tar").arg("-C").arg(&root).arg("-xpf").arg(&tar));
    assert!(unpacked.status.success());
    std::fs::remove_file(tar).unwrap();
    (root, machine)
}

/// What must not be in an image that anyone may have: a variable given to the bake, keys, credentials, an identity.
fn has_no_secret(root: &Path) {
    let grep = |pattern: &str, folders: &str| {
        let script = format!("cd '{}' && grep -rIlE -e '{pattern}' {folders} || true", root.display());
        String::from_utf8(output(Command::new("sh").args(["-c", &script])).stdout).unwrap()
    };
    assert_eq!(grep("not-for-the-image", "."), "");
    let own = "etc root home usr/local var opt srv";
    assert_eq!(
        grep("PRIVATE KEY-----|SWMTKN-1-[0-9a-z]{20}|(AKIA|ASIA)[A-Z0-9]{16}|hvs\\.[A-Za-z0-9]{20}", own),
        ""
    );
    for gone in [
        "root/.ssh/authorized_keys",
        "var/lib/docker/swarm",
        "etc/docker/key.json",
        "etc/ssh/ssh_host_rsa_key",
    ] {
        assert!(!root.join(gone).exists(), "{gone}");
    }
    assert_eq!(std::fs::read(root.join("etc/machine-id")).unwrap(), b"");
}

struct Nodes<'a> {
    lab: &'a Guard,
    world: World,
    metadata: Metadata,
    /// This machine, as nodes see it.
    gateway: String,
}

impl Nodes<'_> {
    fn host(&self, name: &str) -> Host {
        self.lab.host(name).unwrap()
    }

    /// An instance's user-data, and the way to its metadata.
    fn instance(&self, name: &str, settings: &str) {
        let host = self.host(name);
        let port = self.metadata.address.port();
        let data = format!("#!/bin/sh\n# JOIN_SSM_ENDPOINT=http://{}:{port}\n{settings}", self.gateway);
        self.metadata.state().user_data.insert(host.address.parse().unwrap(), data);
        let to = format!("{}:{port}", self.gateway);
        on(
            &host,
            &format!(
                "iptables -t nat -F OUTPUT; iptables -t nat -A OUTPUT -d 169.254.169.254 -p tcp --dport 80 -j DNAT --to {to}"
            ),
        );
    }

    /// Waits until the node has joined, by itself.
    #[track_caller]
    fn joins(&self, name: &str) {
        let wait = "timeout 240 sh -c 'until [ -e /var/lib/fitout/joined ]; do sleep 0.2; done'; \
                    journalctl -u fitout-join -o cat --no-pager; systemctl is-active fitout-join; ls /var/lib/fitout/joined";
        let said = on(&self.host(name), wait);
        assert!(!said.contains("SWMTKN"), "{said}");
    }

    /// `NAME STATUS MANAGER` of each node, sorted.
    fn swarm(&self) -> Vec<String> {
        let format = "{{.Hostname}} {{.Status}} {{.ManagerStatus}}";
        let text = on(&self.host("node1"), &format!("docker node ls --format '{format}'"));
        let mut nodes: Vec<String> = text.lines().map(|l| l.trim_end().to_string()).collect();
        nodes.sort();
        nodes
    }

    #[track_caller]
    fn await_swarm(&self, wanted: &[&str]) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(240);
        while self.swarm() != wanted {
            assert!(std::time::Instant::now() < deadline, "{:?}", self.swarm());
        }
    }

    fn publish(&self, more: &[&str]) -> Seen {
        let playbook = format!("{PLAYBOOKS}/join_tokens.yml");
        let seen = self.world.run(&[&["apply", "--yes", "-i", "hosts", &playbook], more].concat());
        let kept = self.world.place.kept() + &seen.all();
        assert!(!kept.contains("SWMTKN"), "a token is in what was said or kept");
        seen
    }

    fn parameter(&self, role: &str) -> String {
        let name = json!({"Name": format!("/fitout/{role}"), "WithDecryption": true});
        let (_, text) = self.world.call_json("ssm", "AmazonSSM.GetParameter", &name);
        let reply: serde_json::Value = serde_json::from_str(&text).unwrap();
        reply["Parameter"]["Value"].as_str().unwrap_or_default().to_string()
    }

    fn token(&self, role: &str) -> String {
        on(&self.host("node1"), &format!("docker swarm join-token -q {role}")).trim().to_string()
    }
}

#[test]
fn machines_of_one_image_form_a_swarm_by_themselves() {
    let place = Place::default();
    let (root, machine) = image(&place);
    has_no_secret(&root);
    let lab = lab_with(LabOptions { hosts: 3, root: Some(root), ..LabOptions::default() });
    let mut world = World::default();
    world.unchecked = true;
    let hosts = std::fs::read_to_string(lab.inventory_path()).unwrap();
    world.place.write("hosts", &format!("{hosts}\n[swarm_managers]\nnode1\n"));
    let metadata = Metadata::start(Some(world.proxy.address()));
    metadata.state().credentials = ["ASIATESTING", "secret", "session"].map(String::from);
    let gateway = lab.hosts()[0].address.rsplit_once('.').unwrap().0.to_string() + ".1";
    let nodes = Nodes { lab: &lab, world, metadata, gateway };

    the_first_begins_and_two_join(&nodes);
    a_reboot_changes_nothing(&nodes);
    a_new_machine_joins_with_a_rotated_token_from_a_file(&nodes);
    who_is_switched_off_leaves(&nodes);
    machine.comes_up();
}

fn the_first_begins_and_two_join(nodes: &Nodes<'_>) {
    // All are up and try; only one of them may begin.
    nodes.instance("node2", "# JOIN_ROLE=worker\n");
    nodes.instance("node3", "# JOIN_ROLE=manager\n");
    nodes.instance("node1", "# JOIN_ROLE=manager\n# JOIN_INIT=yes\n");
    nodes.joins("node1");
    assert_eq!(nodes.swarm(), ["node1 Ready Leader"]);
    let vault = format!("join_publish_vault={}/v1/secret/data/fitout/{{role}}", nodes.metadata.url());
    let token = format!("join_vault_token={VAULT_TOKEN}");
    let to = ["-e", "join_publish_ssm=/fitout/{role}", "-e", &vault, "-e", &token];
    nodes.publish(&to).is(0, &[]);
    for role in ["worker", "manager"] {
        let line = nodes.parameter(role);
        assert!(line.starts_with(&format!("{} ", nodes.token(role))) && line.ends_with(":2377"), "{role}");
        let kept = nodes.metadata.state().kept.get(&format!("/v1/secret/data/fitout/{role}")).cloned();
        assert_eq!(kept, Some(line));
    }
    nodes.joins("node2");
    nodes.joins("node3");
    nodes.await_swarm(&["node1 Ready Leader", "node2 Ready", "node3 Ready Reachable"]);
    let search =
        "journalctl -o cat; cat /etc/fitout/* /run/fitout/* /tmp/* /proc/[0-9]*/cmdline 2>/dev/null; true";
    assert!(!on(&nodes.host("node2"), search).contains("SWMTKN"), "a token is on the node");
    // The address of the new manager is told too; what is there is not written again.
    nodes.publish(&to).is(0, &[]);
    nodes.publish(&to[..2]).unchanged();
    assert_eq!(nodes.parameter("worker").matches(":2377").count(), 2);
}

fn a_reboot_changes_nothing(nodes: &Nodes<'_>) {
    let asked = nodes.metadata.state().seen.len();
    on(&nodes.host("node2"), "touch /run/before");
    let _ = output(nodes.host("node2").ssh().arg("systemctl reboot"));
    let up = || {
        let asks = "test ! -e /run/before && systemctl show -p ConditionResult --value fitout-join && docker info -f '{{.Swarm.NodeID}}'";
        let answer = output(nodes.host("node2").ssh().arg(asks));
        answer.status.success().then(|| String::from_utf8(answer.stdout).unwrap())
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(240);
    let said = loop {
        if let Some(said) = up() {
            break said;
        }
        assert!(std::time::Instant::now() < deadline, "node2 is not back");
    };
    assert!(said.starts_with("no\n"), "{said}");
    nodes.await_swarm(&["node1 Ready Leader", "node2 Ready", "node3 Ready Reachable"]);
    assert_eq!(nodes.metadata.state().seen.len(), asked, "a member has nothing to ask");
}

fn a_new_machine_joins_with_a_rotated_token_from_a_file(nodes: &Nodes<'_>) {
    let before = nodes.token("worker");
    nodes.lab.replace("node2").unwrap();
    nodes.instance("node2", "# JOIN_ROLE=worker\n# JOIN_PROVIDER=file\n# JOIN_FILE=/run/fitout/{role}\n");
    let to =
        ["-e", "join_rotate=true", "-e", "join_publish_dir=/run/fitout", "-e", "join_publish_hosts=node2"];
    nodes.publish(&[&to[..], &["-e", "join_publish_ssm=/fitout/{role}"]].concat()).is(0, &[]);
    let after = nodes.token("worker");
    assert!(before != after && nodes.parameter("worker").starts_with(&after));
    nodes.joins("node2");
    assert_eq!(on(&nodes.host("node2"), "stat -c %a /run/fitout/worker /run/fitout/manager"), "600\n600\n");
    nodes.await_swarm(&["node1 Ready Leader", "node2 Down", "node2 Ready", "node3 Ready Reachable"]);
}

/// node3 is a manager; the one that stays is a majority of one.
fn who_is_switched_off_leaves(nodes: &Nodes<'_>) {
    let _ = output(nodes.host("node3").ssh().arg("systemctl poweroff"));
    nodes.await_swarm(&["node1 Ready Leader", "node2 Down", "node2 Ready", "node3 Down"]);
}
