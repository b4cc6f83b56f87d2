//! The judgement itself: pure.

use crate::modules::swarm::quorum::Managers;
use crate::modules::swarm::view::{self, Node, Service};
use crate::modules::{Args, ArgsExt};

pub struct Health {
    pub problems: Vec<String>,
    pub managers: Managers,
    pub leader: String,
    pub nodes: Vec<(String, String)>,
}

pub fn judge(args: &Args, nodes: &[Node], services: &[Service]) -> Health {
    let managers = view::managers(nodes);
    let leader = nodes.iter().find(|n| n.leader).map(|n| n.hostname.clone()).unwrap_or_default();
    let mut problems = Vec::new();
    if leader.is_empty() {
        problems.push(format!("no leader ({managers})"));
    }
    let (named, lost) = (args.list("nodes"), args.list("lost"));
    for node in nodes.iter().filter(|n| !lost.contains(&n.hostname.as_str())) {
        if node.manager && !node.reachable {
            problems.push(format!("manager {} does not answer", node.hostname));
        } else if !node.ready() && !named.contains(&node.hostname.as_str()) {
            problems.push(format!("{} is {}", node.hostname, node.state));
        }
    }
    for name in named {
        let mut twins = nodes.iter().filter(|n| n.hostname == name).peekable();
        if twins.peek().is_none() {
            problems.push(format!("{name} is no member"));
        } else if !twins.any(Node::ready) {
            problems.push(format!("{name} is not ready"));
        }
    }
    let least = usize::try_from(args.int("managers")).unwrap_or(0);
    if managers.known < least {
        problems.push(format!("{} managers, not {least}", managers.known));
    }
    let spare = usize::try_from(args.int("spare")).unwrap_or(0);
    if managers.spare() < spare {
        problems.push(format!("{} managers may be lost, not {spare} ({managers})", managers.spare()));
    }
    if args.opt_bool("services").unwrap_or(true) {
        let late = services.iter().filter(|s| !s.converged());
        problems.extend(late.map(|s| {
            let update = if s.update.is_empty() { String::new() } else { format!(", update {}", s.update) };
            format!("service {} has {} of {} tasks{update}", s.name, s.running, s.desired)
        }));
    }
    let list = nodes.iter().map(|n| (n.hostname.clone(), n.state.clone())).collect();
    Health { problems, managers, leader, nodes: list }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Map, Value};

    fn node(name: &str, manager: bool, state: &str) -> Node {
        Node {
            hostname: name.into(),
            manager,
            state: state.into(),
            leader: name == "a",
            reachable: manager && state == "ready",
            ..Node::default()
        }
    }

    #[test]
    fn each_problem_is_named() {
        let service = Service { name: "web".into(), running: 1, desired: 2, update: String::new() };
        let nodes = [
            node("a", true, "ready"),
            node("b", true, "down"),
            node("c", false, "down"),
            node("d", false, "ready"),
        ];
        let args: Map = [("nodes", Value::from(vec!["d".into(), "x".into()])), ("spare", 1.into())]
            .into_iter()
            .map(|(k, v)| (k.into(), v))
            .collect();
        let health = judge(&args, &nodes, &[service]);
        assert_eq!(
            health.problems,
            [
                "manager b does not answer",
                "c is down",
                "x is no member",
                "0 managers may be lost, not 1 (1 of 2 managers answer, quorum is 2)",
                "service web has 1 of 2 tasks"
            ]
        );
        // A loss that is known is no problem; that a further one would be, is.
        let lost = |spare: i64| -> Vec<String> {
            let args: Map = [("lost", Value::from(vec!["b".into(), "c".into()])), ("spare", spare.into())]
                .into_iter()
                .map(|(k, v)| (k.into(), v))
                .collect();
            judge(&args, &[nodes.to_vec(), vec![node("e", true, "ready")]].concat(), &[]).problems
        };
        assert_eq!(lost(0), [""; 0]);
        assert_eq!(lost(1), ["0 managers may be lost, not 1 (2 of 3 managers answer, quorum is 2)"]);
        let well = judge(&Map::new(), &nodes[..1], &[]);
        assert!(well.problems.is_empty() && well.leader == "a");
    }
}
