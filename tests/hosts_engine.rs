//! docker_engine from a signed repository of packages that are called as Docker's, and the way old playbooks do it.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::lab::Host;
use support::place::{Place, Seen};
use support::{lab, on};

const REPOSITORY: &str = include_str!("engine/repository.sh");

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

    let pinned = "version: '24.0.6', config: {debug: true}, users: [deploy], limits: {LimitNOFILE: 4096}";
    engine(&place, &fingerprint, pinned)
        .is(0, &["docker-ce is not installed", "5:24.0.6-1~debian.12~bookworm"]);
    engine(&place, &fingerprint, pinned).is(0, &["0 changed"]);
    assert!(on(host, "id -nG deploy").contains("docker"));
    let limits = on(host, "cat /proc/$(systemctl show -p MainPID --value docker)/limits");
    assert!(limits.lines().any(|l| l.starts_with("Max open files") && l.contains("4096")), "{limits}");
    // An upgrade of the host keeps it.
    assert!(!on(host, "apt-get -s dist-upgrade").contains("Inst docker-ce"));
    let other = "version: '24.0.7', config: {labels: [a=b]}, hold: true";
    engine(&place, &fingerprint, other).is(0, &["docker-ce is 5:24.0.6-1~debian.12~bookworm, not 24.0.7"]);
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
    wish("debug").is(0, &["0 changed"]);

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
    place.apply(&[]).is(0, &["0 changed"]);
}
