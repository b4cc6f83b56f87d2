//! A real swarm on lab hosts: begun, joined, healed, rotated, rolled, taken apart; three stories on three labs, because
//! engines are slow to install.

#![allow(clippy::unwrap_used)]

#[path = "hosts_swarm/losses.rs"]
mod losses;
#[path = "hosts_swarm/members.rs"]
mod members;
#[path = "hosts_swarm/modules.rs"]
mod modules;
mod support;

use fitout::lab::{Guard, Host};
use modules::{
    a_node_joins_and_leaves_by_itself, a_swarm_of_its_own, modules_tell_and_change_it, tokens_are_rotated,
};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};
use support::place::{Place, Running, Seen};
use support::watch::Watch;
use support::{IMAGE, lab, on, output};

/// The repository's playbooks with an inventory of these groups.
struct Cluster<'a> {
    place: Place,
    lab: &'a Guard,
}

impl<'a> Cluster<'a> {
    fn new(lab: &'a Guard, managers: &[&str], workers: &[&str]) -> Cluster<'a> {
        let cluster = Cluster { place: Place::default(), lab };
        cluster.inventory(managers, workers);
        cluster
    }

    fn inventory(&self, managers: &[&str], workers: &[&str]) {
        let hosts = std::fs::read_to_string(self.lab.inventory_path()).unwrap();
        let text = format!(
            "{hosts}\n[swarm_managers]\n{}\n[swarm_workers]\n{}\n[all:vars]\ncontainer_engine_source=distribution\n",
            managers.join("\n"),
            workers.join("\n")
        );
        self.place.write("hosts", &text);
    }

    fn args(act: &str, more: &[&str]) -> Vec<String> {
        let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/cluster.yml");
        let fixed = [act, "-i", "hosts", "-T", "5", playbook];
        let yes = (act == "apply").then_some("--yes");
        fixed.into_iter().chain(yes).chain(more.iter().copied()).map(str::to_string).collect()
    }

    #[track_caller]
    fn run(&self, act: &str, code: i32, said: &[&str]) -> String {
        self.run_with(act, &[], code, said)
    }

    #[track_caller]
    fn run_with(&self, act: &str, more: &[&str], code: i32, said: &[&str]) -> String {
        let args = Self::args(act, more);
        let seen = self.place.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        seen.is(code, said);
        seen.all()
    }

    /// Applies once more: nothing is changed.
    #[track_caller]
    fn unchanged(&self) -> String {
        let args = Self::args("apply", &[]);
        let seen = self.place.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        seen.unchanged();
        seen.all()
    }

    fn start(&self, more: &[&str]) -> Running {
        let args = Self::args("apply", more);
        Running::start(&mut self.place.command(&args.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn host(&self, name: &str) -> Host {
        self.lab.host(name).unwrap()
    }

    /// `NAME STATUS AVAILABILITY MANAGER` of each node, sorted. While a new leader is elected no manager knows it.
    fn nodes(&self, asked: &str) -> Vec<String> {
        let list = "docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}'";
        let deadline = Instant::now() + PATIENCE;
        let text = loop {
            let seen = output(self.host(asked).ssh().arg(list));
            if seen.status.success() {
                break String::from_utf8_lossy(&seen.stdout).into_owned();
            }
            assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&seen.stderr));
        };
        let mut nodes: Vec<String> =
            text.lines().map(|l| l.trim_end().replace(" Leader", " Reachable")).collect();
        nodes.sort();
        nodes
    }

    /// Waits until the nodes are these. An election, which comes by itself on a machine that has much to do, leaves each of
    /// them unknown until it has called the new leader.
    #[track_caller]
    fn come_to(&self, asked: &str, wanted: &[impl AsRef<str>]) {
        let wanted: Vec<&str> = wanted.iter().map(AsRef::as_ref).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let nodes = self.nodes(asked);
            if nodes == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{nodes:?}, not {wanted:?}");
        }
    }

    /// Who leads, as this manager knows it.
    fn leader(&self, asked: &str) -> String {
        let list = "docker node ls --format '{{.Hostname}} {{.ManagerStatus}}'";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = Seen::of(&output(self.host(asked).ssh().arg(list)));
            if let Some(leader) = seen.out.lines().find_map(|l| l.strip_suffix(" Leader")) {
                return leader.to_string();
            }
            assert!(Instant::now() < deadline, "nobody leads: {}", seen.all());
        }
    }

