//! Workers in batches, and members that change their role or are gone.

use super::*;

const WORKERS: [&str; 3] = ["node2", "node3", "node4"];

#[test]
fn workers_roll_in_batches_and_members_come_and_go() {
    let lab = lab(4);
    let cluster = Cluster::new(&lab, &["node1"], &WORKERS);
    two_runs_begin_one_swarm(&cluster);
    await_nodes(&cluster, 4);
    a_node_that_does_not_come_back_stops_the_others(&cluster);
    batches_go_together(&cluster);
    workers_become_managers(&cluster);
    the_first_manager_is_not_needed(&cluster);
    a_manager_that_is_gone_is_removed(&cluster);
    the_leader_becomes_a_worker(&cluster);
}

/// Engines in no swarm, and two runs from two places that begin one at once: one comes of it, with each host in it once.
fn two_runs_begin_one_swarm(cluster: &Cluster<'_>) {
    cluster.run_with("apply", &["-t", "tuning,engine"], 0, &[]);
    let other = Cluster::new(cluster.lab, &["node1"], &WORKERS);
    let (one, two) = (cluster.start(&["-t", "swarm"]), other.start(&["-t", "swarm"]));
    for end in [one.end(), two.end()] {
        end.is(0, &[]);
    }
    assert_eq!(cluster.nodes("node1").len(), 4);
    let state = |name: &str| {
        on(&cluster.host(name), "docker info -f '{{.Swarm.LocalNodeState}} {{.Swarm.Managers}}'")
    };
    assert_eq!(state("node1"), "active 1\n");
    assert!(WORKERS.iter().all(|name| state(name) == "active 0\n"), "one of them is a manager");
    cluster.unchanged();
}

/// `cluster_rolling.yml` two workers at a time, with a role of the test's own.
fn roll(cluster: &Cluster<'_>, wait: &str, tasks: &str, form: &[&str]) -> Seen {
    cluster.place.write("roles/change/tasks/main.yml", tasks);
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/cluster_rolling.yml");
    let wait = format!("rolling_wait={wait}");
    let settings = ["-e", "rolling_role=change", "-e", "rolling_batch=2", "-e", &wait];
    let mut command = cluster.place.command(&["apply", "--yes", "-i", "hosts", playbook]);
    let output = output(
        command.args(settings).args(form).env("ANSIBLE_ROLES_PATH", cluster.place.path().join("roles")),
    );
    Seen::of(&output)
}

/// Of the first batch one node's engine stays away: neither the second batch nor a manager is touched.
fn a_node_that_does_not_come_back_stops_the_others(cluster: &Cluster<'_>) {
    let seen = roll(
        cluster,
        "10",
        "- command: touch /run/changed
- command: systemctl stop docker.socket docker.service
  when: inventory_hostname == 'node3'
- docker_node_info: {name: node3}
  delegate_to: node1
  register: noticed
  until: noticed.nodes[0].Status.State == 'down'
  retries: 120
  delay: 1
",
        &[],
    );
    seen.is(1, &[]);
    // Which of the two waits to no avail first is open.
    assert!(
        seen.all().contains("node3 is not ready") || seen.all().contains("node3 is down"),
        "{}",
        seen.all()
    );
    let changed = |name: &str| on(&cluster.host(name), "ls /run/changed 2>/dev/null || true");
    for name in ["node2", "node3"] {
        assert_eq!(changed(name), "/run/changed\n", "{name}");
    }
    for name in ["node1", "node4"] {
        assert_eq!(changed(name), "", "{name} was not to be touched\n{}", seen.all());
    }
    assert!(cluster.nodes("node1").contains(&"node4 Ready Active".to_string()), "it was not to be drained");
    on(&cluster.host("node3"), "systemctl start docker");
    await_nodes(cluster, 4);
    roll(cluster, "60", "- fail: {msg: no}\n  when: inventory_hostname == 'node3'\n", &[]).is(1, &[]);
    // Whoever was stopped on the way is still drained, until the next run.
    assert!(
        cluster.nodes("node1").contains(&"node3 Ready Drain".to_string()),
        "{:?}",
        cluster.nodes("node1")
    );
}

