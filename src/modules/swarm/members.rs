//! The members that are there against those that are wanted → steps, in an order in which each keeps the quorum.
//!
//! Order: promotions, then labels and availability, then members that leave (drained, demoted), then those that are
//! gone (drained, demoted, removed, one at a time), then other demotions, the leader's last. A step that would end the
//! quorum is not among the steps; it is told with the numbers.

use super::quorum::Managers;
use super::view::{self, Node};
use std::collections::{BTreeMap, BTreeSet};

/// A member as the inventory wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Name in the inventory.
    pub name: String,
    /// The host's own name, where it is another one.
    pub hostname: Option<String>,
    /// Its node, where the host was asked in this run.
    pub node_id: Option<String>,
    /// Otherwise it is to be a worker.
    pub manager: bool,
    /// It is to leave the swarm.
    pub leaves: bool,
    /// It has left; its node will be down in a moment.
    pub left: bool,
    /// `active`, `pause` or `drain`; `None`: it stays as it is.
    pub availability: Option<String>,
    /// Those it must have; others stay.
    pub labels: BTreeMap<String, String>,
}

/// One change of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A worker becomes a manager.
    Promote {
        /// Its id.
        node: String,
        /// Its host's name.
        name: String,
    },
    /// A manager becomes a worker.
    Demote {
        /// Its id.
        node: String,
        /// Its host's name.
        name: String,
    },
    /// Availability or labels change.
    Update {
        /// Its id.
        node: String,
        /// Its host's name.
        name: String,
        /// What it becomes; `None`: it stays as it is.
        availability: Option<String>,
        /// Labels that it lacks, or has with another value.
        add: BTreeMap<String, String>,
    },
    /// Tasks move away; done when none runs there any more.
    Drain {
        /// Its id.
        node: String,
        /// Its host's name.
        name: String,
    },
    /// Out of the list of nodes.
    Remove {
        /// Its id.
        node: String,
        /// Its host's name.
        name: String,
    },
}

impl Step {
    /// The step in words, for a reason or a message; tokens are not in it.
    pub fn describe(&self) -> String {
        match self {
            Step::Promote { name, .. } => format!("{name} becomes a manager"),
            Step::Demote { name, .. } => format!("{name} becomes a worker"),
            Step::Update { name, availability, add, .. } => {
                let labels = add.iter().map(|(k, v)| format!("label {k}={v}"));
                let all: Vec<String> = availability.iter().cloned().chain(labels).collect();
                format!("{name} gets {}", all.join(", "))
            }
            Step::Drain { name, .. } => format!("{name} is drained"),
            Step::Remove { name, .. } => format!("{name} is removed"),
        }
    }
}

/// What is to be done, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they keep the quorum.
    pub steps: Vec<Step>,
    /// Steps that the quorum forbids now.
    pub refused: Vec<String>,
    /// What to know beside it, e.g. nodes that are down, an even number of managers.
    pub warnings: Vec<String>,
    /// Wanted hosts that are no members yet.
    pub missing: Vec<String>,
    /// Members that are not in the inventory and not down: nothing is done to them.
    pub strangers: Vec<String>,
}

/// Which node belongs to which wanted member, and which are left from machines that were replaced.
struct Matching<'a> {
    pairs: Vec<(&'a Wanted, &'a Node)>,
    replaced: Vec<&'a Node>,
    missing: Vec<String>,
}

fn fits(wanted: &Wanted, node: &Node) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or(name).to_string();
    match &wanted.hostname {
        Some(hostname) => node.hostname == *hostname,
        None => node.hostname == wanted.name || node.hostname == short(&wanted.name),
    }
}

fn matching<'a>(nodes: &'a [Node], wanted: &'a [Wanted]) -> Matching<'a> {
    let mut found = Matching { pairs: Vec::new(), replaced: Vec::new(), missing: Vec::new() };
    for member in wanted {
        let by_id = member.node_id.as_ref().and_then(|id| nodes.iter().find(|n| n.id == *id));
        let twins: Vec<&Node> = nodes.iter().filter(|n| fits(member, n)).collect();
        // A host that was asked and has no node is not the one of that name: that one was its predecessor.
        let asked = member.node_id.is_some();
        let by_name = twins.iter().find(|n| n.ready()).or(twins.first()).copied().filter(|_| !asked);
        match by_id.or(by_name) {
            Some(node) => {
                found.pairs.push((member, node));
                found
                    .replaced
                    .extend(twins.into_iter().filter(|n| n.id != node.id && n.down() && !node.down()));
            }
            None if !member.leaves => {
                found.missing.push(member.name.clone());
                found.replaced.extend(twins.into_iter().filter(|n| asked && n.down()));
            }
            None => {}
        }
    }
    found
}

