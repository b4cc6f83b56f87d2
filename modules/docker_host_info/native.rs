//! docker_host_info: the engine as it describes itself.

use crate::modules::kit::result;
use crate::modules::swarm::http::{self, Engine, Request};
use crate::modules::swarm::{list, value};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use std::sync::Arc;

/// `GET /info` and lists of the engine's API; an engine that does not run is a failure, unlike an empty list.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(HostInfo))
}

struct HostInfo;

fn requests(args: &Args) -> Vec<(&'static str, Request)> {
    let all = if args.bool("containers_all") { "?all=1" } else { "" };
    let table = [
        ("containers", format!("/containers/json{all}")),
        ("images", "/images/json".to_string()),
        ("volumes", "/volumes".to_string()),
        ("networks", "/networks".to_string()),
    ];
    let mut out = vec![("host_info", Request::get("/info"))];
    for (name, path) in table.into_iter().filter(|(n, _)| args.bool(n)) {
        out.push((name, list::request(&path, args.map(&format!("{name}_filters")))));
    }
    if args.bool("disk_usage") {
        out.push(("disk_usage", Request::get("/system/df")));
    }
    out
}

impl Staged for HostInfo {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let requests: Vec<Request> = requests(args).into_iter().map(|(_, r)| r).collect();
        Ok(vec![http::ask(&Engine::of(args), &requests)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = seen.first().ok_or_else(|| Failure::new("the host reported nothing"))?;
        let requests = requests(args);
        let answers = http::answers(output, requests.len())?
            .map_err(|s| Failure { result: result([("can_talk_to_docker", false.into())]), ..s.failure() })?;
        let mut out = result([("can_talk_to_docker", true.into())]);
        for ((name, _), answer) in requests.iter().zip(&answers) {
            let json = answer.good().ok_or_else(|| Failure::new(answer.message()))?;
            // The volumes come in an envelope.
            let none = serde_json::json!([]);
            let json = match &json["Volumes"] {
                _ if *name != "volumes" => json,
                serde_json::Value::Null => &none,
                volumes => volumes,
            };
            out.insert((*name).into(), value(json));
        }
        Ok(Decision::unchanged(out))
    }
}