/// Two workers side by side, then the third, then the manager; each of them as it was before.
fn batches_go_together(cluster: &Cluster<'_>) {
    // Each of the first two waits until the other one is away as well.
    let together = "- docker_node_info: {name: [node2, node3]}
  delegate_to: node1
  register: both
  until: both.nodes | map(attribute='Spec.Availability') | list == ['drain', 'drain']
  retries: 120
  delay: 1
  when: inventory_hostname in ['node2', 'node3']
";
    let seen = roll(cluster, "60", together, &["--json"]);
    seen.is(0, &[]);
    let span = spans(&seen);
    let [two, three, four, one] = ["node2", "node3", "node4", "node1"].map(span);
    assert!(two.1 < four.0 && three.1 < four.0, "no batches: {two:?} {three:?} {four:?}");
    assert!(four.1 < one.0, "a manager before the workers: {four:?} {one:?}");
    let nodes =
        ["node1 Ready Active Reachable", "node2 Ready Active", "node3 Ready Active", "node4 Ready Active"];
    cluster.come_to("node1", &nodes);
    let labels = "docker node inspect --format '{{.Spec.Labels}}' node1 node2 node3 node4";
    assert_eq!(on(&cluster.host("node1"), labels), "map[]\n".repeat(4));
}

fn workers_become_managers(cluster: &Cluster<'_>) {
    cluster.inventory(&MANAGERS, &["node4"]);
    cluster.run("plan", 2, &["node2 becomes a manager; node3 becomes a manager"]);
    cluster.run("apply", 0, &["node2 becomes a manager; node3 becomes a manager"]);
    cluster.come_to("node2", &[&READY[..], &["node4 Ready Active"]].concat());
    cluster.unchanged();
}

/// It is cut off, and the other two are a quorum: workers are changed, tokens are published. Managers wait.
fn the_first_manager_is_not_needed(cluster: &Cluster<'_>) {
    let lost = cluster.host("node1");
    lost.link(false).unwrap();
    cluster.come_to("node2", &["node1 Down Active Unreachable", READY[1], READY[2], "node4 Ready Active"]);
    let seen = roll(cluster, "30", "- command: touch /run/without_the_first\n", &["-T", "5"]);
    seen.is(4, &["manager node1 does not answer", "0 managers may be lost, not 1"]);
    let changed = |name: &str| on(&cluster.host(name), "ls /run/without_the_first 2>/dev/null || true");
    assert_ne!(changed("node4"), "", "{}", seen.all());
    for name in ["node2", "node3"] {
        assert_eq!(changed(name), "", "{name} was not to be touched\n{}", seen.all());
    }
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/join_tokens.yml");
    let to = ["-e", "join_publish_dir=/etc/tokens", "-e", "join_publish_hosts=node4"];
    let args = [&["apply", "--yes", "-i", "hosts", "-T", "5", playbook][..], &to].concat();
    cluster.place.run(&args).is(4, &["node1"]);
    let published = on(&cluster.host("node4"), "cat /etc/tokens/worker");
    assert!(published.starts_with(&format!("{} ", cluster.token("node2", "worker"))), "another token");
    lost.link(true).unwrap();
    await_nodes(cluster, 4);
}

/// Its machine is lost and it is taken out of the inventory: it goes, once the swarm has noticed.
fn a_manager_that_is_gone_is_removed(cluster: &Cluster<'_>) {
    let (managers, lost) = (&MANAGERS[..2], cluster.host("node3"));
    cluster.inventory(managers, &["node4"]);
    // As long as it lives it is somebody's, and stays.
    cluster.unchanged();
    assert_eq!(cluster.nodes("node1").len(), 4);
    lost.link(false).unwrap();
    cluster.come_to("node1", &[READY[0], READY[1], "node3 Down Active Unreachable", "node4 Ready Active"]);
    cluster.run("apply", 0, &["node3 is drained; node3 becomes a worker; node3 is removed"]);
    lost.link(true).unwrap();
    cluster.come_to("node2", &[&READY[..2], &["node4 Ready Active"]].concat());
}

/// Who leads hands over: the other manager stays alone.
fn the_leader_becomes_a_worker(cluster: &Cluster<'_>) {
    let leader = cluster.leader("node1");
    let other = if leader == "node1" { "node2" } else { "node1" };
    cluster.inventory(&[other], &[&leader, "node4"]);
    cluster.run("apply", 0, &[&format!("{leader} becomes a worker")]);
    let mut nodes = [
        format!("{other} Ready Active Reachable"),
        format!("{leader} Ready Active"),
        "node4 Ready Active".into(),
    ];
    nodes.sort();
    // Who takes over knows of the others when they have called.
    cluster.come_to(other, &nodes);
    cluster.unchanged();
    cluster.run("verify", 0, &[]);
}
