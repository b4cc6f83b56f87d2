//! docker_engine from a signed repository of packages that are called as Docker's, and the way old playbooks do it; and
//! what containers of the distribution's real engine see of it.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::lab::Host;
use support::place::{Place, Running, Seen};
use support::{IMAGE, lab, on};

const REPOSITORY: &str = include_str!("engine/repository.sh");

/// Holds the lock of the package lists until five have asked for it.
const HOLD: &str = r#"perl -e '
use Fcntl; open(my $f, ">>", "/var/lib/apt/lists/lock") or die;
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $lock) or die "lock: $!";
$| = 1; print STDERR "held\n";
my %seen; local $/;
while (keys %seen < 5) {
  for my $file (glob "/proc/[0-9]*/cmdline") {
    open(my $words, "<", $file) or next;
    $seen{$file} = 1 if (<$words> // "") =~ /^apt-get\0.*\0update\0/s;
  }
  select undef, undef, undef, 0.02;
}
print "given up\n"'"#;

/// The module with a key's fingerprint and more arguments.
fn engine(place: &Place, fingerprint: &str, more: &str) -> Seen {
    place.tasks(&format!(
        "- docker_engine: {{repository: 'http://127.0.0.1:8000', key_fingerprint: ['{fingerprint}'], packages: [docker-ce, \
         docker-ce-cli], {more}}}\n  register: r\n- debug: {{var: r.versions.engine}}"
    ));
    place.apply(&["-v"])
}

#[test]
fn an_engine_from_a_signed_repository() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    let inventory = std::fs::read_to_string(lab.inventory_path()).unwrap();
    let place = Place::new(&inventory, "- ping:");
    let script = format!("cat >/tmp/repository.sh <<'SCRIPT'\n{REPOSITORY}\nSCRIPT\nsh /tmp/repository.sh");
    let fingerprint = on(host, &script).trim().to_string();

    let docker = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88";
    engine(&place, docker, "version: '24.0.6'").is(1, &[&fingerprint, "it is refused"]);
    assert_eq!(on(host, "ls /etc/apt/keyrings /etc/apt/sources.list.d | grep docker || true"), "");

    // Someone else fetches package lists, as a timer does after a boot: they are waited for.
    let mut other = Running::start(host.ssh().arg(HOLD));
    other.hear("held");
    let pinned = "version: '24.0.6', config: {debug: true}, users: [deploy], limits: {LimitNOFILE: 4096}";
    engine(&place, &fingerprint, pinned)
        .is(0, &["docker-ce is not installed", "5:24.0.6-1~debian.12~bookworm"]);
    other.end().is(0, &["given up"]);
    engine(&place, &fingerprint, pinned).unchanged();
    assert!(on(host, "id -nG deploy").contains("docker"));
    let limits = on(host, "cat /proc/$(systemctl show -p MainPID --value docker)/limits");
    assert!(limits.lines().any(|l| l.starts_with("Max open files") && l.contains("4096")), "{limits}");
    // An upgrade of the host keeps it.
    assert!(!on(host, "apt-get -s dist-upgrade").contains("Inst docker-ce"));
    let other = "version: '24.0.7', config: {labels: [a=b]}, hold: true";
    engine(&place, &fingerprint, other).is(0, &["docker-ce is 5:24.0.6-1~debian.12~bookworm, not 24.0.7"]);
    // On hold, nothing but the module changes it, and the module does, to the version that is asked for.
    assert_eq!(on(host, "apt-mark showhold"), "docker-ce\ndocker-ce-cli\n");
    on(host, "! apt-get -q -y install docker-ce=5:25.0.1-1~debian.12~bookworm >/dev/null 2>&1");
    engine(&place, &fingerprint, &other.replace("24.0.7", "24.0.6"))
        .is(0, &["docker-ce is 5:24.0.7-1~debian.12~bookworm, not"]);
    engine(&place, &fingerprint, other).is(0, &["docker-ce is 5:24.0.6-1~debian.12~bookworm, not 24.0.7"]);
    assert_eq!(on(host, "apt-mark showhold"), "docker-ce\ndocker-ce-cli\n");
    engine(&place, &fingerprint, other).unchanged();
    let config = on(host, "tr -d ' \\n' </etc/docker/daemon.json");
    assert_eq!(config, r#"{"debug":true,"labels":["a=b"]}"#);
    engine(&place, &fingerprint, "version: '23'").is(1, &["no version 23 of docker-ce; there are: 5:25.0.1"]);

    a_bad_configuration_is_taken_back(&place, host, &fingerprint);
    old_playbooks(&place);
    assert!(on(host, "dpkg-query -W docker-engine").contains("25.0.1"));
}

/// One that the engine refuses is never in its place; with one that it does not start with, it runs as before.
fn a_bad_configuration_is_taken_back(place: &Place, host: &Host, fingerprint: &str) {
    let wish = |key: &str| engine(place, fingerprint, &format!("version: '24.0.7', config: {{{key}: true}}"));
    let state = || on(host, "ls -A /etc/docker; cat /etc/docker/daemon.json; systemctl is-active docker");
    let process = || on(host, "systemctl show -p MainPID,NRestarts,InvocationID docker");
    let (files, runs) = (state(), process());
    assert!(files.ends_with("\nactive\n") && files.starts_with("daemon.json\n{"), "{files}");

    wish("refused")
        .is(1, &["the engine refuses the new configuration, the old one stays: ", "no such key: refused"]);
    assert_eq!((state(), process()), (files.clone(), runs.clone()), "nothing was to be touched");

    // One that is written for later leaves nothing beside it.
    engine(place, fingerprint, "version: '24.0.7', config: {dns: [10.0.0.1]}, restart: false")
        .is(0, &["the engine runs with its former configuration until it is restarted"]);
    assert_eq!(on(host, "ls -A /etc/docker"), "daemon.json\n");
    engine(place, fingerprint, "version: '24.0.7', config_purge: [dns], restart: false").is(0, &[]);
    assert_eq!((state().replace(['\n', ' '], ""), process()), (files.replace(['\n', ' '], ""), runs.clone()));

    wish("broken").is(
        1,
        &[
            "the engine does not start: ",
            "failed to start daemon: broken is set",
            "the former configuration was put back, and the engine runs with it",
        ],
    );
    assert_eq!(state(), files);
    assert_ne!(process(), runs, "it was never restarted");
    wish("debug").unchanged();

    // Where there was none before, there is none again, and the refused one can be read.
    on(host, "mv /etc/docker/daemon.json /root/");
    wish("broken").is(1, &["the engine does not start: ", "and the engine runs with it"]);
    let left = on(
        host,
        "ls -A /etc/docker; grep -c broken /etc/docker/daemon.json.refused; systemctl is-active docker",
    );
    assert_eq!(left, "daemon.json.refused\n1\nactive\n");
    on(host, "rm /etc/docker/daemon.json.refused; mv /root/daemon.json /etc/docker/");
}

/// A key among those that apt trusts, a line in a list, a package by its former name, `state: installed`.
fn old_playbooks(place: &Place) {
    place.tasks(
        "- file: {path: /etc/apt/sources.list.d/docker.sources, state: absent}\n\
         - apt_key: {url: 'http://127.0.0.1:8000/gpg', state: present}\n\
         - apt_repository: {repo: 'deb [arch=amd64] http://127.0.0.1:8000 bookworm stable', filename: old}\n\
         - apt: {name: docker-engine, state: installed, update_cache: true, cache_valid_time: 86400}",
    );
    place.apply(&[]).is(0, &[]);
    place.apply(&[]).unchanged();
}

/// Containers have the limits that were asked for, and do not end when the engine is reloaded or restarted with
/// `live-restore`, though it be the same change that brings it; nor when containerd is.
#[test]
fn containers_have_limits_and_live_on() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    let place = Place::new(&std::fs::read_to_string(lab.inventory_path()).unwrap(), "- ping:");
    let wish = |more: &str| {
        place.tasks(&format!("- docker_engine: {{source: distribution, {more}}}"));
        place.apply(&[])
    };
    let pids = |units: &str| on(host, &format!("systemctl show -p MainPID --value {units}"));
    let start = |name: &str| {
        on(host, &format!("docker run -d --network none --name {name} pause:1 /bin/sleep 100000 >/dev/null"));
    };
    let process = |name: &str| {
        on(host, &format!("docker inspect -f '{{{{.State.Running}}}} {{{{.State.Pid}}}}' {name}"))
            .trim()
            .to_string()
    };
    let files = |name: &str| {
        let limits = on(host, &format!("docker exec {name} /bin/cat /proc/1/limits"));
        let line = limits.lines().find_map(|l| l.strip_prefix("Max open files")).unwrap().to_string();
        line.split_whitespace().take(2).map(str::to_string).collect::<Vec<_>>().join(" ")
    };

    wish("limits: {LimitNOFILE: 4096}").is(0, &["docker.io is not installed"]);
    wish("limits: {LimitNOFILE: 4096}").unchanged();
    on(host, IMAGE);
    start("one");
    assert_eq!(files("one"), "4096 4096", "what containerd has, a container has");
    let (one, engine) = (process("one"), pids("docker"));
    assert!(one.starts_with("true "), "{one}");

    // One key needs a restart, the other one is what lets containers survive it.
    let own = "limits: {LimitNOFILE: 4096}, config: {live-restore: true, default-ulimits: {nofile: {Name: nofile, Soft: 1024, Hard: 2048}}}";
    wish(own).is(0, &["live-restore, default-ulimits differ"]);
    assert_ne!(pids("docker"), engine, "it was to be restarted");
    assert_eq!(process("one"), one, "the container was to live on");
    start("two");
    assert_eq!((files("one"), files("two")), ("4096 4096".to_string(), "1024 2048".to_string()));

    // A reload is enough: not even the engine ends.
    let (two, engine) = (process("two"), pids("docker"));
    wish(&own.replace("true", "true, debug: true")).is(0, &["debug differs"]);
    assert_eq!((pids("docker"), process("one"), process("two")), (engine.clone(), one.clone(), two.clone()));
    // This engine cannot be asked before, and the signal to reload always succeeds: it says afterwards what it refuses.
    let written = || on(host, "ls -A /etc/docker; cat /etc/docker/daemon.json");
    let before = written();
    wish(&own.replace("true", "true, debug: true, labels: [without-a-value]")).is(
        1,
        &[
            "the engine does not take over the new configuration: ",
            "bad attribute format: without-a-value",
            "the former configuration was put back; the engine was not restarted",
        ],
    );
    assert_eq!((written(), pids("docker"), process("one")), (before, engine, one.clone()));

    let (engine, runtime) = (pids("docker"), pids("containerd"));
    wish("limits: {LimitNOFILE: 3000}, config_purge: [default-ulimits]").is(0, &["default-ulimits differs"]);
    assert_ne!(pids("docker"), engine);
    assert_ne!(pids("containerd"), runtime);
    assert_eq!((process("one"), process("two")), (one, two));
    start("three");
    assert_eq!((files("one"), files("three")), ("4096 4096".to_string(), "3000 3000".to_string()));
    wish("limits: {LimitNOFILE: 3000}").unchanged();

    // The engine makes the host forward, unless it is told not to: the warning says what really happens.
    let forwards =
        || on(host, "systemctl restart docker; cat /proc/sys/net/ipv4/ip_forward").trim().to_string();
    let sysctl = "- sysctl: {name: net.ipv4.ip_forward, value: 0}";
    place.tasks(sysctl);
    place.apply(&[]).is(0, &["net.ipv4.ip_forward will be 1 again: the container engine"]);
    assert_eq!(forwards(), "1");
    wish("limits: {LimitNOFILE: 3000}, config: {ip-forward: false}").is(0, &["ip-forward differs"]);
    place.tasks(sysctl);
    let seen = place.apply(&[]);
    assert!(seen.code == Some(0) && !seen.all().contains("will be 1 again"), "{}", seen.all());
    assert_eq!(forwards(), "0");
    let file = "/etc/systemd/networkd.conf.d/forward.conf";
    on(
        host,
        &format!(
            "mkdir -p /etc/systemd/networkd.conf.d; printf '[Network]\\nIPv4Forwarding = yes\\n' >{file}"
        ),
    );
    place
        .apply(&[])
        .is(0, &[&format!("systemd-networkd sets it when it starts, as {file} has `IPv4Forwarding = yes`")]);
}
