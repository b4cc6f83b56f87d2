//! `confirm`: changes that cut the connection, and those that do not.

use super::*;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::place::Running;

/// What a supervisor would leave behind.
const LEFT: &str = "ls -A /var/lib/fitout-confirm; ls -A /etc/systemd/system/ /etc/systemd/system/sysinit.target.wants | grep confirm || :";

#[test]
fn a_change_that_cuts_the_connection_is_taken_back() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    let keepalive = "/proc/sys/net/ipv4/tcp_keepalive_time";
    let before = on(&node, &format!("cat {keepalive}"));

    // A harmless change is confirmed, and nothing is left of the supervisor.
    let place = place(&guard, "- sysctl: {name: net.ipv4.tcp_keepalive_time, value: 888, confirm: 60}");
    settles(&place);
    assert_eq!(on(&node, &format!("cat {keepalive}")).trim(), "888");
    assert_eq!(
        on(&node, &format!("{LEFT}; systemctl list-units --all --no-legend 'fitout-confirm*'")).trim(),
        ""
    );
    on(&node, &format!("echo {} >{keepalive}", before.trim()));

    // Every connection is cut; then, with the open one left alone, no new one can be made.
    let gateway = on(&node, "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'");
    let route = format!("blackhole {}/32", gateway.trim());
    for supervisor in ["systemd-run", "nohup"] {
        if supervisor == "nohup" {
            on(&node, "mv /usr/bin/systemd-run /usr/bin/systemd-run.not");
        }
        place.tasks(&format!(
            "- shell: {{cmd: 'echo cut >/run/cut; ip route add {route}', confirm: 6, confirm_restore: 'ip route del {route}; echo undone >/run/undone'}}
- command: touch /run/after"
        ));
        let seen = place.apply(&[]);
        seen.is(1, &["the former values are restored"]);
        assert!(seen.all().contains("failed=1"), "{}", seen.all());
        assert_eq!(on(&node, "cat /run/cut /run/undone; ls /run/after 2>/dev/null || :"), "cut\nundone\n");
        assert_eq!(on(&node, LEFT).trim(), "");
        on(&node, "rm /run/cut /run/undone");
    }

    place.tasks(
        "- shell: {cmd: systemctl stop ssh.socket ssh.service, confirm: 12, confirm_restore: systemctl start ssh.service}",
    );
    place
        .apply(&[])
        .is(1, &["no new connection could confirm it within 12 s", "the former values are restored"]);

    // Files and parameters of a task that fails come back at once.
    place.tasks(
        "- sysctl:
    confirm: 60
    sysctl_file: /etc/sysctl.d/99-t.conf
    values: {net.ipv4.tcp_keepalive_time: 999, net.core.somaxconn: many}",
    );
    place.apply(&[]).is(1, &["the kernel does not take", "the former values are restored"]);
    assert_eq!(on(&node, &format!("cat {keepalive}")), before);
    on(&node, "! test -e /etc/sysctl.d/99-t.conf");

    // So do those of a module that claims whole folders: what it writes, makes, and takes out of others' files.
    on(&node, "printf 'options nf_conntrack hashsize=1234\\n' >/etc/modprobe.d/zz.conf");
    let state = "cd /etc; ls modules-load.d modprobe.d udev/rules.d sysctl.d; cat modprobe.d/zz.conf";
    let before = on(&node, state);
    let conntrack =
        "- nf_conntrack: {max: 262144, live: possible, confirm: 60, timeouts: {udp_timeout: NUMBER}}";
    place.tasks(&conntrack.replace("NUMBER", "4294967295"));
    place.apply(&[]).is(1, &["the kernel does not take", "the former values are restored"]);
    assert_eq!(on(&node, state), before);
    place.tasks(&conntrack.replace("NUMBER", "31"));
    place.apply(&[]).is(0, &[]);
    assert_ne!(on(&node, state), before, "it writes nothing there");

    // What cannot be put back is not begun.
    place.tasks("- command: {cmd: touch /run/begun, confirm: 5}");
    place.apply(&[]).is(1, &["`confirm_restore` has to undo it"]);
    on(&node, "! test -e /run/begun");
}

