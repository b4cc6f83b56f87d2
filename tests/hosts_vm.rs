//! A kernel of its own: what is tuned must be so after a reboot. Containers share this machine's kernel and prove
//! nothing here. Emulated machines are slow, so one boot and one reboot serve many assertions.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::lab::{Guard, Host, LabOptions, VmOptions};
use support::place::Place;
use support::{lab_with, on, traces};

/// An emulated machine of this release, and a folder with a playbook for it.
fn machine(suite: &str) -> (Guard, Place) {
    let options = LabOptions { suite: suite.into(), vm: Some(VmOptions::default()), ..LabOptions::default() };
    let guard = lab_with(options);
    let place = Place::default();
    (guard, place)
}

/// Runs the program on the playbook of this name.
fn fitout(guard: &Guard, place: &Place, words: &[&str], playbook: &str) -> support::place::Seen {
    let inventory = guard.inventory_path().display().to_string();
    place.run(&[words, &["-i", &inventory, playbook]].concat())
}

fn boot_id(host: &Host) -> String {
    on(host, "cat /proc/sys/kernel/random/boot_id")
}

/// The values as the kernel has them, blanks made one.
fn read_back(host: &Host, keys: &[&str]) -> Vec<String> {
    let said = on(host, &format!("sysctl -n {}", keys.join(" ")));
    said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

const TUNED: [(&str, &str); 6] = [
    ("fs.file-max", "1048576"),
    ("net.core.somaxconn", "4096"),
    ("net.ipv4.tcp_rmem", "4096 131072 16777216"),
    ("net.ipv4.ip_local_port_range", "15000 61000"),
    ("net.netfilter.nf_conntrack_max", "131072"),
    ("vm.swappiness", "10"),
];

/// A playbook that asks for [`TUNED`], with tasks before them.
fn tuning(before: &str, file: &str) -> String {
    let items: String = TUNED.iter().map(|(k, v)| format!("        - [{k}, '{v}']\n")).collect();
    format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n{before}    - name: Tune\n      ansible.posix.sysctl:\n        \
         name: '{{{{ item.0 }}}}'\n        value: '{{{{ item.1 }}}}'\n{file}      loop:\n{items}"
    )
}

#[test]
fn tuning_survives_a_reboot_and_what_would_not_is_told() {
    let (guard, place) = machine("bookworm");
    let host = &guard.hosts()[0];
    assert_eq!(on(host, "systemctl is-system-running --wait || systemctl --failed").trim(), "running");
    let load = "    - name: The table\n      modprobe: {name: nf_conntrack, params: hashsize=32768, persistent: present}\n";
    let file = "        sysctl_file: /etc/sysctl.d/60-tuning.conf\n";
    place.write("tuning.yml", &tuning(load, file));

    // Before it is applied there is something to do, and so nothing is rebooted.
    let first = boot_id(host);
    fitout(&guard, &place, &["verify", "--reboot"], "tuning.yml").is(2, &["nothing was rebooted"]);
    fitout(&guard, &place, &["apply", "--yes"], "tuning.yml").is(0, &[]);
    let keys = TUNED.map(|(key, _)| key);
    let asked = TUNED.map(|(_, value)| value);
    assert_eq!(read_back(host, &keys), asked);
    assert_eq!(on(host, "cat /sys/module/nf_conntrack/parameters/hashsize").trim(), "32768");

    // A vendor's file that comes later at boot: whoever insists has the value now, and is told that it goes.
    on(host, "echo 'vm.dirty_ratio = 33' >/usr/lib/sysctl.d/90-vendor.conf");
    let task = "    - sysctl: {name: vm.dirty_ratio, value: 11, sysctl_file: /etc/sysctl.d/10-ours.conf";
    let lost = |more: &str| {
        place.write("lost.yml", &format!("- hosts: all\n  gather_facts: false\n  tasks:\n{task}{more}}}\n"));
        fitout(&guard, &place, &["apply", "--yes"], "lost.yml")
    };
    lost("").is(1, &["/usr/lib/sysctl.d/90-vendor.conf"]);
    lost(", lost_at_boot: warn").is(0, &["/usr/lib/sysctl.d/90-vendor.conf"]);
    assert_eq!(read_back(host, &["vm.dirty_ratio"]), ["11"]);

    assert_eq!(boot_id(host), first);
    fitout(&guard, &place, &["verify", "--reboot"], "tuning.yml").is(0, &["1 host rebooted"]);
    assert_ne!(boot_id(host), first);
    assert_eq!(read_back(host, &keys), asked);
    assert_eq!(on(host, "cat /sys/module/nf_conntrack/parameters/hashsize").trim(), "32768");
    assert_eq!(read_back(host, &["vm.dirty_ratio"]), ["33"], "what was told to be lost is lost");

    let name = guard.name().to_owned();
    drop(guard);
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn debian_13_boots_and_keeps_what_is_tuned_by_default() {
    let (guard, place) = machine("trixie");
    let host = &guard.hosts()[0];
    assert_eq!(on(host, ". /etc/os-release; echo $VERSION_ID").trim(), "13");
    // The module's own file: /etc/sysctl.conf is not read at boot there.
    let load = "    - name: The table\n      modprobe: {name: nf_conntrack, persistent: present}\n";
    place.write("tuning.yml", &tuning(load, ""));
    fitout(&guard, &place, &["apply", "--yes"], "tuning.yml").is(0, &[]);
    let first = boot_id(host);
    fitout(&guard, &place, &["verify", "--reboot"], "tuning.yml").is(0, &["1 host rebooted"]);
    assert_ne!(boot_id(host), first);
    assert_eq!(read_back(host, &TUNED.map(|(key, _)| key)), TUNED.map(|(_, value)| value));
}
