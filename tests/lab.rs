//! The lab itself: hosts are real, verified and separate, and nothing of them stays behind.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::lab::Lab;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::proxy::LatencyProxy;
use support::{fitout, lab, on, output, traces};

#[test]
fn hosts_are_booted_and_verified_and_leave_nothing() {
    let guard = lab(2);
    let name = guard.name().to_owned();
    let hosts = guard.hosts();
    for host in &hosts {
        assert_eq!(on(host, "hostname").trim(), host.name);
        // Or `update_cache` with a `cache_valid_time` would not fetch the lists that are not there.
        assert_eq!(on(host, "stat -c %Y /var/lib/apt/lists").trim(), "0");
        assert_eq!(on(host, "systemctl is-system-running --wait || true").trim(), "running");
    }
    let identity = "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub";
    assert_ne!(on(&hosts[0], identity), on(&hosts[1], identity));
    // They reach each other: this reads the other's greeting.
    let greeting = format!("exec 3<>/dev/tcp/{}/22 && head -n 1 <&3", hosts[1].address);
    assert!(on(&hosts[0], &format!("timeout 5 bash -c '{greeting}'")).starts_with("SSH-2.0"));
    // The names in the inventory are the hosts' and no key is taken on trust.
    let inventory = std::fs::read_to_string(guard.inventory_path()).unwrap();
    for host in &hosts {
        assert!(inventory.contains(&format!("{} ansible_host={}", host.name, host.address)), "{inventory}");
    }
    for host in guard.hosts() {
        let root = host.root_dir().unwrap();
        assert_eq!(std::fs::read_to_string(root.join("etc/hostname")).unwrap().trim(), host.name);
    }
    drop(guard);
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn a_changed_host_key_is_refused() {
    let guard = lab(1);
    let host = &guard.hosts()[0];
    let renew = "rm /etc/ssh/ssh_host_ed25519_key* && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key";
    on(host, &format!("{renew} && systemctl restart ssh"));
    let refused = output(host.ssh().arg("true"));
    assert_eq!(refused.status.code(), Some(255));
    guard.reset().unwrap();
    on(host, "true");
}

#[test]
fn reset_gives_back_pristine_hosts() {
    let guard = lab(1);
    let host = &guard.hosts()[0];
    let before = on(host, "cat /etc/machine-id");
    on(host, "touch /etc/made-by-test && rm /etc/debian_version && useradd someone");
    on(host, "ip link add left0 type bridge");
    guard.reset().unwrap();
    on(host, "! ip link show left0 2>&1");
    on(host, "! id someone");
    assert_eq!(
        on(host, "test ! -e /etc/made-by-test && test -e /etc/debian_version && echo pristine").trim(),
        "pristine"
    );
    assert_eq!(on(host, "cat /etc/machine-id"), before);
}

#[test]
fn a_host_that_is_replaced_gets_the_time_that_the_lab_gives() {
    let guard = lab(1);
    // A record that gives no time at all, as nobody writes it, shows that it counts.
    let record = guard.dir().join("lab.json");
    let text = std::fs::read_to_string(&record).unwrap();
    let mut lab: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(lab["boot_limit"]["secs"], 90);
    lab["boot_limit"]["secs"] = 0.into();
    std::fs::write(&record, lab.to_string()).unwrap();
    let said = Lab::open(guard.name()).unwrap().replace("node1").unwrap_err().to_string();
    assert!(said.contains("node1 did not boot: it took too long"), "{said}");
    std::fs::write(&record, text).unwrap();
    let before = guard.hosts()[0].clone();
    before.link(false).unwrap();
    let host = guard.replace("node1").unwrap();
    assert_eq!((&host.address, on(&host, "hostname").trim()), (&before.address, "node1"));
    let said = guard.replace("node2").unwrap_err().to_string();
    assert!(said.ends_with("has no host `node2`"), "{said}");
}

#[test]
fn a_package_is_downloaded_once() {
    let archives = fitout::lab::StateDir::from_env().path().join("archives");
    let kept = || {
        let entries = std::fs::read_dir(&archives).into_iter().flatten().flatten();
        entries.map(|e| e.path()).find(|p| p.file_name().unwrap().to_string_lossy().starts_with("hello_"))
    };
    if let Some(path) = kept() {
        std::fs::remove_file(path).unwrap();
    }
    let guard = lab(1);
    let host = &guard.hosts()[0];
    on(host, "apt-get -qq update && apt-get -qq install hello >/dev/null");
    guard.reset().unwrap();
    on(
        host,
        "! command -v hello && apt-get -qq update && apt-get -qq install --no-download hello >/dev/null",
    );
    drop(guard);
    assert!(kept().is_some(), "nothing was kept in {}", archives.display());
    let guard = lab(1);
    on(&guard.hosts()[0], "ls /var/cache/apt/archives/hello_*.deb");
}

#[test]
fn users_log_in_and_sudo_as_documented() {
    let guard = lab(1);
    let host = &guard.hosts()[0];
    let run = |user: &str, command: &str, input: &str| {
        let mut ssh = host.ssh();
        let child = ssh
            .args(["-l", user, command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        // A command that asks for nothing may be gone before it could read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    assert_eq!(run("deploy", "sudo -n id -u", ""), (true, "0".into()));
    assert_eq!(run("pw", "sudo -n id -u", ""), (false, String::new()));
    let ask = "sudo -S -p '' id -u";
    assert_eq!(run("pw", ask, &format!("{}\n", support::PASSWORD)), (true, "0".into()));
    assert!(!run("pw", ask, "wrong\n").0);
}

#[test]
fn a_host_configures_its_own_network_and_not_this_machines() {
    let guard = lab(1);
    let host = &guard.hosts()[0];
    let file = "/proc/sys/net/core/somaxconn";
    let ours = std::fs::read_to_string(file).unwrap();
    let other = if ours.trim() == "5123" { "5124" } else { "5123" };
    assert_eq!(on(host, &format!("echo {other} > {file} && cat {file}")).trim(), other);
    assert_eq!(std::fs::read_to_string(file).unwrap(), ours);
    on(host, "! echo 7 > /proc/sys/vm/swappiness");
}

#[test]
fn a_cut_link_hangs_and_heals() {
    let guard = lab(1);
    let host = &guard.hosts()[0];
    host.link(false).unwrap();
    let cut = output(host.ssh().args(["-o", "ConnectTimeout=1"]).arg("true"));
    assert_eq!(cut.status.code(), Some(255));
    host.link(true).unwrap();
    on(host, "true");
}

#[test]
fn a_host_survives_its_own_reboot() {
    let guard = lab(1);
    let host = &guard.hosts()[0];
    let leader = host.leader.unwrap();
    on(host, "echo kept > /var/tmp/kept");
    let _ = output(host.ssh().arg("systemctl reboot"));
    let deadline = Instant::now() + Duration::from_secs(60);
    let back = || guard.hosts()[0].leader.is_some_and(|pid| pid != leader);
    while !(back() && output(host.ssh().args(["-o", "ConnectTimeout=1"]).arg("true")).status.success()) {
        assert!(Instant::now() < deadline, "the host did not come back");
    }
    assert_eq!(on(host, "cat /var/tmp/kept").trim(), "kept");
}

#[test]
fn a_name_is_used_once() {
    let guard = lab(1);
    let second = output(fitout().args(["lab", "up", "--name", guard.name()]));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("is up already"), "{said}");
    on(&guard.hosts()[0], "true");
}

#[test]
fn a_killed_up_leaves_nothing_after_down() {
    // Killed at different stages: when the first folder is there, when links are, when the host boots.
    for (index, stage) in ["lab.json", "node2/netns", "node2/upper", "node2/console.log"].iter().enumerate() {
        let name = format!("k-{}-{index}", std::process::id());
        let dir = fitout::lab::StateDir::from_env().path().join("labs").join(&name);
        // The root file system is made before the lab is entered; make sure it is there, so that the kill hits the rest.
        let mut up =
            fitout().args(["lab", "up", "-n", "2", "--name", &name]).stdout(Stdio::null()).spawn().unwrap();
        while !dir.join(stage).exists() {
            assert!(up.try_wait().unwrap().is_none(), "`up` ended before {stage}");
        }
        up.kill().unwrap();
        up.wait().unwrap();
        assert_ne!(traces(&name), [""; 0], "{stage}: the kill came too late or too early to mean anything");
        let down = output(fitout().args(["lab", "down", "--name", &name]));
        assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
        assert_eq!(traces(&name), [""; 0], "{stage}");
    }
}

#[test]
fn a_root_is_fresh_and_goes() {
    let root = support::root();
    let path = root.path();
    let output =
        output(std::process::Command::new("chroot").arg(&path).args(["sh", "-c", "echo x > /etc/x; id -u"]));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
    assert!(!support::root().path().join("etc/x").exists());
    drop(root);
    assert!(!path.exists());
}

#[test]
fn the_proxy_delays_counts_and_cuts() {
    let echo = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = echo.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in echo.incoming().flatten() {
            let mut buffer = [0; 64];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..length]).unwrap();
            }
        }
    });
    let proxy = LatencyProxy::start(target, Duration::from_millis(20)).unwrap();
    let mut client = std::net::TcpStream::connect(proxy.address()).unwrap();
    let started = Instant::now();
    let mut buffer = [0; 5];
    for _ in 0..3 {
        client.write_all(b"hello").unwrap();
        client.read_exact(&mut buffer).unwrap();
    }
    // Three round trips and the handshake's own.
    assert!(started.elapsed() >= Duration::from_millis(160), "{:?}", started.elapsed());
    assert_eq!((proxy.round_trips(), proxy.connections(), proxy.sent(), proxy.received()), (3, 1, 15, 15));
    proxy.cut_after(3);
    client.write_all(b"hello").unwrap();
    assert!(client.read(&mut buffer).map_or(true, |length| length == 0));
}

