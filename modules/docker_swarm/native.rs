//! docker_swarm: whether a host is in a swarm, and the swarm's options.

use crate::base::{Map, Secret, Value};
use crate::modules::kit::{changed, diff, result, with_diff};
use crate::modules::swarm::http::{self, Answer, Engine, Request, Silent};
use crate::modules::swarm::view::{self, Local, Node};
use crate::modules::swarm::{join, spec, steps, value};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// `GET /info` of the host's engine, and `GET /swarm` where it is a manager; join tokens are secrets.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(DockerSwarm))
}

struct DockerSwarm;

/// What is returned as done where the swarm begins; then its id.
const BEGUN: &str = "New Swarm cluster created";

/// What the engine said.
struct Seen {
    local: Local,
    swarm: Answer,
    nodes: Answer,
    /// What unlocks managers, where it was asked for and there is one.
    key: Option<String>,
}

impl Staged for DockerSwarm {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![look(args)])
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let output = seen.first().ok_or_else(|| Failure::new("the host reported nothing"))?;
        let seen = read(output, controller.check_mode())?;
        match args.str("state") {
            "absent" => leave(args, &seen),
            "remove" => remove(args, &seen),
            "inspect" => match seen.swarm.good() {
                Some(swarm) => Ok(Decision::unchanged(facts(swarm, None, ""))),
                None => Err(Failure::new(format!("{}: {}", seen.local.name, seen.swarm.message()))),
            },
            _ if !seen.local.member() => enter(args, &seen.local, args.str("state") == "join"),
            _ if args.bool("force") && args.str("state") == "present" && seen.swarm.good().is_none() => {
                Ok(begin(args, &seen.local))
            }
            _ => present(args, &seen),
        }
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let after = done.last().and_then(|o| read(o, false).ok());
        let mut out = decision.result;
        if let Some(swarm) = after.as_ref().and_then(|s| s.swarm.good()) {
            let key = after.as_ref().and_then(|s| s.key.as_deref());
            out.extend(facts(swarm, key, "").into_iter().filter(|(k, _)| k.as_str() == Some("swarm_facts")));
            if out.get("actions") == done_as(BEGUN).get("actions") {
                let id = swarm["ID"].as_str().unwrap_or_default();
                out.extend(done_as(&format!("{BEGUN}: {id}")));
            }
        }
        Ok(out)
    }

    fn verify(&self) -> bool {
        // A rotation would be wanted again.
        false
    }
}

fn look(args: &Args) -> Job {
    let (engine, requests) = (Engine::of(args), LOOK.map(Request::get));
    match args.str("state") == "absent" && !args.bool("force") {
        true => http::ask_demoted(&engine, &requests),
        false => http::ask_settled(&engine, &requests),
    }
}

const LOOK: [&str; 3] = ["/info", "/swarm", "/nodes"];

/// After a change: the key too, where it is one that brings a key.
fn look_again(args: &Args) -> Job {
    let key = args.bool("autolock_managers").then(|| Request::get("/swarm/unlockkey"));
    let requests: Vec<Request> = LOOK.map(Request::get).into_iter().chain(key).collect();
    http::ask(&Engine::of(args), &requests)
}

fn read(output: &Output, check: bool) -> Result<Seen, Failure> {
    let answers = match http::answers(output, 3)? {
        Ok(answers) => answers,
        // In a plan the engine may be yet to come.
        Err(Silent::NotInstalled) if check => Vec::new(),
        Err(silent) => return Err(silent.failure()),
    };
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(Answer { status: 503, json: Json::Null });
    let info = next();
    let local = Local::read(info.good().unwrap_or(&Json::Null));
    let (swarm, nodes) = (next(), next());
    let key = next().json["UnlockKey"].as_str().filter(|k| !k.is_empty()).map(str::to_string);
    Ok(Seen { local, swarm, nodes, key })
}

/// The swarm as it is returned, and what was done; nothing was where that is empty.
fn facts(swarm: &Json, key: Option<&str>, action: &str) -> Map {
    let token =
        |role: &str| Value::Secret(Secret::new(swarm["JoinTokens"][role].as_str().unwrap_or_default()));
    let mut map = value(swarm).as_map().cloned().unwrap_or_default();
    map.insert(
        "JoinTokens".into(),
        result([("Manager", token("Manager")), ("Worker", token("Worker"))]).into(),
    );
    let key = key.map_or(Value::Null, |key| Value::Secret(Secret::new(key)));
    map.insert("UnlockKey".into(), key);
    result([("swarm_facts", map.into())]).into_iter().chain(done_as(action)).collect()
}

fn done_as(action: &str) -> Map {
    let actions: Vec<Value> = Some(action).filter(|a| !a.is_empty()).map(Value::from).into_iter().collect();
    result([("actions", actions.into())])
}

/// Begin or join, whichever is needed.
fn enter(args: &Args, local: &Local, join: bool) -> Result<Decision, Failure> {
    local.may_enter()?;
    let told_where = args.has("remote_addrs") && args.has("join_token");
    if !join && !told_where {
        return Ok(begin(args, local));
    }
    Ok(changed(
        Action::Create,
        "the host is in no swarm: it joins",
        vec![join::job(args, ""), look_again(args)],
        done_as("New node is added to swarm cluster"),
    ))
}

