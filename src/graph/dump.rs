//! The graph for people and programs: text, DOT, JSON, and why one node waits for another.

use super::model::{Edge, Graph, Kind, Node};
use super::passes::conflict;
use crate::base::Sources;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;

impl Graph {
    /// One line a node, below it what it waits for and why.
    pub fn dump_text(&self, sources: &Sources) -> String {
        let mut out = String::new();
        for (index, node) in self.nodes.node_references_sorted() {
            let _ = writeln!(out, "{} {}{}", shown_id(index), title(node), place(node, sources));
            if let (Some(why), Kind::Task | Kind::Resource | Kind::Handler) = (node.total, node.kind) {
                let _ = writeln!(out, "      touches everything: {why}");
            }
            for edge in self.incoming(index) {
                let from = &self.nodes[edge.0];
                let _ = writeln!(
                    out,
                    "      after {} {} ({}: {})",
                    shown_id(edge.0),
                    title(from),
                    edge.1,
                    edge.2
                );
            }
            for dropped in self.dropped.iter().filter(|d| d.to == index) {
                let from = &self.nodes[dropped.from];
                let _ = writeln!(
                    out,
                    "      not after {} {} ({})",
                    shown_id(dropped.from),
                    title(from),
                    dropped.note
                );
            }
        }
        out
    }

    /// For Graphviz: an edge has its reason as label; a dotted one was left out.
    pub fn dump_dot(&self) -> String {
        let mut out = String::from("digraph fitout {\n  rankdir=LR;\n  node [shape=box];\n");
        for (index, node) in self.nodes.node_references_sorted() {
            let _ = writeln!(out, "  n{} [label={:?}];", index.index(), title(node));
        }
        for edge in self.nodes.edge_references() {
            let (from, to) = (edge.source().index(), edge.target().index());
            let _ = writeln!(out, "  n{from} -> n{to} [label=\"{}\"];", edge.weight().reason);
        }
        for dropped in &self.dropped {
            let (from, to) = (dropped.from.index(), dropped.to.index());
            let _ = writeln!(out, "  n{from} -> n{to} [style=dotted, label=\"dropped\"];");
        }
        out.push_str("}\n");
        out
    }

    /// An object with `nodes`, `edges` and `dropped`; places are `file:line:column`, nodes are named by
    /// number.
    pub fn dump_json(&self, sources: &Sources) -> serde_json::Value {
        let nodes = self.nodes.node_references_sorted().into_iter().map(|(index, node)| {
            serde_json::json!({
                "node": index.index(), "kind": node.kind.to_string(), "play": node.play, "id": node.id,
                "name": node.label, "place": node.span.map(|s| sources.location(s)),
                "reads": node.claims.reads, "writes": node.claims.writes,
            })
        });
        let edges = self.nodes.edge_references().map(|e| {
            serde_json::json!({
                "from": e.source().index(), "to": e.target().index(),
                "reason": e.weight().reason.to_string(), "note": e.weight().note,
            })
        });
        let dropped = self
            .dropped
            .iter()
            .map(|d| serde_json::json!({"from": d.from.index(), "to": d.to.index(), "note": d.note}));
        serde_json::json!({
            "nodes": nodes.collect::<Vec<_>>(),
            "edges": edges.collect::<Vec<_>>(),
            "dropped": dropped.collect::<Vec<_>>(),
        })
    }

    /// Why `b` waits for `a`, or why it does not. Both are named by number, task name, or `file:line`.
    ///
    /// # Errors
    /// A name that no node has.
    pub fn why(&self, a: &str, b: &str, sources: &Sources) -> Result<String, String> {
        let (mut a, mut b) = (self.named(a, sources)?, self.named(b, sources)?);
        let handlers = self.nodes[a].kind == Kind::Handler || self.nodes[b].kind == Kind::Handler;
        if a > b && !handlers {
            std::mem::swap(&mut a, &mut b);
        }
        let mut out = self.waits(a, b);
        // Only `needs` go against the order of the file.
        if out.is_empty() && self.path(a, b).is_none() && self.path(b, a).is_some() {
            std::mem::swap(&mut a, &mut b);
            out = self.waits(a, b);
        }
        if !out.is_empty() {
            return Ok(out);
        }
        match self.path(a, b) {
            Some(path) => {
                let _ =
                    writeln!(out, "{} waits for {} by way of:", title(&self.nodes[b]), title(&self.nodes[a]));
                for pair in path.windows(2) {
                    if let Some(edge) = self.nodes.edges_connecting(pair[0], pair[1]).next() {
                        let to = title(&self.nodes[pair[1]]);
                        let _ =
                            writeln!(out, "  then {to} ({}: {})", edge.weight().reason, edge.weight().note);
                    }
                }
            }
            None => {
                let why = conflict(self, a, b).unwrap_or_else(|| {
                    format!(
                        "they touch nothing in common ({} and {})",
                        touched(&self.nodes[a]),
                        touched(&self.nodes[b])
                    )
                });
                let _ = writeln!(
                    out,
                    "{} does not wait for {}: {why}",
                    title(&self.nodes[b]),
                    title(&self.nodes[a])
                );
            }
        }
        Ok(out)
    }