/// The steps from what is there to what is wanted. `prune`: members that are down and in no inventory are removed.
pub fn plan(nodes: &[Node], wanted: &[Wanted], prune: bool) -> Plan {
    let found = matching(nodes, wanted);
    let mut out = Plan { missing: found.missing.clone(), ..Plan::default() };
    let mut managers = view::managers(nodes);
    for (member, node) in found.pairs.iter().filter(|(m, n)| m.manager && !m.leaves && !n.manager) {
        if node.ready() {
            out.steps.push(Step::Promote { node: node.id.clone(), name: node.hostname.clone() });
            managers = Managers::new(managers.known + 1, managers.reachable + 1);
        } else {
            out.warnings.push(format!("{} is {} and cannot become a manager yet", member.name, node.state));
        }
    }
    out.steps.extend(found.pairs.iter().filter(|(m, _)| !m.leaves).filter_map(|(m, n)| update(m, n)));
    let (mut gone, kept) = if prune { (found.replaced, Vec::new()) } else { (Vec::new(), found.replaced) };
    out.warnings.extend(kept.iter().map(|n| left_behind(n)));
    let known: BTreeSet<&str> = found.pairs.iter().map(|(_, n)| n.id.as_str()).collect();
    let paired = |member: &Wanted| found.pairs.iter().any(|(m, _)| m.name == member.name);
    // Who did not answer and has no node of its name may be any of those that are down.
    let silent: Vec<&str> = wanted
        .iter()
        .filter(|w| w.hostname.is_none() && w.node_id.is_none() && !w.leaves && !paired(w))
        .map(|w| w.name.as_str())
        .collect();
    for node in nodes.iter().filter(|n| !known.contains(n.id.as_str())) {
        if gone.iter().chain(&kept).any(|g| g.id == node.id) {
        } else if !node.down() {
            out.strangers.push(node.hostname.clone());
        } else if wanted.iter().any(|w| fits(w, node) && !w.leaves) {
            out.warnings.push(format!("{} is down", node.hostname));
        } else if prune && !silent.is_empty() {
            out.warnings.push(format!(
                "{} is down and stays: it may be {}, of which no name is known (`swarm_member_hostname` says it)",
                node.hostname,
                silent.join(" or ")
            ));
        } else if prune {
            gone.push(node);
        }
    }
    leave(&found.pairs, &mut managers, &mut out, prune);
    for node in gone {
        remove(node, &mut managers, &mut out);
    }
    let mut demoted: Vec<&Node> =
        found.pairs.iter().filter(|(m, n)| n.manager && !m.manager && !m.leaves).map(|(_, n)| *n).collect();
    // Leadership would only move on to the next that is to go.
    demoted.sort_by_key(|n| n.leader);
    for node in demoted {
        demote(node, &mut managers, &mut out);
    }
    out.warnings.extend(managers.even());
    for (_, node) in found.pairs.iter().filter(|(m, n)| n.down() && !m.leaves) {
        out.warnings.push(format!("{} is down: {}", node.hostname, node.message));
    }
    out
}

/// The node of a machine that was replaced, where nothing is removed.
fn left_behind(node: &Node) -> String {
    let counts = if node.manager { ", where it counts for the quorum" } else { "" };
    format!(
        "the former node of {} ({}) is down and stays in the swarm{counts}: nothing is removed (`prune: false`)",
        node.hostname, node.id
    )
}

fn update(member: &Wanted, node: &Node) -> Option<Step> {
    let availability = member.availability.clone().filter(|a| *a != node.availability);
    let differs = |(k, v): &(&String, &String)| node.labels.get(*k) != Some(*v);
    let add: BTreeMap<String, String> =
        member.labels.iter().filter(differs).map(|(k, v)| (k.clone(), v.clone())).collect();
    (availability.is_some() || !add.is_empty()).then(|| Step::Update {
        node: node.id.clone(),
        name: node.hostname.clone(),
        availability,
        add,
    })
}