#[test]
fn a_playbook_is_tried_on_fresh_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let tried = |tasks: &str, code: i32, said: &[&str]| {
        let text = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
        std::fs::write(folder.path().join("site.yml"), text).unwrap();
        let mut command = fitout();
        command.args(["lab", "test", "site.yml", "-e", "word=hello"]).current_dir(folder.path());
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let name = format!("test-{}", child.id());
        let seen = child.wait_with_output().unwrap();
        let all = [seen.stdout, seen.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        assert_eq!(seen.status.code(), Some(code), "{all}");
        for text in said {
            assert!(all.contains(text), "`{text}` is not said in\n{all}");
        }
        assert_eq!(traces(&name), [""; 0]);
    };
    let good = "    - copy: {content: '{{ word }}', dest: /etc/motd}\n    - group: {name: crew}\n";
    let steps = [
        "lab test: check",
        "lab test: apply",
        "lab test: apply again",
        "lab test: verify",
        "lab test: passed",
    ];
    tried(good, 0, &steps);
    let stamp = "    - name: Stamp\n      shell: date >>/root/stamps\n";
    tried(
        &[good, stamp].concat(),
        1,
        &["the second run changed node1: Stamp (site.yml:6:7)", "`apply again` failed"],
    );
    tried("    - cpoy: {content: x, dest: /etc/motd}\n", 1, &["cpoy", "`check` failed"]);
    tried("    - name: Fails\n      command: 'false'\n", 1, &["Fails", "`apply` failed"]);
}
