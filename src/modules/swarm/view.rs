//! The engine's answers as types: what a host says of itself, and what a manager says of all.

use super::quorum::Managers;
use super::zones::Spread;
use crate::modules::Failure;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a host's engine says of itself (`GET /info`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// The host's name, as its node carries it.
    pub name: String,
    /// `inactive`, `pending`, `active`, `error` or `locked`.
    pub state: String,
    /// Empty where it is in no swarm.
    pub node_id: String,
    /// Where other nodes reach it, without a port; empty where it is in no swarm.
    pub addr: String,
    /// It is a manager.
    pub manager: bool,
    /// Addresses of the managers it knows, itself included when it is one.
    pub managers: Vec<String>,
    /// The swarm's id; managers tell it.
    pub cluster: String,
    /// Why the swarm is unwell; empty otherwise.
    pub error: String,
    /// The engine's: `20.10.24`.
    pub version: String,
    /// Containers go on while the engine does not run, which no swarm allows.
    pub live_restore: bool,
}

impl Local {
    /// From `GET /info` of any engine; what it does not tell is empty.
    pub fn read(info: &Json) -> Local {
        let swarm = &info["Swarm"];
        let remote = swarm["RemoteManagers"].as_array().into_iter().flatten();
        Local {
            name: text(&info["Name"]),
            state: text(&swarm["LocalNodeState"]),
            node_id: text(&swarm["NodeID"]),
            addr: text(&swarm["NodeAddr"]),
            manager: swarm["ControlAvailable"].as_bool().unwrap_or(false),
            managers: remote.map(|m| text(&m["Addr"])).filter(|a| !a.is_empty()).collect(),
            cluster: text(&swarm["Cluster"]["ID"]),
            error: text(&swarm["Error"]),
            version: text(&info["ServerVersion"]),
            live_restore: info["LiveRestoreEnabled"].as_bool().unwrap_or(false),
        }
    }

    /// # Errors
    /// The engine would refuse to be part of a swarm.
    pub fn may_enter(&self) -> Result<(), Failure> {
        if !self.live_restore || self.member() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the engine of {} has `live-restore`, which excludes a swarm\nhint: set it to false in `config` of docker_engine \
             (`container_engine_config` of its role), or take it out; a swarm starts lost tasks elsewhere",
            self.name
        )))
    }

    /// It is part of a swarm, if an unwell one.
    pub fn member(&self) -> bool {
        !self.node_id.is_empty() && self.state != "inactive" && !self.state.is_empty()
    }
}

/// A node of the swarm as a manager tells it (`GET /nodes`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// 25 letters and digits, unique in the swarm.
    pub id: String,
    /// The host's own name; several nodes may have the same.
    pub hostname: String,
    /// As it is wanted; a promotion takes a moment.
    pub manager: bool,
    /// `active`, `pause` or `drain`.
    pub availability: String,
    /// `ready`, `down`, `unknown` or `disconnected`.
    pub state: String,
    /// The node's, not the engine's.
    pub labels: BTreeMap<String, String>,
    /// As the managers see it; maybe `0.0.0.0` for the leader.
    pub addr: String,
    /// The one that leads the managers.
    pub leader: bool,
    /// A manager that answers the leader.
    pub reachable: bool,
    /// Where a manager listens, with the port.
    pub manager_addr: String,
    /// Of its engine.
    pub version: String,
    /// Why it is not ready; empty otherwise.
    pub message: String,
}

impl Node {
    /// From one element of `GET /nodes`, which only managers answer.
    pub fn read(json: &Json) -> Node {
        let (spec, status, manager) = (&json["Spec"], &json["Status"], &json["ManagerStatus"]);
        let labels = spec["Labels"].as_object().into_iter().flatten();
        Node {
            id: text(&json["ID"]),
            hostname: text(&json["Description"]["Hostname"]),
            // What is asked of it; a promotion takes a moment to come about.
            manager: spec["Role"].as_str() == Some("manager"),
            availability: text(&spec["Availability"]),
            state: text(&status["State"]),
            labels: labels.map(|(k, v)| (k.clone(), text(v))).collect(),
            addr: text(&status["Addr"]),
            leader: manager["Leader"].as_bool().unwrap_or(false),
            reachable: manager["Reachability"].as_str() == Some("reachable"),
            manager_addr: text(&manager["Addr"]),
            version: text(&json["Description"]["Engine"]["EngineVersion"]),
            message: text(&status["Message"]),
        }
    }

    /// The engine's word: it takes tasks, unless it is drained.
    pub fn ready(&self) -> bool {
        self.state == "ready"
    }

    /// The leader has not heard of it for a while: only then can it be removed without force.
    pub fn down(&self) -> bool {
        self.state == "down"
    }

    /// As it is wanted, in the words of `docker node ls`.
    pub fn role(&self) -> &'static str {
        if self.manager { "manager" } else { "worker" }
    }
}

/// All nodes of an answer of `GET /nodes`, by name, then id.
pub fn nodes(json: &Json) -> Vec<Node> {
    let mut nodes: Vec<Node> = json.as_array().into_iter().flatten().map(Node::read).collect();
    nodes.sort_by(|a, b| (&a.hostname, &a.id).cmp(&(&b.hostname, &b.id)));
    nodes
}

