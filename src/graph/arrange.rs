//! `needs` of a task that stands later: the list of steps is put in an order that satisfies it. What nothing else
//! orders may change places; what something orders is a circle, and an error of [`super::build()`].

use super::{BlockNode, Graph, NodeId, PlayPlan, Program, Reason, Sequence, Step};
use crate::base::{Diag, Diags};
use petgraph::visit::EdgeRef;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Puts the steps of a program in an order in which every task comes behind those it needs.
///
/// # Errors
/// What [`super::build()`] finds, and a task that needs a later one of another block.
pub fn arrange(program: &mut Program) -> Result<(), Diags> {
    let graph = super::build(program)?;
    let mut diags = Diags::default();
    let mut order = Order::of(&graph);
    if order.backward.is_empty() {
        return Ok(());
    }
    for play in &mut program.plays {
        let Some(plan) = Arc::get_mut(play) else { continue };
        arrange_play(plan, &mut order);
    }
    for (needing, needed) in &order.backward {
        let (from, to) = (&graph.nodes[node(&graph, *needed)], &graph.nodes[node(&graph, *needing)]);
        let message = format!(
            "`{}` needs `{}`, which stands later, and their blocks cannot change places",
            to.label, from.label
        );
        let hint = "write the needed task first, or take the needing one out of its block";
        diags.push(Diag::error("late-need", to.span, message).hint(hint));
    }
    if diags.has_errors() { Err(diags) } else { Ok(()) }
}

fn node(graph: &Graph, id: NodeId) -> petgraph::graph::NodeIndex {
    graph.nodes.node_indices().find(|n| graph.nodes[*n].id == Some(id)).unwrap_or_default()
}

struct Order {
    /// From each task those that come behind it.
    after: HashMap<NodeId, Vec<NodeId>>,
    /// Tasks that stand before one they need; what is arranged is taken out.
    backward: BTreeSet<(NodeId, NodeId)>,
}

impl Order {
    fn of(graph: &Graph) -> Order {
        let mut order = Order { after: HashMap::new(), backward: BTreeSet::new() };
        for edge in graph.nodes.edge_references() {
            let ids = (graph.nodes[edge.source()].id, graph.nodes[edge.target()].id);
            if let (Some(from), Some(to)) = ids {
                order.after.entry(from).or_default().push(to);
                if edge.weight().reason == Reason::Needs && edge.source() > edge.target() {
                    order.backward.insert((to, from));
                }
            }
        }
        order
    }
}

fn arrange_play(plan: &mut PlayPlan, order: &mut Order) {
    if let Some(steps) = arranged(&plan.body.steps, order) {
        plan.body = Arc::new(Sequence { steps });
    }
}

/// The steps in their new order; `None`: nothing moves.
fn arranged(steps: &[Step], order: &mut Order) -> Option<Vec<Step>> {
    let mut moved = false;
    let mut inner: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        inner.push(match step {
            Step::Block(block) => match arranged(&block.body.steps, order) {
                Some(body) => {
                    moved = true;
                    Step::Block(Arc::new(with_body(block, body)))
                }
                None => step.clone(),
            },
            other => other.clone(),
        });
    }
    let mut out = Vec::with_capacity(inner.len());
    for part in inner.chunk_by(|a, b| !is_flush(a) && !is_flush(b)) {
        moved |= sorted(part, order, &mut out);
    }
    moved.then_some(out)
}

fn with_body(block: &BlockNode, steps: Vec<Step>) -> BlockNode {
    let copy = |s: &Sequence| Sequence { steps: s.steps.clone() };
    BlockNode {
        id: block.id,
        span: block.span,
        body: Sequence { steps },
        rescue: copy(&block.rescue),
        always: copy(&block.always),
    }
}

fn is_flush(step: &Step) -> bool {
    matches!(step, Step::Flush { .. })
}

fn ids(step: &Step, out: &mut Vec<NodeId>) {
    match step {
        Step::Task(task) => out.push(task.id),
        Step::Block(block) => {
            let parts = [&block.body, &block.rescue, &block.always];
            parts.into_iter().flat_map(|p| &p.steps).for_each(|s| ids(s, out));
        }
        Step::Flush { .. } => {}
    }
}

/// Steps between two flushes, each as early as its place in the file and its edges allow.
fn sorted(steps: &[Step], order: &mut Order, out: &mut Vec<Step>) -> bool {
    let mut place: HashMap<NodeId, usize> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        let mut inside = Vec::new();
        ids(step, &mut inside);
        place.extend(inside.into_iter().map(|id| (id, index)));
    }
    let here: Vec<(NodeId, NodeId)> = order
        .backward
        .iter()
        .filter(|(a, b)| matches!((place.get(a), place.get(b)), (Some(a), Some(b)) if a < b))
        .copied()
        .collect();
    if here.is_empty() {
        out.extend(steps.iter().cloned());
        return false;
    }
    let mut behind: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); steps.len()];
    let mut waits = vec![0usize; steps.len()];
    for (id, from) in &place {
        for to in order.after.get(id).into_iter().flatten().filter_map(|to| place.get(to)) {
            if to != from && behind[*from].insert(*to) {
                waits[*to] += 1;
            }
        }
    }
    let mut ready: BTreeSet<usize> = (0..steps.len()).filter(|n| waits[*n] == 0).collect();
    let mut made = Vec::with_capacity(steps.len());
    while let Some(next) = ready.pop_first() {
        made.push(steps[next].clone());
        for to in &behind[next] {
            waits[*to] -= 1;
            if waits[*to] == 0 {
                ready.insert(*to);
            }
        }
    }
    // A block would have to stand before and behind another step: then nothing moves, and that is told.
    let arranged = made.len() == steps.len();
    if arranged {
        here.iter().for_each(|pair| {
            order.backward.remove(pair);
        });
    }
    out.extend(if arranged { made } else { steps.to_vec() });
    arranged
}
