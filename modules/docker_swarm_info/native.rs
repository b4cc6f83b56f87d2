//! docker_swarm_info: the swarm as a manager tells it.

use crate::base::{Map, Secret, Value};
use crate::modules::kit::result;
use crate::modules::swarm::http::{self, Answer, Engine, Request};
use crate::modules::swarm::view::Local;
use crate::modules::swarm::{list, value};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use serde_json::Value as Json;
use std::sync::Arc;

/// `GET /swarm` of a manager, and lists where they are asked for.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(SwarmInfo))
}

struct SwarmInfo;

const LISTS: [&str; 3] = ["nodes", "services", "tasks"];

fn requests(args: &Args) -> Vec<Request> {
    let mut out = vec![Request::get("/info"), Request::get("/swarm")];
    for name in LISTS.into_iter().filter(|n| args.bool(n)) {
        // The engine counts a service's tasks where it is asked to.
        let path = if name == "services" { "/services?status=true".to_string() } else { format!("/{name}") };
        out.push(list::request(&path, args.map(&format!("{name}_filters"))));
    }
    if args.bool("unlock_key") {
        out.push(Request::get("/swarm/unlockkey"));
    }
    if args.bool("tasks") {
        out.push(Request::get("/nodes"));
    }
    out
}

impl Staged for SwarmInfo {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![http::ask_settled(&Engine::of(args), &requests(args))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = seen.first().ok_or_else(|| Failure::new("the host reported nothing"))?;
        let wanted = requests(args).len();
        let mut out = result([
            ("can_talk_to_docker", false.into()),
            ("docker_swarm_active", false.into()),
            ("docker_swarm_manager", false.into()),
        ]);
        let answers = match http::answers(output, wanted)? {
            Ok(answers) => answers,
            Err(silent) => return Err(Failure { result: out, ..silent.failure() }),
        };
        let nodes = answers.last().map(|a| a.json.clone()).unwrap_or_default();
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or(Answer { status: 0, json: Json::Null });
        let info = next();
        let local = Local::read(info.good().unwrap_or(&Json::Null));
        out.insert("can_talk_to_docker".into(), true.into());
        out.insert("docker_swarm_active".into(), local.member().into());
        out.insert("docker_swarm_manager".into(), local.manager.into());
        let swarm = next();
        let Some(facts) = swarm.good() else {
            let why = if local.member() {
                swarm.message()
            } else {
                "Error running docker swarm module: must run on swarm manager node"
            };
            return Err(Failure { message: why.to_string(), result: out });
        };
        out.insert("swarm_facts".into(), guarded(facts));
        for name in LISTS.into_iter().filter(|n| args.bool(n)) {
            let answer = next();
            let items = answer.good().ok_or_else(|| Failure::new(answer.message()))?;
            out.insert(name.into(), list::items(items, name, args.bool("verbose_output"), &nodes));
        }
        if args.bool("unlock_key") {
            let key = next();
            let key = key.json["UnlockKey"].as_str().unwrap_or_default();
            out.insert("swarm_unlock_key".into(), secret(key));
        }
        Ok(Decision::unchanged(out))
    }
}

fn secret(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::Secret(Secret::new(text)) }
}

/// The swarm's inspection with its tokens as secrets.
fn guarded(facts: &Json) -> Value {
    let Value::Map(map) = value(facts) else { return Value::Null };
    let mut map: Map = (*map).clone();
    let tokens = ["Manager", "Worker"]
        .map(|role| (role, secret(facts["JoinTokens"][role].as_str().unwrap_or_default())));
    map.insert("JoinTokens".into(), result(tokens).into());
    Value::from(map)
}
