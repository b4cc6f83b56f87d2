//! docker_node_info: nodes as a manager tells them, in the engine's words.

use crate::base::Value;
use crate::modules::kit::result;
use crate::modules::swarm::http::{self, Engine, Request};
use crate::modules::swarm::value;
use crate::modules::swarm::view::Local;
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use serde_json::Value as Json;
use std::sync::Arc;

/// `GET /nodes` of a manager; on a worker it is a failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(NodeInfo))
}

struct NodeInfo;

impl Staged for NodeInfo {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![http::ask_settled(&Engine::of(args), &[Request::get("/info"), Request::get("/nodes")])])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = seen.first().ok_or_else(|| Failure::new("the host reported nothing"))?;
        let answers = http::answers(output, 2)?.map_err(|s| s.failure())?;
        let [info, nodes, ..] = &answers[..] else { return Err(Failure::new("the engine left answers out")) };
        let local = Local::read(info.good().unwrap_or(&Json::Null));
        let nodes =
            nodes.good().ok_or_else(|| Failure::new(format!("{}: {}", local.name, nodes.message())))?;
        let names = args.list("name");
        let wanted = |node: &&Json| {
            let (id, name) = (node["ID"].as_str(), node["Description"]["Hostname"].as_str());
            let named = names.iter().any(|n| Some(*n) == id || Some(*n) == name);
            if args.bool("self") { id == Some(&local.node_id) } else { names.is_empty() || named }
        };
        let found: Vec<Value> = nodes.as_array().into_iter().flatten().filter(wanted).map(value).collect();
        Ok(Decision::unchanged(result([("nodes", found.into())])))
    }
}
