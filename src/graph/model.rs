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
    /// Facts are gathered, before the play's first task.
    Gather,
    /// A task, an include or a `meta`; a block is the tasks in it.
    Task,
    /// A task that keeps something of a cloud; it works on this machine.
    Resource,
    /// Runs at a flush, where it was notified.
    Handler,
    /// What the builders of the play's `image:` do, around its tasks; `fitout bake` alone comes to it.
    ImageStep,
    /// All of what is before it is done before anything behind it begins.
    Barrier,
    /// Notified handlers run here.
    Flush,
}

/// One step of a play, with all that the passes look at.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it stands for.
    pub kind: Kind,
    /// Index of the play.
    pub play: usize,
    /// The id of the program's node, for tasks and handlers.
    pub id: Option<super::NodeId>,
    /// The task's name with its role's in front, the action where it has no name, or what else it is.
    pub label: String,
    /// `None`: it is nowhere in the file, as gathering and flushes are.
    pub span: Option<Span>,
    /// What it touches on a host.
    pub claims: Claims,
    /// Why it claims everything, where it does.
    pub total: Option<&'static str>,
    /// Names it registers, or sets as facts.
    pub defines: Vec<Arc<str>>,
    /// `None`: any name.
    pub uses: Option<Vec<Arc<str>>>,
    /// Handlers and topics that it notifies by constant names.
    pub notifies: Vec<Arc<str>>,
    /// Names of tasks and plays that must be done before it.
    pub needs: Vec<Arc<str>>,
    /// Names and topics a handler answers to.
    pub answers: Vec<Arc<str>>,
}

/// Why one node waits for another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// So the file has it, and one of both touches everything.
    Order,
    /// Both touch the same resource, and one of them writes it.
    Claim,
    /// The one defines a name that the other uses.
    Data,
    /// The one notifies the handler that the other is or runs.
    Notify,
    /// The other asks for it with `needs:`.
    Needs,
    /// Nothing passes between plays, parts of a block, or flushes.
    Barrier,
}

/// Why one node waits for another. Two nodes may have edges of several reasons.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Its kind, of which the pass that added it says more.
    pub reason: Reason,
    /// In words: which claim, which name.
    pub note: String,
}

/// An order of the file that the graph does not keep.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The earlier in the file.
    pub from: NodeIndex,
    /// The later one, which need not wait.
    pub to: NodeIndex,
    /// Why: what they touch, in words.
    pub note: String,
}

/// The whole program's graph. It has no cycle once [`build`](super::build()) has returned it.
#[derive(Debug, Default)]
pub struct Graph {
    /// Edges lead from what is done first to what waits for it.
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
            Kind::Resource => "cloud resource",
            Kind::Handler => "handler",
            Kind::ImageStep => "image step",
            Kind::Barrier => "barrier",
            Kind::Flush => "flush",
        })
    }
}
