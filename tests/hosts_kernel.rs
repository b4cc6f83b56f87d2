//! Kernel settings on booted hosts: what systemd-sysctl really does, and the modules and roles carried out twice.
//!
//! A host of the lab is a container with a network of its own: `net.*` is its own and can be set and read back, `vm.*`
//! and `fs.*` are the machine's and read-only. What those need is tested in a virtual machine.
#![allow(clippy::unwrap_used)]

#[path = "hosts_kernel/confirm.rs"]
mod confirm;
#[path = "hosts_kernel/loading.rs"]
mod loading;
mod support;

use fitout::lab::{Guard, Host};
use serde::Deserialize;
use std::collections::BTreeMap;
use support::place::{Place, Seen};
use support::{lab, on};

/// A folder whose inventory is the lab's.
fn place(guard: &Guard, tasks: &str) -> Place {
    let inventory = std::fs::read_to_string(guard.inventory_path()).unwrap();
    Place::new(&inventory, tasks)
}

/// Applies twice: the second time nothing is changed.
#[track_caller]
fn settles(place: &Place) -> Seen {
    let first = place.apply(&[]);
    first.is(0, &[]);
    place.apply(&[]).unchanged();
    let plan = place.run(&["plan", "-i", "hosts", "site.yml"]);
    plan.is(0, &[]);
    first
}

#[derive(Deserialize)]
struct Case {
    name: String,
    files: BTreeMap<String, String>,
    keys: BTreeMap<String, Option<String>>,
}

/// The table that `src/modules/kernel/boot.rs` is tested with, put to the program that decides.
fn boot_table(node: &Host) {
    let cases: Vec<Case> = serde_yaml::from_str(include_str!("kernel/boot.yml")).unwrap();
    let quote = |text: &str| shell_words::quote(text).into_owned();
    let mut script = String::from(
        "folders='/etc/sysctl.d /run/sysctl.d /usr/local/lib/sysctl.d /usr/lib/sysctl.d'\n\
         mkdir -p $folders; cd /\n",
    );
    for case in &cases {
        script.push_str("for one in $folders; do mount -t tmpfs case $one; done\n");
        for (path, text) in &case.files {
            script.push_str(&format!("printf %s {} >{}\n", quote(text), quote(path)));
        }
        let file = |key: &str| format!("/proc/sys/{}", key.replace('.', "/"));
        // Values no case asks for, so that what nobody sets is told from what somebody does.
        for key in case.keys.keys() {
            script
                .push_str(&format!("before=$(cat {0}); echo \"{key} before $(echo $before)\"\n", file(key)));
        }
        script.push_str("/lib/systemd/systemd-sysctl 2>/dev/null\n");
        for key in case.keys.keys() {
            script.push_str(&format!("now=$(cat {0}); echo \"{key} now $(echo $now)\"\n", file(key)));
        }
        script.push_str("umount $folders; rm -f /etc/sysctl.conf; echo end\n");
    }
    let said = on(node, &script);
    let answers: Vec<&str> = said.split("end\n").collect();
    for (case, answer) in cases.iter().zip(answers) {
        for (key, wanted) in &case.keys {
            let value = |when: &str| {
                let prefix = format!("{key} {when} ");
                answer.lines().find_map(|l| l.strip_prefix(&prefix)).unwrap_or_default().to_string()
            };
            let wanted = wanted.clone().unwrap_or_else(|| value("before"));
            assert_eq!(value("now"), wanted, "{}: {key}\n{answer}", case.name);
        }
    }
}

#[test]
fn files_decide_at_boot_as_computed() {
    let guard = lab(1);
    boot_table(&guard.hosts()[0]);
}

