//! A kernel of its own: what is tuned must be so after a reboot. Containers share this machine's kernel and prove
//! nothing here. Emulated machines are slow, so one boot and one reboot serve many assertions.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::lab::{Guard, Host, LabOptions, VmOptions};
use std::fmt::Write;
use support::place::{Place, Seen};
use support::{lab_with, on, traces};

const PLAYBOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks");

/// An emulated machine, and a playbook with the roles for it.
struct Machine {
    guard: Guard,
    place: Place,
}

impl Machine {
    fn new(suite: &str) -> Machine {
        let options =
            LabOptions { suite: suite.into(), vm: Some(VmOptions::default()), ..LabOptions::default() };
        let machine = Machine { guard: lab_with(options), place: Place::default() };
        std::os::unix::fs::symlink(format!("{PLAYBOOKS}/roles"), machine.place.path().join("roles")).unwrap();
        let roles =
            "- hosts: all\n  gather_facts: false\n  become: true\n  roles: [node_tuning, node_hardening]\n";
        machine.place.write("roles.yml", roles);
        machine
    }

    fn host(&self) -> Host {
        self.guard.hosts().remove(0)
    }

    /// Runs the program on the playbook of this name.
    fn run(&self, words: &[&str], playbook: &str) -> Seen {
        let inventory = self.guard.inventory_path().display().to_string();
        self.place.run(&[words, &["-T", "120", "-i", &inventory, playbook]].concat())
    }

    /// Both roles, which must succeed on the running kernel.
    fn roles(&self, words: &[&str]) -> Seen {
        // A login takes its time in an emulated machine.
        let live = [
            "-e",
            "node_tuning_live=required",
            "-e",
            "node_hardening_live=required node_hardening_confirm=300",
        ];
        let vars = r#"{"node_tuning_swap": "absent", "node_tuning_huge_pages": "never",
            "node_tuning_services": [{"name": "ssh", "limits": {"nofile": 5000}}]}"#;
        self.run(&[words, &live[..], &["-e", vars]].concat(), "roles.yml")
    }

    /// A playbook of these tasks, applied.
    fn tasks(&self, tasks: &str) -> Seen {
        self.place.tasks(tasks);
        self.run(&["apply", "--yes"], "site.yml")
    }

    fn boot_id(&self) -> String {
        on(&self.host(), "cat /proc/sys/kernel/random/boot_id")
    }

    fn read(&self, file: &str) -> String {
        on(&self.host(), &format!("cat {file}")).trim().to_string()
    }
}

/// Kernel parameters that the roles ask for by their defaults: keys, also with `*`, and values.
fn wanted() -> Vec<(String, String)> {
    let mut all = vec![
        ("net.netfilter.nf_conntrack_max".to_string(), "262144".to_string()),
        ("net.netfilter.nf_conntrack_tcp_timeout_established".into(), "86400".into()),
        ("net.netfilter.nf_conntrack_tcp_timeout_time_wait".into(), "30".into()),
        ("fs.suid_dumpable".into(), "0".into()),
        ("kernel.core_pattern".into(), "|/bin/false".into()),
    ];
    for (role, names) in [
        ("node_tuning", &["files", "sockets", "connections", "memory"][..]),
        ("node_hardening", &["network", "kernel"]),
    ] {
        let file = format!("{PLAYBOOKS}/roles/{role}/defaults/main.yml");
        let defaults: serde_yaml::Value =
            serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for name in names {
            let area = defaults[format!("{role}_{name}").as_str()].as_mapping().unwrap();
            for (key, value) in area {
                all.push((key.as_str().unwrap().to_string(), plain(value)));
            }
        }
    }
    all
}

/// A number, or several with blanks between them, as the kernel shows them.
fn plain(value: &serde_yaml::Value) -> String {
    match value.as_sequence() {
        Some(list) => list.iter().map(plain).collect::<Vec<_>>().join(" "),
        None => serde_yaml::to_string(value).unwrap().trim().to_string(),
    }
}