    fn token(&self, asked: &str, role: &str) -> String {
        on(&self.host(asked), &format!("docker swarm join-token -q {role}")).trim().to_string()
    }

    /// The node that a host of the swarm says it is.
    fn node_id(&self, name: &str) -> String {
        on(&self.host(name), "docker info -f '{{.Swarm.NodeID}}'").trim().to_string()
    }

    /// The options of the swarm that this host is a manager of.
    fn spec(&self, asked: &str) -> Value {
        let spec = on(&self.host(asked), "docker info -f '{{json .Swarm.Cluster.Spec}}'");
        serde_json::from_str(&spec).unwrap()
    }
}

const MANAGERS: [&str; 3] =
    ["node1 swarm_member_zone=a", "node2 swarm_member_zone=b", "node3 swarm_member_zone=c"];

/// The managers as they are listed when all is well.
const READY: [&str; 3] =
    ["node1 Ready Active Reachable", "node2 Ready Active Reachable", "node3 Ready Active Reachable"];

#[test]
fn a_swarm_from_bare_hosts_and_back() {
    let lab = lab(4);
    let cluster = Cluster::new(&lab, &MANAGERS, &[]);
    bare_hosts_become_a_swarm(&cluster);
    two_runs_at_once_add_a_worker(&cluster);
    modules_tell_and_change_it(&cluster);
    tokens_are_rotated(&cluster);
    a_service_runs_on_two_nodes(&cluster);
    a_change_rolls_over_the_nodes(&cluster);
    a_worker_is_rebooted(&cluster);
    a_worker_leaves(&cluster);
    a_node_joins_and_leaves_by_itself(&cluster);
    a_swarm_of_its_own(&cluster);
    a_manager_leaves(&cluster);
}

/// Stands on a command line of the run, to prove that the watch would see a token there.
const MARK: &str = "seen-on-a-command-line";

/// The mark and the tokens in a text; those that other tests have thought of are shorter than the engine's.
fn tokens(text: &str) -> Vec<String> {
    let begins = "SWMTKN-1-";
    let real = |at: usize| {
        text[at + begins.len()..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').count() > 60
    };
    let tokens = text.match_indices(begins).filter(|(at, _)| real(*at)).map(|(_, word)| word.to_string());
    tokens.chain(text.contains(MARK).then(|| MARK.to_string())).collect()
}

fn bare_hosts_become_a_swarm(cluster: &Cluster<'_>) {
    cluster.run("plan", 2, &["node1 begins the swarm", "node2 joins as a manager"]);
    let watch = Watch::find(tokens);
    let mark = format!("mark={MARK}");
    let said =
        cluster.run_with("apply", &["-e", &mark], 0, &["node1 begins the swarm", "node3 joins as a manager"]);
    let words = watch.words();
    assert!(words.iter().any(|(word, _)| word == MARK), "the watch sees nothing");
    let leaked: Vec<_> = words.iter().filter(|(word, _)| word != MARK).collect();
    assert!(leaked.is_empty(), "a token is on a command line: {leaked:?}");
    cluster.come_to("node2", &READY);
    let again = cluster.unchanged();
    cluster.run("verify", 0, &[]);
    // perl asks the engine; where there is none, the engine's own client does.
    let without = |program: &str| {
        let node = cluster.host("node1");
        on(&node, &format!("mv /usr/bin/{program} /usr/bin/away; ln -s /bin/false /usr/bin/{program}"));
        cluster.run("verify", 0, &[]);
        on(&node, &format!("mv /usr/bin/away /usr/bin/{program}"));
    };
    without("docker");
    without("perl");
    // The token is in nothing that anyone could read.
    let kept = cluster.place.kept() + &said + &again;
    assert!(!kept.contains("SWMTKN"), "a token is in what was said or kept");
    let search = "journalctl -o cat; cat /var/log/*.log /root/.* /tmp/* /run/*.log /proc/[0-9]*/cmdline 2>/dev/null; true";
    assert!(!on(&cluster.host("node2"), search).contains("SWMTKN"), "a token is on the host");
}

/// The same play from two places: neither breaks what the other does, there is one swarm, and the fourth host is in it once.
fn two_runs_at_once_add_a_worker(cluster: &Cluster<'_>) {
    let other = Cluster::new(cluster.lab, &MANAGERS, &["node4"]);
    cluster.inventory(&MANAGERS, &["node4"]);
    let (one, two) = (cluster.start(&[]), other.start(&[]));
    let ends = [one.end(), two.end()];
    for seen in &ends {
        // A file that the other one has just written is not overwritten: that run says so, and ends.
        assert!(matches!(seen.code, Some(0 | 1)), "{}", seen.all());
    }
    let all = || ends.iter().map(Seen::all).collect::<Vec<_>>().join("\n");
    assert!(ends.iter().any(|seen| seen.code == Some(0)), "they have stopped each other:\n{}", all());
    cluster.run("apply", 0, &[]);
    cluster.come_to("node1", &[&READY[..], &["node4 Ready Active"]].concat());
}

/// What the swarm may take to notice a loss or a return. A connection that a cut has left half open is tried again after
/// as long as the cut has lasted; then the managers elect a leader, and then the workers call that one.
const PATIENCE: Duration = Duration::from_secs(240);

/// Waits until so many nodes are ready and every manager answers.
fn await_nodes(cluster: &Cluster<'_>, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let nodes = cluster.nodes("node1");
        if nodes.len() == count && nodes.iter().all(|n| n.contains(" Ready ") && !n.contains("Unreachable")) {
            return;
        }
        assert!(Instant::now() < deadline, "{nodes:?}");
    }
}