    /// Why one waits for the other itself, a line each reason.
    fn waits(&self, a: NodeIndex, b: NodeIndex) -> String {
        let (first, second) = (title(&self.nodes[a]), title(&self.nodes[b]));
        let line = |edge: &Edge| format!("{second} waits for {first}: {}: {}\n", edge.reason, edge.note);
        self.nodes.edges_connecting(a, b).map(|edge| line(edge.weight())).collect()
    }

    fn incoming(&self, to: NodeIndex) -> Vec<(NodeIndex, super::Reason, String)> {
        let edges = self.nodes.edges_directed(to, petgraph::Direction::Incoming);
        let mut all: Vec<_> =
            edges.map(|e| (e.source(), e.weight().reason, e.weight().note.clone())).collect();
        all.sort_by_key(|e| e.0);
        all
    }

    fn named(&self, name: &str, sources: &Sources) -> Result<NodeIndex, String> {
        let number = name.strip_prefix('n').unwrap_or(name).parse::<usize>().ok();
        if let Some(index) = number.map(NodeIndex::new).filter(|n| self.nodes.node_weight(*n).is_some()) {
            return Ok(index);
        }
        let at = |node: &Node| node.span.map(|s| sources.location(s)).unwrap_or_default();
        let by_place = |n: &NodeIndex| {
            let place = at(&self.nodes[*n]);
            place == name || place.rsplit_once(':').is_some_and(|(line, _)| line == name)
        };
        let by_name = |n: &NodeIndex| self.nodes[*n].label == name;
        let mut all = self.nodes.node_indices();
        all.clone().find(by_name).or_else(|| all.find(by_place)).ok_or_else(|| {
            let labels = self.nodes.node_weights().map(|n| n.label.as_str());
            let near = crate::base::diag::nearest(name, labels);
            let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            format!("no node is called `{name}`{hint}")
        })
    }

    fn path(&self, a: NodeIndex, b: NodeIndex) -> Option<Vec<NodeIndex>> {
        let mut from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
        let mut queue = VecDeque::from([a]);
        while let Some(node) = queue.pop_front() {
            if node == b {
                let mut path = vec![b];
                while let Some(previous) = from.get(&path[path.len() - 1]) {
                    path.push(*previous);
                }
                path.reverse();
                return Some(path);
            }
            for next in self.nodes.neighbors(node) {
                if next != a && !from.contains_key(&next) {
                    from.insert(next, node);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

/// Nodes with their indices, in order.
trait Sorted {
    fn node_references_sorted(&self) -> Vec<(NodeIndex, &Node)>;
}

impl Sorted for petgraph::graph::DiGraph<Node, Edge> {
    fn node_references_sorted(&self) -> Vec<(NodeIndex, &Node)> {
        self.node_indices().map(|n| (n, &self[n])).collect()
    }
}

fn shown_id(index: NodeIndex) -> String {
    format!("n{:<4}", index.index())
}

fn title(node: &Node) -> String {
    format!("{} `{}`", node.kind, node.label)
}

fn place(node: &Node, sources: &Sources) -> String {
    node.span.map(|s| format!("  {}", sources.location(s))).unwrap_or_default()
}

fn touched(node: &Node) -> String {
    let all: Vec<&str> = node.claims.reads.iter().chain(&node.claims.writes).map(String::as_str).collect();
    if all.is_empty() { "nothing".into() } else { all.join(", ") }
}
