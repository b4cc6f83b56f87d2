//! The first pass: a node for each step of the program, with its claims and the names it defines and uses.

use super::model::{Graph, Kind, Node};
use super::{Act, PlayPlan, Sequence, Step, TaskKeywords, TaskNode};
use crate::base::{Map, Value};
use crate::modules::{Behaviour, Module};
use crate::plan::Claims;
use std::sync::Arc;

/// Modules that change what the play itself is.
const STEERING: &[&str] =
    &["add_host", "group_by", "pause", "include_vars", "setup", "wait_for_connection", "reboot"];

pub(super) fn add(graph: &mut Graph, index: usize, play: &PlayPlan) {
    let name = super::text(&play.name);
    let mut start = plain(Kind::Barrier, index, format!("play {name}"));
    start.span = Some(play.span);
    start.needs = play.keywords.needs.clone();
    start.answers = vec![name.as_str().into()];
    graph.nodes.add_node(start);
    let gathers = play.gather_facts.as_ref().is_none_or(|g| g.truth() != Some(false));
    if gathers {
        let mut gather = plain(Kind::Gather, index, "gather facts".into());
        gather.defines = vec!["ansible_facts".into()];
        graph.nodes.add_node(gather);
    }
    sequence(graph, index, &play.body);
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
                graph.nodes.add_node(task(play, node, Kind::Task));
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
        total: Some("it is a barrier"),
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
    let mut made = plain(kind, play, name.clone().unwrap_or_else(|| act_name(&node.act)));
    made.id = Some(node.id);
    made.span = Some(node.span);
    (made.claims, made.total) = claims(node);
    made.uses = node.uses.clone();
    made.defines.extend(k.register.clone());
    if let Act::Module { module, args } = &node.act
        && module.spec.name == "set_fact"
    {
        made.defines.extend(args.keys().filter_map(|k| k.as_str()).map(Arc::from));
    }
    made.notifies = k.notify.iter().filter_map(Value::as_str).map(Arc::from).collect();
    made.needs = k.needs.clone();
    made.answers = name.into_iter().map(Arc::from).collect();
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

/// What a task touches, and why that is everything where it is.
pub(super) fn claims(node: &TaskNode) -> (Claims, Option<&'static str>) {
    let everything = |why| (Claims::everything(), Some(why));
    let k: &TaskKeywords = &node.keywords;
    let Act::Module { module, args } = &node.act else {
        return everything("what it brings is known only when it runs");
    };
    if k.run_once.as_ref().is_some_and(|v| v.truth() != Some(false)) {
        return everything("run_once is a barrier for all hosts");
    }
    if STEERING.contains(&module.spec.name.as_str()) {
        return everything("it changes what later tasks mean");
    }
    if k.delegate_to.is_some() {
        return everything("it runs on another host");
    }
    if matches!(module.behaviour, Behaviour::Control) {
        return (Claims::default(), None);
    }
    if args.values().any(has_template) {
        return everything("its arguments are known only when it runs");
    }
    match constant_claims(module, args) {
        Some(claims) if claims.reads.iter().chain(&claims.writes).any(|c| c == "*") => {
            (claims, Some("its module may touch anything"))
        }
        Some(claims) => (claims, None),
        None => everything("its arguments cannot be read"),
    }
}

fn constant_claims(module: &Module, args: &Map) -> Option<Claims> {
    let args = crate::spec::coerce(&module.spec, args.clone()).ok()?;
    Some(match &module.behaviour {
        Behaviour::Staged(staged) => staged.claims(&module.spec, &args),
        Behaviour::Procedure(procedure) => procedure.claims(&module.spec, &args),
        Behaviour::Control => Claims::default(),
    })
}

fn has_template(value: &Value) -> bool {
    match value {
        Value::Template(_) | Value::Unknown(_) => true,
        Value::List(items) => items.iter().any(has_template),
        Value::Map(map) => map.values().any(has_template),
        _ => false,
    }
}