#[test]
fn kernel_parameters_are_set_written_and_win_at_boot() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    // It ends with a failure where a line cannot be carried out, after all that can.
    let apply_boot = "/lib/systemd/systemd-sysctl 2>/dev/null || true";

    // One key, Ansible's way, and many; in the same run a vendor's file comes that would win over the named file.
    let place = place(
        &guard,
        "- ansible.posix.sysctl: {name: net.ipv4.tcp_keepalive_time, value: 777}
- sysctl:
    sysctl_file: /etc/sysctl.d/60-many.conf
    values: {net.core.somaxconn: 4321, net.ipv4.tcp_rmem: [4096, 100000, 200000], net/ipv4/conf/all/log_martians: yes}",
    );
    let check = place.run(&["playbook", "--check", "--diff", "-i", "hosts", "site.yml"]);
    check.is(0, &["net.core.somaxconn = 4321", "net.ipv4.tcp_keepalive_time = 777"]);
    assert_ne!(on(&node, "cat /proc/sys/net/core/somaxconn").trim(), "4321", "check mode sets nothing");
    settles(&place);
    assert_eq!(on(&node, "cat /proc/sys/net/core/somaxconn").trim(), "4321");
    assert_eq!(on(&node, "cat /proc/sys/net/ipv4/tcp_rmem").trim(), "4096\t100000\t200000");
    on(&node, &format!("echo 1 >/proc/sys/net/core/somaxconn; {apply_boot}"));
    assert_eq!(on(&node, "cat /proc/sys/net/core/somaxconn").trim(), "4321", "as after a boot");

    // A running value that drifted is seen.
    on(&node, "echo 99 >/proc/sys/net/core/somaxconn");
    place.run(&["plan", "-i", "hosts", "site.yml"]).is(2, &["net.core.somaxconn runs with 99"]);
    settles(&place);

    // A vendor's file that is read later: the plan names it, the task is not ok, nothing is written.
    on(
        &node,
        "mkdir -p /usr/lib/sysctl.d; printf '#\\nnet.core.somaxconn = 128\\n' >/usr/lib/sysctl.d/k8s.conf",
    );
    let lost = "net.core.somaxconn would be lost at boot: /usr/lib/sysctl.d/k8s.conf:2 sets it to 128 again";
    place.run(&["plan", "-i", "hosts", "site.yml"]).is(1, &[lost]);
    place.apply(&[]).is(1, &[lost]);

    // What is no assignment is told, not fatal, and hides nothing that is one.
    on(
        &node,
        r"printf 'what is this\n-\n\377\001 = x\nnet.core.somaxconn = 128\n' >/usr/lib/sysctl.d/k8s.conf",
    );
    let seen = place.apply(&[]);
    seen.is(
        1,
        &["net.core.somaxconn would be lost at boot: /usr/lib/sysctl.d/k8s.conf:4 sets it to 128 again"],
    );

    // Without a named file the line goes where it wins.
    place.tasks("- sysctl: {name: net.core.somaxconn, value: 4321}");
    settles(&place).is(
        0,
        &["k8s.conf:1 sets nothing at boot and is left alone: `what is this` (and 2 more such lines)"],
    );
    on(&node, &format!("echo 1 >/proc/sys/net/core/somaxconn; {apply_boot}"));
    assert_eq!(on(&node, "cat /proc/sys/net/core/somaxconn").trim(), "4321");

    // What the container cannot set is said, and accepted only where that was asked for.
    place.tasks("- sysctl: {name: vm.swappiness, value: 1}");
    place.apply(&[]).is(1, &["vm.swappiness is", "cannot be set in this container"]);
    place.tasks("- sysctl: {name: vm.swappiness, value: 1, live: possible}");
    settles(&place).is(0, &["this is a container", "has vm.swappiness"]);
    on(&node, "grep -qx 'vm.swappiness = 1' /etc/sysctl.d/99-sysctl.conf");

    // A value that the kernel refuses is a failure, and not left in the file for the next boot.
    place.tasks("- sysctl: {name: net.ipv4.tcp_keepalive_time, value: many}");
    place.apply(&[]).is(1, &["the kernel does not take \"many\" for net/ipv4/tcp_keepalive_time"]);
    on(&node, "grep -q 'keepalive_time = 777' /etc/sysctl.d/99-sysctl.conf");

    place.tasks("- sysctl: {name: net.ipv4.tcp_keepalive_time, state: absent}");
    settles(&place).is(0, &["stays until the next boot"]);
    assert_eq!(on(&node, "cat /proc/sys/net/ipv4/tcp_keepalive_time").trim(), "777");
}