/// A kernel parameter takes away the address that the host is reached by: nothing but the host itself can give it back.
#[test]
fn a_parameter_that_cuts_the_connection_is_taken_back() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    let address = link_local(&node).expect("this machine has no IPv6, by which the host is to be cut off");
    let inventory = std::fs::read_to_string(guard.inventory_path()).unwrap();
    let inventory = inventory
        .replace(&format!("ansible_host={}", node.address), &format!("ansible_host={address}"))
        .replace("-o IdentitiesOnly", &format!("-o HostKeyAlias={} -o IdentitiesOnly", node.address));
    assert!(inventory.contains(&address) && inventory.contains("HostKeyAlias"), "{inventory}");
    let switch = "/proc/sys/net/ipv6/conf/host0/disable_ipv6";
    let file = "/etc/sysctl.d/60-net.conf";
    let state = || on(&node, &format!("cat {switch} {file}; ls -A /etc/sysctl.d; {LEFT}"));
    // A harmless one over the same address is confirmed.
    let place = Place::new(
        &inventory,
        &format!(
            "- sysctl: {{name: net.ipv6.conf.host0.hop_limit, value: 77, sysctl_file: {file}, confirm: 60}}"
        ),
    );
    settles(&place);
    let before = state();
    assert!(before.starts_with("0\nnet.ipv6.conf.host0.hop_limit = 77\n"), "{before}");

    // The host is watched over its other address: it really was cut off, and by this value.
    place.tasks(&format!(
        "- sysctl: {{name: net.ipv6.conf.host0.disable_ipv6, value: 1, sysctl_file: {file}, confirm: 8}}
- command: touch /run/after"
    ));
    let watch = format!("until [ \"$(cat {switch})\" = 1 ]; do sleep 0.1; done; ip -6 addr show dev host0");
    let mut watch = Running::start(
        node.ssh().args(["timeout", "300", "sh", "-c"]).arg(shell_words::quote(&watch).as_ref()),
    );
    let seen = place.apply(&[]);
    seen.is(1, &["the connection is gone; the former values are restored"]);
    assert!(seen.all().contains("failed=1") && seen.all().contains("unreachable=0"), "{}", seen.all());
    assert!(watch.ended(), "it was never cut off");
    let watched = watch.end();
    assert_eq!((watched.code, watched.out.trim()), (Some(0), ""), "{}", watched.err);
    assert_eq!(state(), before);
    on(&node, "! test -e /run/after");

    // The same with a host that is switched off and on by who misses it: it comes back as it was, and did not wait for that.
    // Nor is it lost where the power goes right when the supervisor has begun.
    let boot = || on(&node, "cut -d' ' -f22 /proc/1/stat");
    place.tasks(&format!(
        "- sysctl: {{name: net.ipv6.conf.host0.disable_ipv6, value: 1, sysctl_file: {file}, confirm: 30}}"
    ));
    for begun in [":", "cd /var/lib/fitout-confirm/* && mv armed fired"] {
        let booted = boot();
        // When both are there, the value and the line: which comes first is not this test's affair.
        let watch = format!(
            "until [ \"$(cat {switch})\" = 1 ] && grep disable_ipv6 {file}; do sleep 0.1; done; {begun}; sync; systemctl reboot -ff"
        );
        let watch = Running::start(
            node.ssh().args(["timeout", "300", "sh", "-c"]).arg(shell_words::quote(&watch).as_ref()),
        );
        place.apply(&[]).is(1, &["the former values are restored"]);
        let watched = watch.end();
        assert!(watched.out.contains("host0.disable_ipv6 = 1"), "{} {}", watched.out, watched.err);
        assert_ne!(boot(), booted, "it was never rebooted");
        assert_eq!(state(), before);
    }

    // It can be reached, and nothing but the change that was taken back is planned.
    place.tasks(
        "- sysctl: {name: net.ipv6.conf.host0.hop_limit, value: 77, sysctl_file: /etc/sysctl.d/60-net.conf}",
    );
    place.run(&["plan", "-i", "hosts", "site.yml"]).is(0, &[]);
}

/// The address that the kernel itself gives the host, and gives again when IPv6 is back, as seen from this machine.
fn link_local(node: &Host) -> Option<String> {
    let bridge = node.veth.split('h').next()?;
    let ours = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    ours.lines().any(|line| line.starts_with("fe80") && line.ends_with(bridge)).then_some(())?;
    let own = on(node, "ip -6 -o addr show dev host0 scope link");
    let address = own.split_whitespace().find_map(|word| word.strip_suffix("/64"))?;
    let address = format!("{address}%{bridge}");
    // For a moment after it was made the kernel only asks whether somebody else has it.
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = TcpStream::connect((address.as_str(), 22)) {
        assert!(Instant::now() < deadline, "{address}: {error}");
    }
    Some(address)
}
