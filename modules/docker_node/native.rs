//! docker_node: one node of a swarm against what is wanted of it.

use crate::base::Map;
use crate::modules::kit::{changed, result};
use crate::modules::swarm::http::{self, Engine, Request};
use crate::modules::swarm::view::{self, Local, Node};
use crate::modules::swarm::{steps, value};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::spec::to_text;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `GET /nodes` of a manager; on a worker it is a failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(DockerNode))
}

struct DockerNode;

impl Staged for DockerNode {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![look(args)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = seen.first().ok_or_else(|| Failure::new("the host reported nothing"))?;
        let (raw, nodes, node) = read(args, output)?;
        let out = result([("node", value(&raw))]);
        let (reasons, options) = differences(args, &node);
        let engine = Engine::of(args);
        let mut effects = Vec::new();
        let mut all = reasons;
        if let Some(role) = args.opt_str("role").filter(|r| *r != node.role()) {
            let managers = view::managers(&nodes);
            if role == "worker" && !managers.may_remove(node.reachable) {
                let left = managers.without(node.reachable);
                return Err(Failure::new(format!(
                    "{} stays a manager: {managers}; without it {left}",
                    node.hostname
                )));
            }
            all.push(format!("{} is a {}, not a {role}", node.hostname, node.role()));
            effects.push(steps::role(&engine, &node.id, &node.hostname, role == "manager"));
        }
        if !options.is_empty() {
            let drains = args.str("availability") == "drain" && node.availability != "drain";
            let wait = Some(args.int("drain_timeout")).filter(|s| drains && *s > 0);
            effects.insert(0, steps::update(&engine, &node.id, &node.hostname, &options, wait));
        }
        if effects.is_empty() {
            return Ok(Decision::unchanged(out));
        }
        effects.push(look(args));
        Ok(changed(Action::Update, all.join("; "), effects, out))
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        // A manager that made itself a worker cannot be asked any more.
        let after = done.last().and_then(|o| read(args, o).ok());
        Ok(after.map_or(decision.result, |(raw, _, _)| result([("node", value(&raw))])))
    }
}

fn look(args: &Args) -> Job {
    http::ask_settled(&Engine::of(args), &[Request::get("/info"), Request::get("/nodes")])
}

/// The node in the engine's words, all nodes, and the node.
fn read(args: &Args, output: &Output) -> Result<(Json, Vec<Node>, Node), Failure> {
    let answers = http::answers(output, 2)?.map_err(|s| s.failure())?;
    let [info, list, ..] = &answers[..] else { return Err(Failure::new("the engine left answers out")) };
    let local = Local::read(info.good().unwrap_or(&Json::Null));
    let Some(json) = list.good() else {
        return Err(Failure::new(format!(
            "{}: {}\nhint: run it on a manager of the swarm",
            local.name,
            list.message()
        )));
    };
    let nodes = view::nodes(json);
    let wanted = args.str("hostname");
    let Some(node) = view::named(&nodes, wanted, Node::ready)?.cloned() else {
        return Err(Failure::new(format!("the swarm has no node {wanted}")));
    };
    let raw = json.as_array().into_iter().flatten().find(|j| j["ID"].as_str() == Some(&node.id)).cloned();
    Ok((raw.unwrap_or(Json::Null), nodes, node))
}

/// Why, and the options of `docker node update`.
fn differences(args: &Args, node: &Node) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut options) = (Vec::new(), Vec::new());
    if let Some(availability) = args.opt_str("availability").filter(|a| *a != node.availability) {
        reasons.push(format!("{} is {}, not {availability}", node.hostname, node.availability));
        options.extend(["--availability".to_string(), availability.to_string()]);
    }
    let wanted: BTreeMap<String, String> =
        args.map("labels").into_iter().flatten().map(|(k, v)| (k.to_string(), to_text(v))).collect();
    for (key, text) in wanted.iter().filter(|(k, v)| node.labels.get(*k) != Some(*v)) {
        reasons.push(format!(
            "label {key} is {}, not {text}",
            node.labels.get(key).map_or("not set", String::as_str)
        ));
        options.extend(["--label-add".to_string(), format!("{key}={text}")]);
    }
    let removed = args.list("labels_to_remove");
    let replace = args.str("labels_state") == "replace";
    for key in node.labels.keys().filter(|k| !wanted.contains_key(*k)) {
        if replace || removed.contains(&key.as_str()) {
            reasons.push(format!("label {key} is set"));
            options.extend(["--label-rm".to_string(), key.clone()]);
        }
    }
    (reasons, options)
}