#[test]
fn limits_reach_sessions() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    on(&node, "echo 'what is this' >>/etc/security/limits.conf; useradd -m ada");
    let place = place(
        &guard,
        "- pam_limits: {domain: '*', limit_type: soft, limit_item: nofile, value: 1234, session: true}
- pam_limits: {domain: '*', limit_type: hard, limit_item: nofile, value: 2345, comment: files}
- pam_limits: {domain: root, limit_type: '-', limit_item: nofile, value: 3456, dest: /etc/security/limits.d/50-root.conf}",
    );
    settles(&place).is(0, &["limits.conf:", "is no limit and is left alone: `what is this`"]);
    assert_eq!(on(&node, "su -l ada -c 'ulimit -Sn; ulimit -Hn'"), "1234\n2345\n");
    assert_eq!(on(&node, "ulimit -Sn"), "3456\n", "a new ssh session of root");
    on(&node, "grep -q '^session.*pam_limits.so' /etc/pam.d/common-session");
    place.tasks("- pam_limits: {domain: '*', limit_type: hard, limit_item: nofile, value: unlimited}");
    place.apply(&[]).is(1, &["nobody could log in"]);
}

#[test]
fn a_service_runs_with_its_limits() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    on(
        &node,
        "printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/etc/systemd/system/web.service && systemctl start web",
    );
    let limits = "cat /proc/$(systemctl show -p MainPID --value web)/limits | sed -n 's/  */ /g;s/^Max open files //p'";
    let tasks = |more: &str| {
        format!("- systemd_limits: {{name: web, limits: {{nofile: '2000:3000', core: 0}}{more}}}")
    };
    let place = place(&guard, &tasks(""));
    settles(&place).is(0, &["web.service runs with", "until it is restarted"]);
    assert_ne!(on(&node, limits).trim(), "2000 3000 files", "not restarted unasked");
    place.tasks(&tasks(", restart: true"));
    settles(&place);
    assert_eq!(on(&node, limits).trim(), "2000 3000 files");

    // A drop-in that is read later is named, and one that the process itself lowers is no success.
    on(
        &node,
        "printf '[Service]\\nLimitNOFILE=77\\n' >/etc/systemd/system/web.service.d/90-x.conf; systemctl daemon-reload",
    );
    place.apply(&[]).is(1, &["/etc/systemd/system/web.service.d/90-x.conf sets LimitNOFILE=77"]);
    on(
        &node,
        "rm /etc/systemd/system/web.service.d/90-x.conf; systemctl daemon-reload; systemctl restart web",
    );
    place.tasks("- systemd_limits: {name: web, state: absent}");
    settles(&place);
    on(&node, "! test -e /etc/systemd/system/web.service.d");
}

#[test]
fn what_a_container_has_not_is_written_for_boot() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    on(&node, "echo '/dev/vdz none swap sw 0 0' >>/etc/fstab");
    let place = place(
        &guard,
        "- modprobe: {name: nf_conntrack_of_nobody, persistent: present, params: a=1, live: possible}
- nf_conntrack: {max: 400000, timeouts: {tcp_timeout_established: 86400}, live: possible}
- kernel_cmdline: {parameters: [quiet], live: possible}
  register: cmdline
- transparent_hugepages: {enabled: never, live: possible}
- swap: {live: possible}
- assert: {that: not cmdline.reboot_required}
- command: touch /run/reboot-required
  args: {creates: /run/reboot-required}
- setup:
- assert: {that: ansible_facts.reboot_required}",
    );
    settles(&place).is(0, &["this is a container"]);
    let kept = on(
        &node,
        "cat /etc/modules-load.d/*.conf /etc/modprobe.d/nf_conntrack*.conf /etc/default/grub.d/*.cfg /etc/tmpfiles.d/fitout*",
    );
    for line in [
        "nf_conntrack_of_nobody\n",
        "options nf_conntrack_of_nobody a=1\n",
        "options nf_conntrack hashsize=100000\n",
        "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX quiet\"\n",
        "w /sys/kernel/mm/transparent_hugepage/enabled - - - - never\n",
    ] {
        assert!(kept.contains(line), "{line} is not in\n{kept}");
    }
    assert!(on(&node, "cat /etc/fstab").contains("#fitout-swap# /dev/vdz none swap sw 0 0\n"));
    place.tasks("- swap: {state: present, live: never}");
    settles(&place);
    assert!(on(&node, "cat /etc/fstab").contains("\n/dev/vdz none swap sw 0 0\n"));
}

/// A playbook of ours from its own folder, on the lab's hosts.
fn ours(guard: &Guard, name: &str, more: &[&str]) -> Seen {
    let playbook = format!("{}/playbooks/{name}", env!("CARGO_MANIFEST_DIR"));
    let inventory = guard.inventory_path();
    let place = Place::default();
    let args = ["apply", "--yes", "-i", inventory.to_str().unwrap(), &playbook];
    place.run(&[&args[..], more].concat())
}

