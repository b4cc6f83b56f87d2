//! Managers that are cut off or whose machines are lost.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_swarm_outlives_its_managers_machines() {
    let lab = lab(3);
    let cluster = Cluster::new(&lab, &MANAGERS, &[]);
    cluster.run("apply", 0, &["node1 begins the swarm"]);
    await_nodes(&cluster, 3);
    a_partition_heals(&cluster);
    a_replaced_manager_takes_its_place(&cluster);
}

/// A manager is cut off while the run is at work on it: the others are done, the run tells it, and the next one mends it.
/// All the while the swarm has a quorum.
fn a_partition_heals(cluster: &Cluster<'_>) {
    let hosts = ["node1 swarm_member_zone=x", "node2 swarm_member_zone=b", "node3 swarm_member_zone=c"];
    cluster.inventory(&hosts, &[]);
    let cut = cluster.host("node2");
    // It has something to do there that takes its time. The others choose a leader among them, if it was that one.
    on(&cut, "systemctl stop docker.socket docker.service");
    assert_eq!(cluster.nodes("node1").len(), 3);
    let starts = |event: &Value| {
        event["event"] == "task_started" && event["host"] == "node2" && event["action"] == "docker_engine"
    };
    let seen = kept_quorum(&cluster.host("node1"), || {
        let mut run = cluster.start(&["--json"]);
        let at_work = run.event(starts);
        cut.link(false).unwrap();
        let seen = run.end();
        assert!(at_work, "nothing was done on node2:\n{}", seen.all());
        seen
    });
    seen.is(4, &["node2"]);
    assert_eq!(cluster.nodes("node1").len(), 3, "two of three managers are a quorum");
    cut.link(true).unwrap();
    on(&cut, "true");
    cluster.run("apply", 0, &[]);
    await_nodes(cluster, 3);
    cluster.run("verify", 0, &[]);
    let zone = on(&cluster.host("node3"), "docker node inspect -f '{{.Spec.Labels.zone}}' node1");
    assert_eq!(zone.trim(), "x");
}

/// The leader's host, whichever that is, is lost and a new machine of its name is there: it joins, the old node goes, and
/// all the while there is a quorum.
fn a_replaced_manager_takes_its_place(cluster: &Cluster<'_>) {
    let lost = cluster.leader("node1");
    let old = cluster.node_id(&lost);
    cluster.lab.replace(&lost).unwrap();
    let other = ["node1", "node2"].into_iter().find(|name| *name != lost).unwrap();
    kept_quorum(&cluster.host(other), || {
        // The swarm has to have noticed, or the new machine would be a second node of that name for a while.
        let seen = READY.map(|node| match node.starts_with(&lost) {
            true => format!("{lost} Down Active Unreachable"),
            false => node.to_string(),
        });
        cluster.come_to(other, &seen);
        let said = ["joins as a manager", "is removed"].map(|what| format!("{lost} {what}"));
        cluster.run("apply", 0, &said.each_ref().map(String::as_str));
    });
    cluster.come_to(other, &READY);
    assert_ne!(old, cluster.node_id(&lost));
    cluster.run("verify", 0, &[]);
}

/// Ends the watch, also when the test fails: the scope would wait for it for ever.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A swarm that has a quorum finds a leader in this time, should it have none: two votes, on a machine with much to do.
const ELECTION: Duration = Duration::from_secs(90);

/// Does something while a manager is asked without a pause: it can answer, but for as long as a leader is chosen.
fn kept_quorum<T>(host: &Host, act: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watched(host, &ended));
        let end = Ended(&ended);
        let out = act();
        drop(end);
        let lost = watch.join().unwrap();
        assert!(lost.is_empty(), "the swarm could not be asked: {lost:?}");
        out
    })
}

/// Asks a manager again and again: how long it could not answer, where that is longer than a vote, and what it said. At the
/// end it has to answer.
fn watched(host: &Host, ended: &AtomicBool) -> Vec<(Duration, String)> {
    let (mut lost, mut last) = (Vec::new(), Instant::now());
    loop {
        let end = ended.load(Ordering::SeqCst);
        let seen = output(host.ssh().arg("timeout 20 docker node ls -q"));
        let silent = last.elapsed();
        if silent > ELECTION {
            lost.push((silent, String::from_utf8_lossy(&seen.stderr).into_owned()));
        }
        if seen.status.success() {
            last = Instant::now();
        }
        if end && (seen.status.success() || !lost.is_empty()) {
            return lost;
        }
    }
}