/// The node of this id or host name; `None`: there is none. Where a machine was replaced two have its name: then the only
/// one that fits.
///
/// # Errors
/// Several have the name, and which is meant cannot be told.
pub fn named<'a>(
    nodes: &'a [Node],
    wanted: &str,
    fits: impl Fn(&Node) -> bool,
) -> Result<Option<&'a Node>, Failure> {
    let named: Vec<&Node> = nodes.iter().filter(|n| n.id == wanted || n.hostname == wanted).collect();
    let fitting: Vec<&Node> = named.iter().copied().filter(|n| fits(n)).collect();
    match (&named[..], &fitting[..]) {
        ([], _) => Ok(None),
        ([one], _) | (_, [one]) => Ok(Some(one)),
        (many, _) => {
            let ids: Vec<String> = many.iter().map(|n| format!("{} is {}", n.id, n.state)).collect();
            Err(Failure::new(format!(
                "{} nodes are called {wanted}: give one's id ({})",
                many.len(),
                ids.join(", ")
            )))
        }
    }
}

/// Managers of the list, and how many of them the leader can reach.
pub fn managers(nodes: &[Node]) -> Managers {
    let all: Vec<&Node> = nodes.iter().filter(|n| n.manager).collect();
    Managers::new(all.len(), all.iter().filter(|n| n.reachable).count())
}

/// Managers a zone; the zone is the label of that name. Nodes without it are left out.
pub fn spread(nodes: &[Node], label: &str) -> Spread {
    let mut spread = Spread::new();
    for zone in nodes.iter().filter_map(|n| n.labels.get(label)) {
        spread.entry(zone.clone()).or_insert(0);
    }
    for node in nodes.iter().filter(|n| n.manager) {
        if let Some(count) = node.labels.get(label).and_then(|zone| spread.get_mut(zone)) {
            *count += 1;
        }
    }
    spread
}

/// A service that has fewer (or, of a global one, other) tasks running than it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Unique in the swarm; with its stack's name in front.
    pub name: String,
    /// Tasks that run now.
    pub running: u64,
    /// Tasks that should run: replicas, or the nodes that a global one is for.
    pub desired: u64,
    /// `updating`, `paused`, `rollback_started` …; empty without an update.
    pub update: String,
}

impl Service {
    /// From one element of `GET /services?status=true`; without that query the counts are 0.
    pub fn read(json: &Json) -> Service {
        let count = |name: &str| json["ServiceStatus"][name].as_u64().unwrap_or(0);
        Service {
            name: text(&json["Spec"]["Name"]),
            running: count("RunningTasks"),
            desired: count("DesiredTasks"),
            update: text(&json["UpdateStatus"]["State"]),
        }
    }

    /// As many tasks run as are wanted, and no update or rollback is on its way.
    pub fn converged(&self) -> bool {
        self.running == self.desired && !matches!(self.update.as_str(), "updating" | "rollback_started")
    }
}

/// All services of an answer of `GET /services?status=true`.
pub fn services(json: &Json) -> Vec<Service> {
    json.as_array().into_iter().flatten().map(Service::read).collect()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_host_says_of_itself() {
        let none = Local::read(
            &json!({"Name": "a", "Swarm": {"NodeID": "", "LocalNodeState": "inactive", "RemoteManagers": null}}),
        );
        assert!(!none.member() && none.managers.is_empty());
        let left = Local::read(&json!({"Name": "a", "Swarm": {"NodeID": "x", "LocalNodeState": "inactive"}}));
        assert!(!left.member());
        let one = Local::read(
            &json!({"Name": "a", "Swarm": {"NodeID": "x", "LocalNodeState": "active", "ControlAvailable": true,
            "RemoteManagers": [{"NodeID": "x", "Addr": "10.0.0.1:2377"}], "Cluster": {"ID": "c"}}}),
        );
        assert!(one.member() && one.manager);
        assert_eq!((one.managers, one.cluster), (vec!["10.0.0.1:2377".to_string()], "c".to_string()));
    }

    #[test]
    fn dead_managers_count_as_known() {
        let node = |name: &str, reach: &str, state: &str| {
            json!({"ID": name, "Spec": {"Role": "manager", "Labels": {"zone": name}},
            "Description": {"Hostname": name}, "Status": {"State": state}, "ManagerStatus": {"Reachability": reach}})
        };
        let nodes = nodes(&json!([node("b", "unreachable", "down"), node("a", "reachable", "ready")]));
        assert_eq!(managers(&nodes), Managers::new(2, 1));
        assert_eq!(nodes[0].hostname, "a");
        assert!(nodes[1].down() && !nodes[1].reachable);
        assert_eq!(spread(&nodes, "zone").len(), 2);
    }

    #[test]
    fn services_that_have_not_what_they_want() {
        let service = |running: u64, update: &str| {
            Service::read(&json!({"Spec": {"Name": "s"},
            "ServiceStatus": {"RunningTasks": running, "DesiredTasks": 2}, "UpdateStatus": {"State": update}}))
        };
        assert!(service(2, "").converged() && service(2, "completed").converged());
        for (running, update) in [(1, ""), (2, "updating"), (2, "rollback_started")] {
            assert!(!service(running, update).converged(), "{running} {update}");
        }
    }
}