fn begin(args: &Args, local: &Local) -> Decision {
    let (spec, _) = spec::merged(args, &Json::Null);
    let force = args.bool("force") && local.member();
    let body = json!({
        "ListenAddr": args.str("listen_addr"),
        "AdvertiseAddr": args.str("advertise_addr"),
        "DataPathAddr": args.str("data_path_addr"),
        "DataPathPort": args.int("data_path_port"),
        "DefaultAddrPool": args.list("default_addr_pool"),
        "SubnetSize": args.int("subnet_size"),
        "ForceNewCluster": force,
        "Spec": spec,
    });
    let request = Request::post("/swarm/init", body);
    let accept = (!force).then_some("already part of a swarm");
    let job = http::act(&Engine::of(args), &request, accept).var("await", "active");
    let reason = if force {
        "the swarm is begun anew from this host's state"
    } else {
        "the host is in no swarm: it begins one"
    };
    changed(Action::Create, reason, vec![job, look_again(args)], done_as(BEGUN))
}

/// In a swarm: the options given.
fn present(args: &Args, seen: &Seen) -> Result<Decision, Failure> {
    let local = &seen.local;
    if matches!(local.state.as_str(), "error" | "locked") {
        return Err(Failure::new(format!("the host's swarm is {}: {}", local.state, local.error)));
    }
    let rotate = ["rotate_worker_token", "rotate_manager_token"].map(|name| args.bool(name));
    let Some(swarm) = seen.swarm.good().filter(|_| args.str("state") == "present") else {
        let (_, given) = spec::merged(args, &Json::Null);
        if args.str("state") == "present" && (!given.is_empty() || rotate.contains(&true)) {
            let message = format!(
                "{}: {}\nhint: options of a swarm are set on a manager",
                local.name,
                seen.swarm.message()
            );
            return Err(Failure::new(message));
        }
        return Ok(Decision::unchanged(done_as("This node is already part of a swarm.")));
    };
    let (wanted, differ) = spec::merged(args, &swarm["Spec"]);
    if differ.is_empty() && !rotate.contains(&true) {
        return Ok(Decision::unchanged(facts(swarm, None, "No modification")));
    }
    let mut reasons: Vec<String> = differ.iter().map(|name| format!("{name} differs")).collect();
    for (name, on) in
        ["the workers' token is replaced", "the managers' token is replaced"].into_iter().zip(rotate)
    {
        reasons.extend(on.then(|| name.to_string()));
    }
    let version = swarm["Version"]["Index"].as_u64().unwrap_or(0);
    let [worker, manager] = rotate;
    let path =
        format!("/swarm/update?version={version}&rotateWorkerToken={worker}&rotateManagerToken={manager}");
    let job = http::act(&Engine::of(args), &Request::post(path, wanted.clone()), None);
    let decision = changed(
        Action::Update,
        reasons.join("; "),
        vec![job, look_again(args)],
        facts(swarm, None, "Swarm cluster updated"),
    );
    let shown = |spec: &Json| {
        let mut spec = spec.clone();
        if let Some(ca) = spec.get_mut("CAConfig").and_then(Json::as_object_mut) {
            ca.remove("SigningCAKey");
        }
        serde_json::to_string_pretty(&spec).unwrap_or_default() + "\n"
    };
    Ok(with_diff(decision, diff("swarm", shown(&swarm["Spec"]), shown(&wanted))))
}

fn leave(args: &Args, seen: &Seen) -> Result<Decision, Failure> {
    let local = &seen.local;
    if !local.member() {
        return Ok(Decision::unchanged(done_as("This node is not part of a swarm.")));
    }
    let force = args.bool("force");
    if local.manager && !force {
        let nodes = view::nodes(seen.nodes.good().unwrap_or(&Json::Null));
        return Err(Failure::new(format!(
            "{} is a manager ({}): it would stay one of those that count for the quorum\nhint: make it a worker first \
             (`docker_node` with `role: worker`), or `force: true` to give it up",
            local.name,
            view::managers(&nodes)
        )));
    }
    let request = Request::post(format!("/swarm/leave?force={}", u8::from(force)), Json::Null);
    let job = http::act(&Engine::of(args), &request, Some("not part of a swarm")).var("await", "inactive");
    Ok(changed(
        Action::Delete,
        "the host is in a swarm",
        vec![job],
        done_as("Node has left the swarm cluster"),
    ))
}

fn remove(args: &Args, seen: &Seen) -> Result<Decision, Failure> {
    let Some(list) = seen.nodes.good() else {
        return Err(Failure::new(format!(
            "{}: {}\nhint: nodes are removed on a manager",
            seen.local.name,
            seen.nodes.message()
        )));
    };
    let nodes = view::nodes(list);
    let (id, force) = (args.str("node_id"), args.bool("force"));
    // Of a machine that was replaced the old node goes, not the new one of its name.
    let Some(node) = view::named(&nodes, id, Node::down)? else {
        return Ok(Decision::unchanged(done_as("")));
    };
    if node.manager {
        return Err(Failure::new(format!(
            "{} is a manager: make it a worker first (`docker_node`, `role: worker`)",
            node.hostname
        )));
    }
    let engine = Engine::of(args);
    let job = if node.down() || force {
        let request = Request::delete(format!("/nodes/{}?force={}", node.id, u8::from(force)));
        http::act(&engine, &request, Some("not found"))
    } else {
        // It may have left just now, or an earlier task of this plan will make it.
        steps::remove(&engine, &node.id, &node.hostname)
    };
    Ok(changed(
        Action::Delete,
        format!("{} is removed", node.hostname),
        vec![job],
        done_as("Node is removed from swarm cluster."),
    ))
}
