//! The passes that add edges, one reason each. Nodes are in the order of the files; edges go forwards only, but
//! for `needs`.

use super::meetings::Meetings;
use super::model::{Dropped, Graph, Kind, Reason};
use crate::base::{Diag, Diags};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) type Pass = fn(&mut Graph, &mut Diags);

/// All of them, in the order they run.
pub(super) const PASSES: &[(&str, Pass)] = &[
    // Plays follow each other, and within one nothing passes a barrier or what touches everything.
    ("barriers", barriers),
    // What touches the same resource keeps the order of the file; what does not, loses it.
    ("claims", claims),
    // A name is defined before it is used.
    ("data", data),
    // Handlers run at the flush after the task that notifies them.
    ("notify", notify),
    // `needs:` of tasks and plays.
    ("needs", needs),
];

fn body(graph: &Graph) -> Vec<NodeIndex> {
    graph.nodes.node_indices().filter(|n| graph.nodes[*n].kind != Kind::Handler).collect()
}

fn barriers(graph: &mut Graph, _: &mut Diags) {
    let mut last: Option<NodeIndex> = None;
    let mut since: Vec<NodeIndex> = Vec::new();
    for node in body(graph) {
        let total = graph.nodes[node].total;
        let reason = |n: NodeIndex, g: &Graph| {
            if matches!(g.nodes[n].kind, Kind::Task | Kind::Resource) {
                Reason::Order
            } else {
                Reason::Barrier
            }
        };
        let Some(why) = total else {
            if let Some(last) = last {
                let (reason, why) = (reason(last, graph), graph.nodes[last].total.unwrap_or_default());
                graph.join(last, node, reason, why);
            }
            since.push(node);
            continue;
        };
        let (before, kind) = (std::mem::take(&mut since), reason(node, graph));
        if before.is_empty()
            && let Some(last) = last
        {
            graph.join(last, node, kind, why);
        }
        for earlier in before {
            graph.join(earlier, node, kind, why);
        }
        last = Some(node);
    }
}

fn claims(graph: &mut Graph, _: &mut Diags) {
    let mut since = Meetings::default();
    let mut last: Option<NodeIndex> = None;
    for node in body(graph) {
        if graph.nodes[node].total.is_some() {
            since.clear();
            last = None;
            continue;
        }
        let own = graph.nodes[node].claims.clone();
        let before = since.before(&own);
        since.add(node, &own);
        if let Some(neighbour) = last.filter(|n| !before.contains(n)) {
            let note = "they touch nothing in common".to_string();
            graph.dropped.push(Dropped { from: neighbour, to: node, note });
        }
        for earlier in before {
            let note = conflict(graph, earlier, node).unwrap_or_default();
            graph.join(earlier, node, Reason::Claim, note);
        }
        last = Some(node);
    }
}

/// What two nodes both touch, one of them writing.
pub(super) fn conflict(graph: &Graph, a: NodeIndex, b: NodeIndex) -> Option<String> {
    let (first, second) = (&graph.nodes[a].claims, &graph.nodes[b].claims);
    if let Some((write, touch)) = first.conflict(second) {
        return Some(format!("the first writes `{write}`, the second touches `{touch}`"));
    }
    let (write, touch) = second.conflict(first)?;
    Some(format!("the second writes `{write}`, the first reads `{touch}`"))
}

/// Who defined a name last, and who used it since.
#[derive(Default)]
struct Named {
    definer: Option<NodeIndex>,
    users: Vec<NodeIndex>,
}

fn data(graph: &mut Graph, _: &mut Diags) {
    let mut names: HashMap<Arc<str>, Named> = HashMap::new();
    // Definers since the last node that everything waits for.
    let mut since: Vec<NodeIndex> = Vec::new();
    for node in graph.nodes.node_indices().collect::<Vec<_>>() {
        match graph.nodes[node].uses.clone() {
            Some(used) => {
                for name in used {
                    let known = names.entry(Arc::clone(&name)).or_default();
                    known.users.push(node);
                    if let Some(from) = known.definer {
                        graph.join(from, node, Reason::Data, format!("`{name}` is defined by it"));
                    }
                }
            }
            None => {
                let why = "which names it uses cannot be told before the run";
                since.iter().for_each(|from| graph.join(*from, node, Reason::Data, why));
            }
        }
        if graph.nodes[node].total.is_some() {
            since.clear();
        }
        let defines = graph.nodes[node].defines.clone();
        if !defines.is_empty() {
            since.push(node);
        }
        for name in defines {
            let known = names.entry(Arc::clone(&name)).or_default();
            let before = std::mem::take(&mut known.users).into_iter().chain(known.definer.replace(node));
            for from in before.collect::<Vec<_>>() {
                graph.join(from, node, Reason::Data, format!("it defines `{name}` anew"));
            }
        }
    }
}

fn notify(graph: &mut Graph, _: &mut Diags) {
    let mut handlers: HashMap<(usize, Arc<str>), Vec<NodeIndex>> = HashMap::new();
    for node in graph.nodes.node_indices().filter(|n| graph.nodes[*n].kind == Kind::Handler) {
        for name in &graph.nodes[node].answers {
            handlers.entry((graph.nodes[node].play, Arc::clone(name))).or_default().push(node);
        }
    }
    for node in body(graph) {
        let play = graph.nodes[node].play;
        for name in graph.nodes[node].notifies.clone() {
            for handler in handlers.get(&(play, Arc::clone(&name))).into_iter().flatten() {
                graph.join(node, *handler, Reason::Notify, format!("it notifies `{name}`"));
            }
        }
    }
}

fn needs(graph: &mut Graph, diags: &mut Diags) {
    let mut named: HashMap<Arc<str>, Vec<NodeIndex>> = HashMap::new();
    for node in graph.nodes.node_indices() {
        for name in &graph.nodes[node].answers {
            named.entry(Arc::clone(name)).or_default().push(node);
        }
    }
    for node in body(graph) {
        for name in graph.nodes[node].needs.clone() {
            let Some(wanted) = named.get(&name) else {
                let message = format!("`needs` names `{name}`, and no task or play has that name");
                let diag = Diag::error("unknown-need", graph.nodes[node].span, message);
                diags.push(diag.did_you_mean(&name, named.keys().map(|k| &**k)));
                continue;
            };
            for from in wanted {
                graph.join(*from, node, Reason::Needs, format!("`needs: {name}`"));
            }
        }
    }
}