/// Members that are to go: away with their tasks, then out of the managers; once they have left they are removed.
fn leave(pairs: &[(&Wanted, &Node)], managers: &mut Managers, out: &mut Plan, prune: bool) {
    let mut going: Vec<(bool, &Node)> =
        pairs.iter().filter(|(m, _)| m.leaves).map(|(m, n)| (m.left, *n)).collect();
    going.sort_by_key(|(_, n)| n.leader);
    for (left, node) in going {
        if (node.down() || left) && prune {
            remove(node, managers, out);
            continue;
        }
        if node.availability != "drain" {
            out.steps.push(Step::Drain { node: node.id.clone(), name: node.hostname.clone() });
        }
        if node.manager {
            demote(node, managers, out);
        }
    }
}

fn demote(node: &Node, managers: &mut Managers, out: &mut Plan) -> bool {
    if !managers.may_remove(node.reachable) {
        let left = managers.without(node.reachable);
        out.refused.push(format!("{} stays a manager: {managers}; without it {left}", node.hostname));
        return false;
    }
    *managers = managers.without(node.reachable);
    out.steps.push(Step::Demote { node: node.id.clone(), name: node.hostname.clone() });
    true
}

fn remove(node: &Node, managers: &mut Managers, out: &mut Plan) {
    let (id, name) = (node.id.clone(), node.hostname.clone());
    let drain = Step::Drain { node: id.clone(), name: name.clone() };
    let at = out.steps.len();
    if node.manager && !demote(node, managers, out) {
        return;
    }
    if node.availability != "drain" {
        out.steps.insert(at, drain);
    }
    out.steps.push(Step::Remove { node: id, name });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `m` manager, `w` worker, `*` leader, `!` down, e.g. `a m*`, `b m!`, `c w`.
    fn node(text: &str) -> Node {
        let (name, kind) = text.split_once(' ').unwrap();
        let down = kind.contains('!');
        let manager = kind.starts_with('m');
        let (hostname, id) = name.split_once('/').unwrap_or((name, name));
        Node {
            id: id.into(),
            hostname: hostname.into(),
            manager,
            availability: if kind.contains('d') { "drain" } else { "active" }.into(),
            state: if down { "down" } else { "ready" }.into(),
            leader: kind.contains('*'),
            reachable: manager && !down,
            ..Node::default()
        }
    }

    fn wanted(text: &str) -> Wanted {
        let (name, kind) = text.split_once(' ').unwrap();
        let (name, id) = name.split_once('/').map_or((name, None), |(n, i)| (n, Some(i.to_string())));
        Wanted {
            name: name.into(),
            node_id: id,
            manager: kind.starts_with('m'),
            leaves: kind.contains('-'),
            ..Wanted::default()
        }
    }

    fn short(step: &Step) -> String {
        match step {
            Step::Promote { node, .. } => format!("+{node}"),
            Step::Demote { node, .. } => format!("-{node}"),
            Step::Update { node, .. } => format!("~{node}"),
            Step::Drain { node, .. } => format!("drain {node}"),
            Step::Remove { node, .. } => format!("rm {node}"),
        }
    }

    /// (nodes, wanted, steps, number of refused, missing)
    type Row = (&'static [&'static str], &'static [&'static str], &'static str, usize, &'static str);

    #[test]
    fn steps() {
        let rows: &[Row] = &[
            (&["a m*", "b w"], &["a m", "b w"], "", 0, ""),
            (&["a m*"], &["a m", "b w", "c m"], "", 0, "b c"),
            // promoted before others are demoted
            (&["a m*", "b w"], &["a w", "b m"], "+b,-a", 0, ""),
            // the leader last
            (&["a m*", "b m", "c m"], &["a w", "b w", "c m"], "-b,-a", 0, ""),
            // never the last one
            (&["a m*"], &["a w"], "", 1, ""),
            // down and in no inventory: drained, demoted, removed
            (&["a m*", "b m", "c m!"], &["a m", "b m"], "drain c,-c,rm c", 0, ""),
            (&["a m*", "b w!"], &["a m"], "drain b,rm b", 0, ""),
            (&["a m*", "b wd!"], &["a m"], "rm b", 0, ""),
            // down but in the inventory: it may come back
            (&["a m*", "b w!"], &["a m", "b w"], "", 0, ""),
            // down, and perhaps a member that does not answer and is called otherwise
            (&["a m*", "ip-3 w!"], &["a m", "b w"], "", 0, "b"),
            // a stranger that is up stays
            (&["a m*", "x w"], &["a m"], "", 0, ""),
            // replaced: a new machine of the same name
            (&["a m*", "b m", "c/old m!", "c/new m"], &["a m", "b m", "c m"], "drain old,-old,rm old", 0, ""),
            // replaced and not joined yet: known because the host was asked
            (&["a m*", "b m", "c/old m!"], &["a m", "b m", "c/none m"], "drain old,-old,rm old", 0, "c"),
            // no quorum, no removal (moby#30847: three, one replaced without removal, a second lost)
            (&["a m*", "b m!", "c/old m!", "c/new m"], &["a m", "b m", "c m"], "", 1, ""),
            // two dead of five go one after the other
            (
                &["a m*", "b m", "c m", "d m!", "e m!"],
                &["a m", "b m", "c m"],
                "drain d,-d,rm d,drain e,-e,rm e",
                0,
                "",
            ),
            // leaving: drained and demoted here, removed when it is down
            (&["a m*", "b w"], &["a m", "b w-"], "drain b", 0, ""),
            (&["a m*", "b m", "c m"], &["a m", "b m", "c m-"], "drain c,-c", 0, ""),
            (&["a m*", "b wd!"], &["a m", "b w-"], "rm b", 0, ""),
            // of two that leave, only as many as the quorum allows
            (&["a m*", "b m!", "c m"], &["a m", "b m", "c m-"], "drain c", 1, ""),
        ];
        for (nodes, hosts, steps, refused, missing) in rows {
            let nodes: Vec<Node> = nodes.iter().map(|n| node(n)).collect();
            let hosts: Vec<Wanted> = hosts.iter().map(|w| wanted(w)).collect();
            let plan = plan(&nodes, &hosts, true);
            let got: Vec<String> = plan.steps.iter().map(short).collect();
            assert_eq!(got.join(","), *steps, "{nodes:?}");
            assert_eq!(plan.refused.len(), *refused, "{:?}", plan.refused);
            assert_eq!(plan.missing.join(" "), *missing);
        }
    }

    #[test]
    fn labels_and_availability_are_added_to_what_is_there() {
        let mut has = node("a m*");
        has.labels = [("zone", "x"), ("own", "1")].map(|(k, v)| (k.into(), v.into())).into();
        let mut member = wanted("a.example.com m");
        member.labels = [("zone", "y")].map(|(k, v)| (k.to_string(), v.to_string())).into();
        member.availability = Some("drain".into());
        let steps = plan(&[has], &[member], true).steps;
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].describe(), "a gets drain, label zone=y");
    }

    #[test]
    fn numbers_are_told() {
        let nodes: Vec<Node> = ["a m*", "b m!", "c m"].iter().map(|n| node(n)).collect();
        let hosts: Vec<Wanted> = ["a m", "b m", "c w"].iter().map(|w| wanted(w)).collect();
        let plan = plan(&nodes, &hosts, true);
        assert_eq!(
            plan.refused,
            [
                "c stays a manager: 2 of 3 managers answer, quorum is 2; without it 1 of 2 managers answer, quorum is 2"
            ]
        );
    }

    #[test]
    fn without_prune_the_dead_stay() {
        let nodes: Vec<Node> = ["a m*", "b w!"].iter().map(|n| node(n)).collect();
        assert_eq!(plan(&nodes, &[wanted("a m")], false).steps, []);
        // Nor does the node of a machine that was replaced go, before or after the new one has joined.
        let nodes: Vec<Node> = ["a m*", "c/new w", "c/old m!"].iter().map(|n| node(n)).collect();
        for (nodes, host) in [(nodes.as_slice(), "c w"), (&[nodes[0].clone(), nodes[2].clone()], "c/none w")]
        {
            let plan = plan(nodes, &[wanted("a m"), wanted(host)], false);
            assert_eq!(plan.steps, []);
            assert_eq!(
                plan.warnings[0],
                "the former node of c (old) is down and stays in the swarm, where it counts for the quorum: nothing is \
                 removed (`prune: false`)"
            );
        }
    }
}
