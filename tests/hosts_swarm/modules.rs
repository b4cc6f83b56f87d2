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
    returned_values(cluster);
    swarm("state: absent").is(1, &["node4 is a manager (1 of 1 managers answer"]);
    swarm("state: absent, force: true").is(0, &["the host is in a swarm", "1 changed"]);
    assert_eq!(on(&cluster.host("node4"), "docker info -f '{{.Swarm.LocalNodeState}}'").trim(), "inactive");
    swarm("state: absent, force: true").unchanged();
    // Another swarm was not touched.
    cluster.come_to("node1", &READY);
}

/// In and out of the swarm by the modules for single swarms and nodes, as playbooks for the collection do it.
pub fn a_node_joins_and_leaves_by_itself(cluster: &Cluster<'_>) {
    let playbook = cluster.place.write("single.yml", SINGLE);
    let seen = cluster.place.run(&["apply", "--yes", "-i", "hosts", "-v", playbook.to_str().unwrap()]);
    seen.is(
        0,
        &["the host is in no swarm: it joins", "node4 is a worker, not a manager", "node4 is removed"],
    );
    assert!(!(seen.all() + &cluster.place.kept()).contains("SWMTKN"), "{}", seen.all());
    cluster.come_to("node1", &READY);
}

const SINGLE: &str = r#"
- hosts: node1
  gather_facts: false
  tasks:
    - docker_swarm_info:
      register: swarm
- hosts: node4
  gather_facts: false
  tasks:
    - docker_swarm:
        state: join
        join_token: "{{ hostvars.node1.swarm.swarm_facts.JoinTokens.Worker }}"
        remote_addrs: ["{{ hostvars.node1.ansible_host }}:2377"]
      register: joined
    - assert: {that: "joined.actions == ['New node is added to swarm cluster']"}
- hosts: node1
  gather_facts: false
  tasks:
    - docker_node: {hostname: node4, role: manager}
      register: promoted
    - docker_node: {hostname: node4, role: worker, availability: drain}
      register: demoted
    - assert: {that: "[promoted.node.Spec.Role, demoted.node.Spec.Role, demoted.node.Spec.Availability] == ['manager', 'worker', 'drain']"}
- hosts: node4
  gather_facts: false
  tasks:
    - docker_swarm: {state: absent}
- hosts: node1
  gather_facts: false
  tasks:
    - docker_swarm: {state: remove, node_id: node4}
"#;

/// What the modules return, in the collection's keys and words, from a real engine.
fn returned_values(cluster: &Cluster<'_>) {
    let node = cluster.host("node4");
    on(
        &node,
        "docker service create -q -d --no-resolve-image --name web --mode global pause:1 /bin/sleep 100000",
    );
    on(&node, "timeout 60 sh -c 'until docker service ps web | grep -q Running; do :; done'");
    let playbook = cluster.place.write("returned.yml", RETURNED);
    let seen = cluster.place.run(&["apply", "--yes", "-i", "hosts", "-v", playbook.to_str().unwrap()]);
    seen.is(0, &["autolock_managers differs"]);
    assert!(!(seen.all() + &cluster.place.kept()).contains("SWMKEY"), "{}", seen.all());
    // An engine that lets containers go on cannot be part of a swarm: that is said before it is tried.
    let config = "cd /etc/docker && cp daemon.json /root/ && echo '{\"live-restore\": true}' >daemon.json";
    on(&node, &format!("docker swarm leave --force && {config} && systemctl restart docker"));
    let join = "- hosts: node4\n  gather_facts: false\n  tasks:\n    - docker_swarm:\n";
    let playbook = cluster.place.write("live.yml", join);
    let plan = cluster.place.run(&["plan", "-i", "hosts", playbook.to_str().unwrap()]);
    plan.is(1, &["the engine of node4 has `live-restore`, which excludes a swarm"]);
    let refused = on(&node, "docker swarm init 2>&1 || :");
    assert!(refused.contains("incompatible"), "{refused}");
    on(
        &node,
        "mv /root/daemon.json /etc/docker/ && systemctl restart docker && docker swarm init >/dev/null",
    );
}

const RETURNED: &str = r#"
- hosts: node4
  gather_facts: false
  tasks:
    - docker_swarm: {autolock_managers: true}
      register: locked
    - assert: {that: "locked.actions == ['Swarm cluster updated'] and locked.swarm_facts.UnlockKey is match('SWMKEY-1-')"}
    - docker_swarm: {autolock_managers: true}
      register: locked
    - assert: {that: "locked.actions == ['No modification'] and locked.swarm_facts.UnlockKey is none"}
    - docker_swarm_info: {nodes: true, services: true, tasks: true, unlock_key: true}
      register: swarm
    - assert:
        that:
          - swarm.swarm_unlock_key is match('SWMKEY-1-')
          - swarm.nodes[0].ManagerStatus == 'Leader'
          - "[swarm.services[0].Mode, swarm.services[0].Replicas, swarm.services[0].Name] == ['Global', 1, 'web']"
          - swarm.tasks[0].Node == 'node4'
          - swarm.tasks[0].ContainerID | length == 64
          - "[swarm.tasks[0].CurrentState, swarm.tasks[0].Error] == ['running', none]"
    - docker_host_info: {containers: true, containers_filters: {id: "{{ swarm.tasks[0].ContainerID }}"}}
      register: host
    - assert: {that: "host.containers | length == 1 and host.containers[0].Id == swarm.tasks[0].ContainerID"}
    - docker_swarm: {autolock_managers: false}
"#;
