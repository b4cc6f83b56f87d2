//! The modules for single swarms and nodes, on the engines of the story.

use super::*;

/// What the modules for single swarms and nodes say and do, on a manager and on a worker.
pub fn modules_tell_and_change_it(cluster: &Cluster<'_>) {
    let playbook = cluster.place.write("modules.yml", MODULES);
    let run = |act: &[&str]| cluster.place.run(&[act, &["-i", "hosts", playbook.to_str().unwrap()]].concat());
    let seen = run(&["apply", "--yes"]);
    seen.is(0, &["label disk is not set, not ssd"]);
    assert!(!seen.all().contains("SWMTKN"), "{}", seen.all());
    run(&["apply", "--yes"]).unchanged();
    // Who is asked for too much says so, and with which numbers.
    cluster.inventory(&["node1 swarm_member_zone=a", "node2 swarm_member_zone=a"], &["node3", "node4"]);
    cluster.run(
        "plan",
        2,
        &[
            "2 managers survive the loss of 0, no more than 1 would",
            "all 2 managers are in zone a: its loss ends the quorum",
        ],
    );
    cluster.inventory(&MANAGERS, &["node4"]);
}

const MODULES: &str = r#"
- hosts: node1
  gather_facts: false
  tasks:
    - docker_host_info: {images: true, networks: true}
      register: engine
    - assert: {that: engine.can_talk_to_docker and engine.host_info.Swarm.LocalNodeState == 'active' and engine.networks}
    - docker_swarm_info: {nodes: true, nodes_filters: {role: manager}}
      register: swarm
    - assert: {that: swarm.docker_swarm_active and swarm.docker_swarm_manager and swarm.nodes | length == 3}
    - docker_node_info: {self: true}
      register: own
    - assert: {that: "own.nodes[0].Description.Hostname == 'node1' and own.nodes[0].Spec.Role == 'manager'"}
    - docker_node: {hostname: node4, labels: {disk: ssd}}
      register: labelled
    - assert: {that: labelled.node.Spec.Labels.disk == 'ssd'}
    - swarm_health: {wait: 60, managers: 3, spare: 1, nodes: [node4]}
      register: health
    - assert: {that: health.healthy and health.managers.quorum == 2}
- hosts: node4
  gather_facts: false
  tasks:
    - docker_swarm_info:
      register: refused
      failed_when: "'not a swarm manager' not in refused.msg"
    - docker_node: {hostname: node4, availability: drain}
      register: refused
      failed_when: "'run it on a manager' not in refused.msg"
"#;

pub fn tokens_are_rotated(cluster: &Cluster<'_>) {
    on(&cluster.host("node1"), "docker swarm update --task-history-limit 7 >/dev/null");
    let kept = || (cluster.token("node1", "manager"), cluster.spec("node1"));
    let (before, others) = (cluster.token("node1", "worker"), kept());
    let rotate = cluster.place.write(
        "rotate.yml",
        "- hosts: node1\n  gather_facts: false\n  tasks:\n    - docker_swarm: {rotate_worker_token: true}\n      register: r\n    \
         - assert: {that: \"r.actions == ['Swarm cluster updated']\"}\n    - debug: {var: r}\n",
    );
    let seen = cluster.place.run(&["apply", "--yes", "-i", "hosts", "-v", rotate.to_str().unwrap()]);
    seen.is(0, &["the workers' token is replaced"]);
    assert!(!seen.all().contains("SWMTKN") && !cluster.place.kept().contains("SWMTKN"), "{}", seen.all());
    assert_ne!(before, cluster.token("node1", "worker"));
    assert_eq!(others, kept(), "nothing else was asked for");
    assert_eq!(others.1["Orchestration"]["TaskHistoryRetentionLimit"], 7);
    // Tokens are used at join only: nothing else depends on them.
    cluster.run("verify", 0, &[]);
}

/// docker_swarm on the host that is in no swarm any more: begun, an option changed, given up.
pub fn a_swarm_of_its_own(cluster: &Cluster<'_>) {
    let swarm = |args: &str| {
        let play =
            format!("- hosts: node4\n  gather_facts: false\n  tasks:\n    - docker_swarm: {{{args}}}\n");
        let playbook = cluster.place.write("own.yml", &play);
        cluster.place.run(&["apply", "--yes", "-i", "hosts", playbook.to_str().unwrap()])
    };
    let begin = "task_history_retention_limit: 3, dispatcher_heartbeat_period: 7000000000";
    swarm(begin).is(0, &["the host is in no swarm: it begins one"]);
    let mut spec = cluster.spec("node4");
    assert_eq!(spec["Orchestration"]["TaskHistoryRetentionLimit"], 3);
    assert_eq!(spec["Dispatcher"]["HeartbeatPeriod"], 7_000_000_000_u64);
    swarm(begin).unchanged();
    swarm("snapshot_interval: 5000").is(0, &["snapshot_interval differs", "1 changed"]);
    spec["Raft"]["SnapshotInterval"] = 5000.into();
    assert_eq!(cluster.spec("node4"), spec, "the others were to stay");
    swarm("state: absent").is(1, &["node4 is a manager (1 of 1 managers answer"]);
    swarm("state: absent, force: true").is(0, &["the host is in a swarm", "1 changed"]);
    assert_eq!(on(&cluster.host("node4"), "docker info -f '{{.Swarm.LocalNodeState}}'").trim(), "inactive");
    swarm("state: absent, force: true").unchanged();
    assert_eq!(cluster.nodes("node1"), READY, "another swarm was touched");
}
