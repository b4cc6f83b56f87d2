//! swarm_member: the inventory's hosts as the members of one swarm, in phases that the role of this name puts together.

mod arrange;
mod wanted;

use crate::base::{Map, Secret, Value};
use crate::modules::kit::{changed, claims, result};
use crate::modules::swarm::http::{self, Answer, Engine, Request, Silent};
use crate::modules::swarm::view::{self, Local};
use crate::modules::swarm::{self, members, steps};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// `GET /info` of each host, `GET /swarm` and `/nodes` of a manager; the plan is made from all hosts' answers
/// together.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(SwarmMember))
}

struct SwarmMember;

impl Staged for SwarmMember {
    fn predicts(&self) -> bool {
        true
    }

    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        let reads = ["docker:*", "package:*", "service:docker"];
        match args.str("phase") {
            "arrange" => Claims::default(),
            "survey" | "tokens" => claims(&reads, &[""; 0]),
            _ => claims(&reads, &["docker:swarm"]),
        }
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let engine = Engine::of(args);
        let requests = match args.str("phase") {
            "arrange" => return Ok(Vec::new()),
            "tokens" => vec![Request::get("/info"), Request::get("/swarm"), Request::get("/nodes")],
            _ => vec![Request::get("/info"), Request::get("/nodes")],
        };
        Ok(vec![match args.str("phase") {
            "leave" => http::ask_demoted(&engine, &requests),
            _ => http::ask_settled(&engine, &requests),
        }])
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        if args.str("phase") == "arrange" {
            return arrange::decide(args);
        }
        let output = seen.first().ok_or_else(|| Failure::new("the host reported nothing"))?;
        let answers = match http::answers(output, 2)? {
            Ok(answers) => answers,
            // In a plan the engine may be yet to come; then it is in no swarm.
            Err(Silent::NotInstalled) if controller.check_mode() => fresh(controller.inventory_hostname()),
            Err(silent) => return Err(silent.failure()),
        };
        let [info, second, rest @ ..] = &answers[..] else {
            return Err(Failure::new("the engine left answers out"));
        };
        let info = info.good().ok_or_else(|| Failure::new(info.message()))?;
        let local = Local::read(info);
        match args.str("phase") {
            "survey" => {
                if args.str("state") == "present" {
                    local.may_enter()?;
                }
                Ok(survey(info, second))
            }
            "tokens" => tokens(&local, second, rest.first(), controller),
            "init" => Ok(init(args, &local)),
            "join" => join(args, &local),
            "leave" => leave(args, &local),
            _ => reconcile(args, &local, second, controller),
        }
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        match done.iter().find(|o| !o.ok()) {
            None => Ok(decision.result),
            Some(failed) => {
                let mut failure = Failure::from_output(failed);
                if args.str("phase") == "join" && failure.message.contains("join token") {
                    failure
                        .message
                        .push_str("\nhint: the token was replaced (rotated) in this moment; run it again");
                }
                Err(failure)
            }
        }
    }
}

/// Answers of an engine that is in no swarm.
fn fresh(name: &str) -> Vec<Answer> {
    let info = json!({"Name": name, "Swarm": {"LocalNodeState": "inactive"}});
    vec![Answer { status: 200, json: info }, Answer { status: 503, json: json!({"message": "no swarm"}) }]
}

/// What `arrange` needs of a host, in the engine's own words.
fn survey(info: &Json, nodes: &Answer) -> Decision {
    let keep = |node: &Json| {
        json!({
            "ID": node["ID"],
            "Spec": {"Role": node["Spec"]["Role"], "Availability": node["Spec"]["Availability"], "Labels": node["Spec"]["Labels"]},
            "Description": {"Hostname": node["Description"]["Hostname"], "Engine": {"EngineVersion": node["Description"]["Engine"]["EngineVersion"]}},
            "Status": node["Status"],
            "ManagerStatus": node["ManagerStatus"],
        })
    };
    let nodes = nodes.good().and_then(Json::as_array).map(|list| list.iter().map(keep).collect::<Vec<_>>());
    let swarm = &info["Swarm"];
    let told = json!({
        "Name": info["Name"],
        "ServerVersion": info["ServerVersion"],
        "Swarm": {
            "NodeID": swarm["NodeID"],
            "NodeAddr": swarm["NodeAddr"],
            "LocalNodeState": swarm["LocalNodeState"],
            "ControlAvailable": swarm["ControlAvailable"],
            "Error": swarm["Error"],
            "RemoteManagers": swarm["RemoteManagers"],
            "Cluster": {"ID": swarm["Cluster"]["ID"]},
        },
        "Nodes": nodes,
    });
    Decision::unchanged(result([("survey", swarm::value(&told))]))
}