#[test]
fn the_roles_settle_on_a_host() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    let value = |key: &str| on(&node, &format!("cat /proc/sys/{}", key.replace('.', "/"))).trim().to_string();
    let settled = |seen: Seen| seen.unchanged();

    // One command, kernel parameters only.
    let first = ours(&guard, "hardening.yml", &["-t", "sysctl"]);
    first.is(0, &["this is a container"]);
    assert_eq!(value("net.ipv4.conf.lo.accept_redirects"), "0");
    assert_eq!(value("net.ipv6.conf.lo.accept_redirects"), "0");
    on(
        &node,
        "ip link add later type veth peer name other && /lib/systemd/systemd-sysctl --prefix=/net/ipv6/conf/later 2>/dev/null || :",
    );
    assert_eq!(value("net.ipv6.conf.later.accept_redirects"), "0", "an interface that came later");
    on(&node, "! test -e /etc/modprobe.d/70-node-hardening.conf");
    settled(ours(&guard, "hardening.yml", &["-t", "sysctl"]));
    ours(&guard, "hardening.yml", &[]).is(0, &[]);
    settled(ours(&guard, "hardening.yml", &[]));
    on(&node, "grep -qx 'install dccp /bin/false' /etc/modprobe.d/70-node-hardening.conf");
    assert_eq!(on(&node, "su -c 'ulimit -Hc'").trim(), "0");

    // As many files as any container may have.
    let limits = "{\"node_tuning_limits\": [{\"domain\": \"root\", \"type\": \"-\", \"item\": \"nofile\", \"value\": 1234}]}";
    let tuned = ours(&guard, "tuning.yml", &["-e", limits]);
    tuned.is(0, &["this is a container"]);
    assert_eq!(value("net.ipv4.ip_local_port_range"), "15000\t64999");
    assert_eq!(value("net.ipv4.tcp_rmem"), "4096\t131072\t16777216");
    assert_eq!(on(&node, "ulimit -Sn").trim(), "1234");
    settled(ours(&guard, "tuning.yml", &["-e", limits]));

    // In a container that must take it all it is a failure that says why, not a success.
    let strict = ours(&guard, "tuning.yml", &["-e", "node_tuning_live=required"]);
    strict.is(1, &["cannot be set in this container"]);
    // A parameter of the wrong kind is found before anything is done.
    ours(&guard, "tuning.yml", &["-e", "node_tuning_swap=maybe"]).is(1, &["node_tuning_swap"]);
}

/// A canary of two hosts: only it is rebooted. What a late writer overwrites at boot cannot be computed from sysctl.d,
/// and is found by rebooting.
#[test]
fn only_the_canary_is_rebooted_and_a_late_writer_is_found() {
    let guard = lab(2);
    let hosts = guard.hosts();
    let (other, canary) = (&hosts[0], &hosts[1]);
    let boot = |host: &Host| on(host, "cut -d' ' -f22 /proc/1/stat");
    let place = place(&guard, "- sysctl: {name: net.ipv4.tcp_keepalive_time, value: 777}");
    let verify = || place.run(&["verify", "--reboot", "--limit", "node2", "-i", "hosts", "site.yml"]);
    settles(&place);
    let before = (boot(other), boot(canary));
    verify().is(0, &["1 host rebooted, and all is as the playbook says"]);
    let after = (boot(other), boot(canary));
    assert_eq!(before.0, after.0, "the other one was not to be rebooted");
    assert_ne!(before.1, after.1);
    assert_eq!(on(canary, "cat /proc/sys/net/ipv4/tcp_keepalive_time").trim(), "777");

    let unit = "[Unit]\nBefore=ssh.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c \"echo 55 \
                >/proc/sys/net/ipv4/tcp_keepalive_time\"\n[Install]\nWantedBy=multi-user.target\n";
    on(
        canary,
        &format!(
            "printf %s {} >/etc/systemd/system/late.service && systemctl -q enable late.service",
            shell_words::quote(unit)
        ),
    );
    let lost = "net.ipv4.tcp_keepalive_time runs with 55";
    verify().is(2, &[lost, "1 host rebooted, and what is listed above did not survive it"]);
    assert_ne!(after.1, boot(canary));
}