/// One task on node1, one on node4; each may take both.
fn a_service_runs_on_two_nodes(cluster: &Cluster<'_>) {
    for name in ["node1", "node4"] {
        on(&cluster.host(name), IMAGE);
    }
    let create = "docker service create -q --name web --no-resolve-image --constraint node.hostname!=node2 --constraint \
                  node.hostname!=node3 --replicas 2 --replicas-max-per-node 2 --stop-grace-period 1s pause:1 /bin/sleep 100000";
    let done = output(Command::new("timeout").args(["60"]).args(command(&cluster.host("node1"), create)));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Workers first, then managers, the leader last; each drained before it is changed; nothing where the swarm is not well.
fn a_change_rolls_over_the_nodes(cluster: &Cluster<'_>) {
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/cluster_rolling.yml");
    let change = r#"{"rolling_role": "node_tuning", "node_tuning_sysctl": {"net.ipv4.tcp_fin_timeout": 31}}"#;
    let roll = |wait: &str, form: &[&str]| {
        let wait = format!("rolling_wait={wait}");
        let args = ["apply", "--yes", "-i", "hosts", "-e", change, "-e", &wait, playbook];
        cluster.place.run(&[&args[..], form].concat())
    };
    let changed = |name: &str| {
        on(
            &cluster.host(name),
            "stat -c %.9Y /etc/sysctl.d/60-node-tuning.conf; cat /proc/sys/net/ipv4/tcp_fin_timeout",
        )
    };
    let names = ["node1", "node2", "node3", "node4"];
    let before = names.map(changed);

    // A service that wants what it cannot have: the gate stays shut.
    let hopeless = "docker service create -q -d --name no --no-resolve-image --constraint node.hostname==none pause:1 /bin/true";
    on(&cluster.host("node1"), hopeless);
    roll("1", &[]).is(1, &["service no"]);
    assert_eq!(names.map(changed), before, "nothing was to be changed");
    on(&cluster.host("node1"), "docker service rm no");

    let leader = cluster.leader("node1");
    let seen = roll("120", &["--json"]);
    seen.is(0, &[]);
    // Where another was chosen meanwhile, who had the lead when the run began is not known here.
    let last = (cluster.leader("node1") == leader).then_some(leader.as_str());
    let managers = one_manager_at_a_time(&seen);
    assert!(last.is_none_or(|leader| managers[2] == leader), "{managers:?}, {last:?}");
    let mut order = names.map(|name| (changed(name), name));
    assert!(order.iter().all(|(seen, _)| seen.ends_with("\n31\n")), "{order:?}");
    order.sort();
    let order = order.map(|(_, name)| name);
    assert_eq!((order[0], &order[1..]), ("node4", &managers[..]), "{order:?}");
    cluster.come_to("node1", &[&READY[..], &["node4 Ready Active"]].concat());
    // Its task had moved away before node4 was changed.
    let moved = on(&cluster.host("node1"), "docker service ps web --format '{{.Node}} {{.DesiredState}}'");
    assert!(moved.contains("node4 Shutdown") && moved.matches("Running").count() == 2, "{moved}");
}

/// Of three managers one may be missed: from its drain to its return no other one is touched. The managers in their order.
fn one_manager_at_a_time(seen: &Seen) -> [&'static str; 3] {
    let span = spans(seen);
    let mut managers = ["node1", "node2", "node3"].map(|name| (span(name), name));
    managers.sort();
    let worker = span("node4");
    assert!(worker.1 < managers[0].0.0, "a manager before the worker was back: {worker:?} {managers:?}");
    for two in managers.windows(2) {
        assert!(two[0].0.1 < two[1].0.0, "two managers at once: {managers:?}");
    }
    managers.map(|(_, name)| name)
}

/// The lines of each host's drain and of its return.
fn spans(seen: &Seen) -> impl Fn(&str) -> (usize, usize) {
    let lines: Vec<Value> = seen.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    move |host| {
        let own = |line: &Value| {
            line["event"] == "task_done" && line["host"] == host && line["action"] == "docker_node"
        };
        let at: Vec<usize> = (0..lines.len()).filter(|at| own(&lines[*at])).collect();
        assert_eq!(at.len(), 2, "{host}");
        (at[0], at[1])
    }
}

/// It is a node again by itself, and there is nothing to do.
fn a_worker_is_rebooted(cluster: &Cluster<'_>) {
    let boot = || {
        on(&cluster.host("node4"), "systemctl show -p UserspaceTimestampMonotonic --value; cat /proc/1/stat")
    };
    let before = boot();
    cluster.run_with("verify", &["--reboot", "--limit", "node4"], 0, &["1 host rebooted"]);
    assert_ne!(boot(), before);
    cluster.come_to("node1", &[&READY[..], &["node4 Ready Active"]].concat());
    cluster.unchanged();
}

/// A service runs on it; it is drained, which moves the service, leaves and is removed.
fn a_worker_leaves(cluster: &Cluster<'_>) {
    cluster.inventory(&MANAGERS, &["node4 swarm_member_state=absent"]);
    cluster.run("apply", 0, &["node4 is drained", "node4 leaves the swarm", "node4 is removed"]);
    cluster.come_to("node1", &READY);
    assert_eq!(on(&cluster.host("node4"), "docker ps -q").trim(), "", "no task is left behind");
    let health = cluster.place.write(
        "health.yml",
        "- hosts: node1\n  gather_facts: false\n  tasks:\n    - swarm_health: {wait: 60, spare: 1, managers: 3}\n",
    );
    cluster.place.run(&["apply", "--yes", "-i", "hosts", health.to_str().unwrap()]).is(0, &[]);
    cluster.place.run(&["verify", "-i", "hosts", health.to_str().unwrap()]).is(0, &[]);
    cluster.run("verify", 0, &[]);
}

/// It is a worker first, and leaves when it knows so itself; two managers are fewer than is well, which is said.
fn a_manager_leaves(cluster: &Cluster<'_>) {
    let going = "node3 swarm_member_state=absent";
    cluster.inventory(&[MANAGERS[0], MANAGERS[1], going], &[]);
    let steps = ["node3 is drained; node3 becomes a worker", "node3 leaves the swarm", "node3 is removed"];
    cluster.run("apply", 0, &[&steps[..], &["2 managers survive the loss of 0"]].concat());
    cluster.come_to("node1", &READY[..2]);
    cluster.unchanged();
}

/// A command on a host as words, for a program that runs it.
fn command(host: &Host, text: &str) -> Vec<String> {
    let ssh = host.ssh();
    let words =
        std::iter::once(ssh.get_program()).chain(ssh.get_args()).map(|w| w.to_string_lossy().into_owned());
    words.chain([text.to_string()]).collect()
}