/// Reads every parameter of the roles back: all of them are there, and equal.
#[track_caller]
fn read_back(host: &Host) {
    let wanted = wanted();
    assert!(wanted.len() > 40, "{wanted:?}");
    let mut script = String::new();
    for (index, (key, _)) in wanted.iter().enumerate() {
        let path = key.replace('.', "/");
        writeln!(script, "for f in /proc/sys/{path}; do echo \"{index} $f\" $(cat $f); done").unwrap();
    }
    let said = on(host, &script);
    let mut seen = vec![0; wanted.len()];
    let mut wrong = Vec::new();
    for line in said.lines() {
        let mut words = line.splitn(3, ' ');
        let index: usize = words.next().unwrap().parse().unwrap();
        let (file, value) = (words.next().unwrap(), words.next().unwrap_or_default());
        seen[index] += 1;
        if value != wanted[index].1 {
            wrong.push(format!("{file} is {value}, not {}", wanted[index].1));
        }
    }
    assert_eq!(wrong, [""; 0]);
    for ((key, _), count) in wanted.iter().zip(seen) {
        assert!(count >= if key.contains('*') { 4 } else { 1 }, "{key}: {count} files\n{said}");
    }
}

/// What the two roles do besides kernel parameters.
#[track_caller]
fn the_rest_holds(machine: &Machine) {
    assert_eq!(machine.read("/sys/module/nf_conntrack/parameters/hashsize"), "65536");
    assert!(machine.read("/sys/kernel/mm/transparent_hugepage/enabled").contains("[never]"));
    assert_eq!(on(&machine.host(), "tail -n +2 /proc/swaps"), "");
    assert_eq!(on(&machine.host(), "ulimit -Sn; ulimit -Hn; ulimit -Hc"), "65536\n1048576\n0\n");
    let refused = "! modprobe dccp 2>/dev/null && ! test -d /sys/module/dccp";
    on(&machine.host(), refused);
}

/// What a task that fails has changed of the table comes back whole: its sizes, its timeouts, its files.
fn the_table_is_restored(machine: &Machine) {
    let state = "cd /etc; grep -rs . modules-load.d modprobe.d udev/rules.d sysctl.d; cd /proc/sys/net/netfilter; \
                 cat nf_conntrack_max nf_conntrack_tcp_timeout_established /sys/module/nf_conntrack/parameters/hashsize";
    let before = on(&machine.host(), state);
    assert!(before.ends_with("\n262144\n86400\n65536\n"), "{before}");
    let tasks = "- nf_conntrack: {max: 99999, hashsize: 2048, sysctl_file: /etc/sysctl.d/70-t.conf, confirm: 300, timeouts: \
                 {tcp_timeout_established: 7777, udp_timeout: 4294967295}}";
    machine.tasks(tasks).is(1, &["the kernel does not take", "the former values are restored"]);
    assert_eq!(on(&machine.host(), state), before);
}

/// Takes the module of the table out and in again, as if it came long after boot.
const LATE: &str = "modprobe -r nf_conntrack && ! test -e /proc/sys/net/netfilter/nf_conntrack_max && modprobe nf_conntrack && \
    udevadm settle && cat /proc/sys/net/netfilter/nf_conntrack_max /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established";

fn the_table_comes_late(machine: &Machine) {
    assert_eq!(on(&machine.host(), LATE), "262144\n86400\n");
    // It is the rule that does it.
    let rule = "/etc/udev/rules.d/60-nf_conntrack.rules";
    let without = format!("mv {rule} /root/rule && udevadm control --reload && {LATE}");
    assert_ne!(on(&machine.host(), &without), "262144\n86400\n");
    on(&machine.host(), &format!("mv /root/rule {rule} && udevadm control --reload"));
    assert_eq!(on(&machine.host(), LATE), "262144\n86400\n");
}

/// Rebooted by the program, which finds every value again.
fn a_reboot_keeps_it(machine: &Machine) {
    let before = machine.boot_id();
    machine.roles(&["verify", "--reboot"]).is(0, &["1 host rebooted"]);
    assert_ne!(machine.boot_id(), before);
    read_back(&machine.host());
    the_rest_holds(machine);
    let limits =
        "sed -n 's/  */ /g;s/^Max open files //p' /proc/$(systemctl show -p MainPID --value ssh)/limits";
    assert_eq!(on(&machine.host(), limits).trim(), "5000 5000 files");
}