/// The tokens, the ids of the nodes, and where to join: at this manager first, then at those that answer. One that is lost
/// may be the predecessor of the very host that joins, at its address.
fn tokens(
    local: &Local,
    answer: &Answer,
    nodes: Option<&Answer>,
    controller: &dyn Controller,
) -> Result<Decision, Failure> {
    let Some(swarm) = answer.good() else {
        if controller.check_mode() && !local.member() {
            let later = || Value::Secret(Secret::new("read from a manager at the time of joining"));
            let addrs = Value::from(vec![Value::from("the address of the first manager")]);
            return Ok(Decision::unchanged(result([
                ("worker", later()),
                ("manager", later()),
                ("remote_addrs", addrs),
                ("nodes", Value::from(Vec::<Value>::new())),
            ])));
        }
        return Err(Failure::new(answer.message()));
    };
    let token =
        |role: &str| Value::Secret(Secret::new(swarm["JoinTokens"][role].as_str().unwrap_or_default()));
    // Of a host that is not among them the swarm is said to have removed the node, so they have to be all there are.
    let list = nodes.map(|answer| answer.good().ok_or_else(|| Failure::new(answer.message())));
    let mut nodes = view::nodes(list.transpose()?.unwrap_or(&Json::Null));
    nodes.sort_by_key(|n| n.id != local.node_id);
    let answering = nodes.iter().filter(|n| n.reachable && !n.manager_addr.is_empty());
    let ids: Vec<Value> = nodes.iter().map(|n| n.id.as_str().into()).collect();
    let addrs: Vec<Value> = answering.map(|n| n.manager_addr.as_str().into()).collect();
    Ok(Decision::unchanged(result([
        ("worker", token("Worker")),
        ("manager", token("Manager")),
        ("remote_addrs", addrs.into()),
        ("nodes", ids.into()),
    ])))
}

fn node_of(local: &Local) -> Map {
    result([("node_id", local.node_id.as_str().into())])
}

fn init(args: &Args, local: &Local) -> Decision {
    // Someone else, from another place, was faster.
    if local.member() {
        return Decision::unchanged(node_of(local));
    }
    let pool: Vec<&str> = args.list("default_addr_pool");
    let body = json!({
        "ListenAddr": args.str("listen_addr"),
        "AdvertiseAddr": args.str("advertise_addr"),
        "DataPathAddr": args.str("data_path_addr"),
        "DefaultAddrPool": pool,
        "SubnetSize": args.int("subnet_size"),
        "Spec": {},
    });
    let request = Request::post("/swarm/init", body);
    let job = http::act(&Engine::of(args), &request, Some("already part of a swarm")).var("await", "active");
    changed(Action::Create, format!("{} begins the swarm", local.name), vec![job], Map::new())
}

fn join(args: &Args, local: &Local) -> Result<Decision, Failure> {
    let removed = args.str("removed");
    if local.member() && local.node_id != removed {
        return match local.state.as_str() {
            "error" | "locked" => Err(Failure::new(format!(
                "{} is in a swarm that is {}: {}",
                local.name, local.state, local.error
            ))),
            _ => Ok(Decision::unchanged(node_of(local))),
        };
    }
    let reason = format!("{} joins as a {}", local.name, args.str("role"));
    Ok(changed(Action::Create, reason, vec![swarm::join::job(args, removed)], Map::new()))
}

fn leave(args: &Args, local: &Local) -> Result<Decision, Failure> {
    if !local.member() {
        return Ok(Decision::unchanged(Map::new()));
    }
    if local.manager {
        let message = format!("{} is still a manager; it leaves once it was demoted", local.name);
        return Err(Failure::new(message));
    }
    let request = Request::post("/swarm/leave", Json::Null);
    let job = http::act(&Engine::of(args), &request, Some("not part of a swarm")).var("await", "inactive");
    Ok(changed(Action::Delete, format!("{} leaves the swarm", local.name), vec![job], Map::new()))
}

fn reconcile(
    args: &Args,
    local: &Local,
    answer: &Answer,
    controller: &dyn Controller,
) -> Result<Decision, Failure> {
    let Some(list) = answer.good() else {
        // In a plan the swarm may be yet to come. And the last step may have been to demote this very manager.
        if controller.check_mode() && !local.member() || local.state == "active" && !local.manager {
            return Ok(Decision::unchanged(Map::new()));
        }
        return Err(Failure::new(format!("{}: {}", local.name, answer.message())));
    };
    let wanted = wanted::read(args)?;
    let plan = members::plan(&view::nodes(list), &wanted, args.bool("prune"));
    let said: Vec<String> = plan.steps.iter().map(members::Step::describe).collect();
    let list =
        |texts: &[String]| Value::from(texts.iter().map(|t| t.as_str().into()).collect::<Vec<Value>>());
    let out = result([
        ("steps", list(&said)),
        ("refused", list(&plan.refused)),
        ("strangers", list(&plan.strangers)),
    ]);
    let engine = Engine::of(args);
    let effects: Vec<Job> =
        plan.steps.iter().map(|s| steps::step(&engine, s, args.int("drain_timeout"))).collect();
    let mut decision = match effects.is_empty() {
        true => Decision::unchanged(out),
        false => changed(Action::Update, said.join("; "), effects, out),
    };
    decision.warnings = plan.refused;
    Ok(decision)
}
