//! The first pass: a node for each step of the program, with its claims and the names it defines and uses.

use super::model::{Graph, Kind, Node};
use super::touch::foreseen;
use super::{Act, PlayPlan, Sequence, Step, TaskNode};
use crate::base::Value;
use crate::modules::Behaviour;
use crate::plan::Claims;
use std::sync::Arc;

pub(super) fn add(graph: &mut Graph, index: usize, play: &PlayPlan) {
    let name = super::text(&play.name);
    let mut start = plain(Kind::Barrier, index, format!("play {name}"));
    start.span = Some(play.span);
    start.needs = play.keywords.needs.clone();
    start.answers = vec![name.as_str().into()];
    graph.nodes.add_node(start);
    if play.image.is_some() {
        graph.nodes.add_node(plain(Kind::ImageStep, index, "a machine for the image".into()));
    }
    let gathers = play.gather_facts.as_ref().is_none_or(|g| g.truth() != Some(false));
    if gathers {
        let mut gather = plain(Kind::Gather, index, "gather facts".into());
        gather.defines = vec!["ansible_facts".into()];
        graph.nodes.add_node(gather);
    }
    sequence(graph, index, &play.body);
    if play.image.is_some() {
        graph.nodes.add_node(plain(Kind::ImageStep, index, "the image, made of it".into()));
        if !play.verify.steps.is_empty() {
            graph.nodes.add_node(plain(Kind::ImageStep, index, "a machine booted from it".into()));
            sequence(graph, index, &play.verify);
        }
    }
    for handler in &play.handlers {
        let mut node = task(index, &handler.task, Kind::Handler);
        node.answers.extend(handler.aliases.iter().cloned());
        node.answers.extend(handler.listen.iter().filter_map(Value::as_str).map(Arc::from));
        graph.nodes.add_node(node);
    }
}

fn sequence(graph: &mut Graph, play: usize, sequence: &Sequence) {
    for step in &sequence.steps {
        match step {
            Step::Task(node) => {
                let cloud = matches!(&node.act, Act::Module { module, .. } if matches!(module.behaviour, Behaviour::Cloud(_)));
                graph.nodes.add_node(task(play, node, if cloud { Kind::Resource } else { Kind::Task }));
            }
            Step::Flush { .. } => {
                graph.nodes.add_node(plain(Kind::Flush, play, "handlers".into()));
            }
            Step::Block(block) => {
                self::sequence(graph, play, &block.body);
                for (part, steps) in [("rescue", &block.rescue), ("always", &block.always)] {
                    if !steps.steps.is_empty() {
                        let mut barrier = plain(Kind::Barrier, play, part.into());
                        barrier.span = Some(block.span);
                        graph.nodes.add_node(barrier);
                        self::sequence(graph, play, steps);
                    }
                }
            }
        }
    }
}

fn plain(kind: Kind, play: usize, label: String) -> Node {
    Node {
        kind,
        play,
        id: None,
        label,
        span: None,
        claims: Claims::default(),
        total: Some("nothing passes it"),
        defines: Vec::new(),
        uses: Some(Vec::new()),
        notifies: Vec::new(),
        needs: Vec::new(),
        answers: Vec::new(),
    }
}

fn task(play: usize, node: &TaskNode, kind: Kind) -> Node {
    let k = &node.keywords;
    let name = node.name.as_ref().map(super::text);
    let label = name.clone().unwrap_or_else(|| act_name(&node.act));
    let label = match &node.role {
        Some(role) => format!("{} : {label}", role.name),
        None => label,
    };
    let mut made = plain(kind, play, label);
    made.id = Some(node.id);
    made.span = Some(node.span);
    (made.claims, made.total) = foreseen(node);
    made.uses = node.uses.clone();
    made.defines.extend(k.register.clone());
    if let Act::Module { module, args } = &node.act
        && module.spec.name == "set_fact"
    {
        made.defines.extend(args.keys().filter_map(|k| k.as_str()).map(Arc::from));
    }
    made.notifies = k.notify.iter().filter_map(Value::as_str).map(Arc::from).collect();
    made.needs = k.needs.clone();
    // As the executor shows it, and by its own name.
    made.answers = name.into_iter().map(Arc::from).chain([Arc::from(made.label.as_str())]).collect();
    made.answers.dedup();
    made
}

fn act_name(act: &Act) -> String {
    match act {
        Act::Module { module, .. } => module.spec.name.clone(),
        Act::IncludeTasks { file, .. } => format!("include_tasks {}", super::text(file)),
        Act::IncludeRole(role) => format!("include_role {}", super::text(&role.name)),
        Act::Meta(word) => format!("meta {word}"),
    }
}
