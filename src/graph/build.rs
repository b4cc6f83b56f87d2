//! Builds the graph: nodes, then the visible list of passes, then the look for cycles.

use super::model::{Graph, Reason};
use super::{Program, nodes, passes};
use crate::base::{Diag, Diags};
use petgraph::algo::tarjan_scc;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;
use std::collections::{HashMap, HashSet, VecDeque};

/// The graph of a program.
///
/// # Errors
/// A cycle, shown edge by edge, and `needs` of names that nothing has.
pub fn build(program: &Program) -> Result<Graph, Diags> {
    let mut graph = Graph::default();
    let mut diags = Diags::default();
    for (index, play) in program.plays.iter().enumerate() {
        nodes::add(&mut graph, index, play);
    }
    for (name, pass) in passes::PASSES {
        let before = graph.nodes.edge_count();
        pass(&mut graph, &mut diags);
        let added = graph.nodes.edge_count() - before;
        graph.passes.push((name, added));
    }
    cycles(&graph, &mut diags);
    if diags.has_errors() { Err(diags) } else { Ok(graph) }
}

fn cycles(graph: &Graph, diags: &mut Diags) {
    for group in tarjan_scc(&graph.nodes).into_iter().filter(|g| g.len() > 1) {
        let ring = ring(graph, &group);
        let words: Vec<String> = ring.iter().map(|n| format!("`{}`", graph.nodes[*n].label)).collect();
        let message = format!("a circle: {} → {}", words.join(" → "), words[0]);
        let at = ring.iter().find(|n| !graph.nodes[**n].needs.is_empty()).unwrap_or(&ring[0]);
        let mut diag = Diag::error("cycle", graph.nodes[*at].span, message);
        for (i, from) in ring.iter().enumerate() {
            let to = ring[(i + 1) % ring.len()];
            let edge = graph.nodes.edges_connecting(*from, to).next();
            if let (Some(edge), Some(span)) = (edge, graph.nodes[to].span) {
                diag = diag.related(span, format!("{}: {}", edge.weight().reason, edge.weight().note));
            }
        }
        diags.push(diag.hint("an earlier task can need a later one only where nothing else orders them"));
    }
}

/// A shortest circle within a strongly connected group, through one of its `needs`.
fn ring(graph: &Graph, group: &[NodeIndex]) -> Vec<NodeIndex> {
    let inside: HashSet<NodeIndex> = group.iter().copied().collect();
    let needs = graph.nodes.edge_references().find(|e| {
        e.weight().reason == Reason::Needs && inside.contains(&e.source()) && inside.contains(&e.target())
    });
    let (goal, start) = match needs {
        Some(edge) => (edge.source(), edge.target()),
        None => (group[0], group[0]),
    };
    let mut from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        if node == goal && node != start {
            break;
        }
        for next in graph.nodes.neighbors(node).filter(|n| inside.contains(n)) {
            if next != start && !from.contains_key(&next) {
                from.insert(next, node);
                queue.push_back(next);
            }
        }
    }
    let mut path = vec![goal];
    while let Some(previous) = from.get(&path[path.len() - 1]) {
        path.push(*previous);
    }
    path.reverse();
    path
}