/// Two modules that are there after each boot, and one that is not.
const MODULES: &str = "- modprobe: {name: br_netfilter, persistent: present}
- modprobe: {name: loop, params: max_part=7, persistent: present}
- modprobe: {name: dummy, persistent: present}
- modprobe: {name: dummy, state: absent, persistent: absent}";

#[track_caller]
fn modules_are_loaded(machine: &Machine) {
    assert_eq!(machine.read("/sys/module/loop/parameters/max_part"), "7");
    on(&machine.host(), "test -d /sys/module/br_netfilter && ! test -e /sys/module/dummy");
}

/// A parameter that the kernel lets be written is; one that it does not waits for a reboot.
const PARAMETERS: &str = "- modprobe: {name: overlay}
- modprobe: {name: overlay, params: metacopy=on redirect_max=128}
  register: live
- assert: {that: live is changed and not live.reboot_required}
- modprobe: {name: loop, params: max_part=15}
  register: waits
- assert: {that: waits is not changed and waits.reboot_required}";

fn parameters_are_written_live(machine: &Machine) {
    let seen = machine.tasks(PARAMETERS);
    seen.is(0, &["overlay's redirect_max is ", "loop's max_part is 7, not 15, until it is loaded again"]);
    assert_eq!(machine.read("/sys/module/overlay/parameters/redirect_max"), "128");
    assert_eq!(machine.read("/sys/module/overlay/parameters/metacopy"), "Y");
}

/// A distribution's file counts as loading a module in time, until one of its name in /etc hides it.
fn a_masked_file_loads_nothing(machine: &Machine) {
    on(&machine.host(), "modprobe br_netfilter && echo br-netfilter >/usr/lib/modules-load.d/k8s.conf");
    let bridges = || {
        machine.tasks(
            "- sysctl: {name: net.bridge.bridge-nf-call-iptables, value: 1, sysctl_file: /etc/sysctl.d/10-ours.conf}",
        )
    };
    let late = "nothing loads br_netfilter before the kernel parameters are set";
    let seen = bridges();
    seen.is(0, &[]);
    assert!(!seen.all().contains(late), "{}", seen.all());
    on(&machine.host(), "ln -s /dev/null /etc/modules-load.d/k8s.conf");
    bridges().is(0, &[late]);
    on(&machine.host(), "rm /etc/modules-load.d/k8s.conf /usr/lib/modules-load.d/k8s.conf");
}

/// Out of the kernel, and out of what is read at boot.
fn modules_go(machine: &Machine) {
    let gone = ["br_netfilter", "loop"];
    let tasks = gone.map(|name| format!("- modprobe: {{name: {name}, state: absent, persistent: absent}}"));
    machine.tasks(&tasks.join("\n")).is(0, &["2 changed"]);
    for name in gone {
        on(&machine.host(), &format!("! test -e /sys/module/{name}"));
    }
    let left = "grep -rlE --exclude=fitout-lab.conf 'br_netfilter|loop|dummy' /etc/modules-load.d /etc/modprobe.d /etc/modules || :";
    assert_eq!(on(&machine.host(), left), "");
}

