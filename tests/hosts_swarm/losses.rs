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

/// The leader's host is lost and a new machine of its name is there: it joins, the old node goes, and from the moment that
/// the others have chosen a leader there is a quorum.
fn a_replaced_manager_takes_its_place(cluster: &Cluster<'_>) {
    let old = on(&cluster.host("node1"), "docker node inspect -f '{{.ID}}' node3");
    lead(cluster, "node3");
    let fresh = cluster.lab.replace("node3").unwrap();
    assert_eq!(cluster.nodes("node1").len(), 3);
    kept_quorum(&cluster.host("node1"), || {
        // The swarm has to have noticed, or the new machine would be a second node of that name for a while.
        let deadline = Instant::now() + PATIENCE;
        while !cluster.nodes("node1").iter().any(|n| n.starts_with("node3 Down")) {
            assert!(Instant::now() < deadline, "the swarm does not notice the loss");
        }
        cluster.run("apply", 0, &["node3 joins as a manager", "node3 is removed"]);
    });
    await_nodes(cluster, 3);
    assert_eq!(cluster.nodes("node2"), READY);
    let new = on(&fresh, "docker info -f '{{.Swarm.NodeID}}'");
    assert_ne!(old.trim(), new.trim());
    cluster.run("verify", 0, &[]);
}

/// Makes a manager the leader: whoever else is one stops until there is another.
fn lead(cluster: &Cluster<'_>, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = "docker node ls --format '{{.Hostname}} {{.ManagerStatus}}'";
        let seen = on(&cluster.host(wanted), list);
        let leader = seen.lines().find_map(|l| l.strip_suffix(" Leader")).expect("a leader that answered");
        if leader == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{leader} is chosen again and again");
        let host = cluster.host(leader);
        on(&host, "systemctl stop docker.socket docker.service");
        cluster.nodes(wanted);
        on(&host, "systemctl start docker.socket docker.service");
        await_nodes(cluster, 3);
    }
}

/// Ends the watch, also when the test fails: the scope would wait for it for ever.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Does something while a manager is asked without a pause: it can answer every time, and it was asked.
fn kept_quorum<T>(host: &Host, act: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watched(host, &ended));
        let end = Ended(&ended);
        let out = act();
        drop(end);
        let (answers, lost) = watch.join().unwrap();
        assert_eq!(lost, [""; 0], "the swarm could not be asked");
        assert!(answers > 0, "the swarm was not asked");
        out
    })
}

/// Asks a manager again and again: how often it answered, and what it said when it could not.
fn watched(host: &Host, ended: &AtomicBool) -> (usize, Vec<String>) {
    let (mut answers, mut lost) = (0, Vec::new());
    while !ended.load(Ordering::SeqCst) {
        let seen = output(host.ssh().arg("timeout 20 docker node ls -q"));
        match seen.status.success() {
            true => answers += 1,
            false => lost.push(String::from_utf8_lossy(&seen.stderr).into_owned()),
        }
    }
    (answers, lost)
}
