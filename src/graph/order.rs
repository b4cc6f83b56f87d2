//! `needs:` of a later task: the steps of a list put in an order that the graph allows, near the file's.
//!
//! The executor walks lists in order. So an order that only `needs` asks for is made here, once, before anything runs: a
//! step comes as early as the file says, but behind all that its nodes wait for.

use super::model::{Graph, Reason};
use super::{BlockNode, NodeId, PlayPlan, Program, Sequence, Step};
use petgraph::visit::EdgeRef;
use std::collections::HashMap;
use std::sync::Arc;

/// The program with its steps where `needs` puts them. The graph has no circle.
pub fn ordered(program: Program, graph: &Graph) -> Program {
    let later = |edge: petgraph::graph::EdgeReference<'_, super::Edge>| {
        edge.weight().reason == Reason::Needs && edge.source() > edge.target()
    };
    if !graph.nodes.edge_references().any(later) {
        return program;
    }
    let mut waits: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for edge in graph.nodes.edge_references() {
        if let (Some(from), Some(to)) = (graph.nodes[edge.source()].id, graph.nodes[edge.target()].id) {
            waits.entry(to).or_default().push(from);
        }
    }
    let plays = program.plays.into_iter().map(|play| {
        let body = Arc::new(sequence(&play.body, &waits));
        Arc::new(PlayPlan { body, ..(*play).clone() })
    });
    Program { plays: plays.collect(), hash: program.hash }
}

fn sequence(list: &Sequence, waits: &HashMap<NodeId, Vec<NodeId>>) -> Sequence {
    let mut home: HashMap<NodeId, usize> = HashMap::new();
    for (index, step) in list.steps.iter().enumerate() {
        home.extend(ids(step).into_iter().map(|id| (id, index)));
    }
    // What each step waits for among its neighbours.
    let before = |index: usize| -> Vec<usize> {
        let nodes = ids(&list.steps[index]);
        let needed = nodes.iter().flat_map(|id| waits.get(id).into_iter().flatten());
        let mut all: Vec<usize> =
            needed.filter_map(|id| home.get(id).copied()).filter(|n| *n != index).collect();
        // Handlers run between what stands around their flush.
        all.extend((0..index).filter(|n| fixed(&list.steps[*n]) || fixed(&list.steps[index])));
        all
    };
    let before: Vec<Vec<usize>> = (0..list.steps.len()).map(before).collect();
    let mut order: Vec<usize> = Vec::with_capacity(before.len());
    let mut placed = vec![false; before.len()];
    while order.len() < before.len() {
        let ready = |n: &usize| !placed[*n] && before[*n].iter().all(|b| placed[*b]);
        // Blocks may wait for each other where their tasks do not; then the file's order stands.
        let next = (0..before.len()).find(ready).or_else(|| placed.iter().position(|p| !p));
        let Some(next) = next else { break };
        placed[next] = true;
        order.push(next);
    }
    Sequence { steps: order.into_iter().map(|index| inner(&list.steps[index], waits)).collect() }
}

fn fixed(step: &Step) -> bool {
    matches!(step, Step::Flush { .. })
}

fn inner(step: &Step, waits: &HashMap<NodeId, Vec<NodeId>>) -> Step {
    match step {
        Step::Block(block) => Step::Block(Arc::new(BlockNode {
            id: block.id,
            span: block.span,
            body: sequence(&block.body, waits),
            rescue: sequence(&block.rescue, waits),
            always: sequence(&block.always, waits),
        })),
        other => other.clone(),
    }
}

/// The nodes of a step, those of a block's tasks too.
fn ids(step: &Step) -> Vec<NodeId> {
    match step {
        Step::Task(node) => vec![node.id],
        Step::Block(block) => {
            [&block.body, &block.rescue, &block.always].iter().flat_map(|s| &s.steps).flat_map(ids).collect()
        }
        Step::Flush { .. } => Vec::new(),
    }
}