#[test]
fn tuning_survives_a_reboot_and_what_would_not_is_told() {
    let machine = Machine::new("bookworm");
    let host = &machine.host();
    assert_eq!(on(host, "systemctl is-system-running --wait || systemctl --failed").trim(), "running");
    on(
        host,
        "fallocate -l 16M /swap && chmod 600 /swap && mkswap /swap >/dev/null && swapon /swap && \
         echo '/swap none swap sw 0 0' >>/etc/fstab && ! test -d /sys/module/nf_conntrack",
    );

    // Before it is applied there is something to do, and so nothing is rebooted.
    let first = machine.boot_id();
    machine.roles(&["verify", "--reboot"]).is(2, &["nothing was rebooted"]);
    // The table's size: first of a module that is not loaded, then of the running one.
    machine.roles(&["apply", "--yes", "-e", "node_tuning_conntrack_max=131072"]).is(0, &[]);
    assert_eq!(machine.read("/sys/module/nf_conntrack/parameters/hashsize"), "32768");
    machine.roles(&["apply", "--yes"]).is(0, &["the table has 32768 chains, not 65536"]);
    read_back(host);
    the_rest_holds(&machine);
    the_table_is_restored(&machine);
    the_table_comes_late(&machine);

    // A vendor's file that comes later at boot: whoever insists has the value now, and is told that it goes.
    on(host, "echo 'vm.dirty_ratio = 33' >/usr/lib/sysctl.d/90-vendor.conf");
    let lost = |more: &str| {
        machine.tasks(&format!(
            "- sysctl: {{name: vm.dirty_ratio, value: 11, sysctl_file: /etc/sysctl.d/10-ours.conf{more}}}"
        ))
    };
    lost("").is(1, &["/usr/lib/sysctl.d/90-vendor.conf"]);
    lost(", lost_at_boot: warn").is(0, &["/usr/lib/sysctl.d/90-vendor.conf"]);
    assert_eq!(machine.read("/proc/sys/vm/dirty_ratio"), "11");

    a_masked_file_loads_nothing(&machine);
    machine.tasks(MODULES).is(0, &["4 changed"]);
    modules_are_loaded(&machine);
    parameters_are_written_live(&machine);

    assert_eq!(machine.boot_id(), first, "nothing has rebooted it yet");
    a_reboot_keeps_it(&machine);
    modules_are_loaded(&machine);
    modules_go(&machine);
    assert_eq!(machine.read("/proc/sys/vm/dirty_ratio"), "33", "what was told to be lost is lost");

    let name = machine.guard.name().to_owned();
    drop(machine);
    assert_eq!(traces(&name), [""; 0]);
}

/// A vendor's file with one of ours in its place, and one that is masked: neither is read at boot.
const VENDOR: &str = "cd /usr/lib/sysctl.d && echo 'vm.dirty_background_ratio = 33' >95-masked.conf && \
    printf 'vm.dirty_expire_centisecs = 1111\nvm.dirty_writeback_centisecs = 333\n' >95-ours.conf && \
    ln -s /dev/null /etc/sysctl.d/95-masked.conf && cat /proc/sys/vm/dirty_writeback_centisecs";

#[test]
fn debian_13_keeps_what_is_tuned() {
    let machine = Machine::new("trixie");
    assert_eq!(on(&machine.host(), ". /etc/os-release; echo $VERSION_ID").trim(), "13");
    machine.roles(&["apply", "--yes"]).is(0, &[]);
    read_back(&machine.host());
    the_table_comes_late(&machine);
    // The module's own file: /etc/sysctl.conf is not read at boot there.
    let writeback = on(&machine.host(), VENDOR);
    machine
        .tasks(
            "- sysctl: {name: vm.dirty_ratio, value: 12}
- sysctl: {name: vm.dirty_background_ratio, value: 7, sysctl_file: /etc/sysctl.d/10-ours.conf}
- sysctl: {name: vm.dirty_expire_centisecs, value: 2222, sysctl_file: /etc/sysctl.d/95-ours.conf}",
        )
        .is(0, &["3 changed"]);
    // Nothing loads this key's module at boot, and no rule sets it when it comes.
    let bridges = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    on(&machine.host(), "modprobe br_netfilter");
    machine
        .tasks("- sysctl: {name: net.bridge.bridge-nf-call-iptables, value: 0, sysctl_file: /etc/sysctl.d/99-t.conf}")
        .is(0, &["nothing loads br_netfilter before the kernel parameters are set"]);
    assert_eq!(machine.read(bridges), "0");
    a_reboot_keeps_it(&machine);
    let late = format!("! test -e {bridges} && modprobe br_netfilter && udevadm settle && cat {bridges}");
    assert_eq!(on(&machine.host(), &late), "1\n", "what was told to be lost is lost");
    assert_eq!(machine.read("/proc/sys/vm/dirty_ratio"), "12");
    assert_eq!(machine.read("/proc/sys/vm/dirty_background_ratio"), "7", "what is masked is not read");
    assert_eq!(machine.read("/proc/sys/vm/dirty_expire_centisecs"), "2222");
    assert_eq!(
        machine.read("/proc/sys/vm/dirty_writeback_centisecs"),
        writeback.trim(),
        "ours stands for all of it"
    );
}
