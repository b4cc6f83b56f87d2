//! The graph of a program: nodes, edges with their reasons, and what was left out.

use crate::base::Span;
use crate::plan::Claims;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a node stands for on each host of its play.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// pub enum Kind {
    Gather,
    /// Gather,
    Task,
    /// Task,
    Handler,
    /// All of what is before it is done before anything behind it begins.
    Barrier,
    /// Notified handlers run here.
    Flush,
}

/// One step of a play, with all that the passes look at.
#[derive(Clone, Debug)]
pub struct Node {
    /// pub struct Node {
    pub kind: Kind,
    /// Index of the play.
    pub play: usize,
    /// The id of the program's node, for tasks and handlers.
    pub id: Option<super::NodeId>,
    /// pub id: Option<super::NodeId>,
    pub label: String,
    /// pub label: String,
    pub span: Option<Span>,
    /// What it touches on a host.
    pub claims: Claims,
    /// Why it claims everything, where it does.
    pub total: Option<&'static str>,
    /// pub total: Option<&'static str>,
    pub defines: Vec<Arc<str>>,
    /// `None`: any name.
    pub uses: Option<Vec<Arc<str>>>,
    /// pub uses: Option<Vec<Arc<str>>>,
    pub notifies: Vec<Arc<str>>,
    /// pub notifies: Vec<Arc<str>>,
    pub needs: Vec<Arc<str>>,
    /// Names and topics a handler answers to.
    pub answers: Vec<Arc<str>>,
}

/// Why one node waits for another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// pub enum Reason {
    Order,
    /// Order,
    Claim,
    /// Claim,
    Data,
    /// Data,
    Notify,
    /// Notify,
    Needs,
    /// Needs,
    Barrier,
}

/// Why one node waits for another. Two nodes may have edges of several reasons.
#[derive(Clone, Debug)]
pub struct Edge {
    /// pub struct Edge {
    pub reason: Reason,
    /// In words: which claim, which name.
    pub note: String,
}

/// An order of the file that the graph does not keep.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// pub struct Dropped {
    pub from: NodeIndex,
    /// pub from: NodeIndex,
    pub to: NodeIndex,
    /// pub to: NodeIndex,
    pub note: String,
}

/// The whole program's graph. It has no cycle once [`build`](super::build()) has returned it.
#[derive(Debug, Default)]
pub struct Graph {
    /// pub struct Graph {
    pub nodes: DiGraph<Node, Edge>,
    /// Neighbours in the file that need not wait for each other.
    pub dropped: Vec<Dropped>,
    /// Names of passes, in the order they ran, with what each added.
    pub passes: Vec<(&'static str, usize)>,
    pub(super) edges: HashMap<(NodeIndex, NodeIndex, Reason), ()>,
}

impl Graph {
    /// Adds an edge unless one of that reason is there.
    pub(super) fn join(&mut self, from: NodeIndex, to: NodeIndex, reason: Reason, note: impl Into<String>) {
        if from != to && self.edges.insert((from, to, reason), ()).is_none() {
            self.nodes.add_edge(from, to, Edge { reason, note: note.into() });
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Order => "order",
            Reason::Claim => "claim",
            Reason::Data => "data",
            Reason::Notify => "notify",
            Reason::Needs => "needs",
            Reason::Barrier => "barrier",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Gather => "gather",
            Kind::Task => "task",
            Kind::Handler => "handler",
            Kind::Barrier => "barrier",
            Kind::Flush => "flush",
        })
    }
}
