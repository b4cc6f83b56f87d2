//! Phase `arrange`: the surveys of all hosts put together. Asks no host.

use super::wanted;
use crate::base::{Map, Value};
use crate::modules::kit::result;
use crate::modules::swarm::cluster::{self, Host};
use crate::modules::swarm::members::{self, Wanted};
use crate::modules::swarm::quorum::needed;
use crate::modules::swarm::view::{self, Local, Node};
use crate::modules::swarm::zones;
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::Decision;

pub fn decide(args: &Args) -> Result<Decision, Failure> {
    let mut wanted = wanted::read(args)?;
    let surveys = args.map("surveys").cloned().unwrap_or_default();
    let (mut hosts, mut lists) = (Vec::new(), Vec::new());
    for member in &mut wanted {
        let survey = surveys.get(member.name.as_str()).map(Value::to_json).filter(|s| s.is_object());
        let local = survey.as_ref().map(Local::read);
        let nodes = survey.as_ref().map(|s| view::nodes(&s["Nodes"])).filter(|n| !n.is_empty());
        member.hostname =
            local.as_ref().map(|l| l.name.clone()).filter(|n| !n.is_empty()).or(member.hostname.take());
        member.node_id = local.as_ref().map(|l| l.node_id.clone());
        let leader = |n: &Node| n.leader && local.as_ref().is_some_and(|l| l.node_id == n.id);
        hosts.push(Host {
            name: member.name.clone(),
            manager: member.manager,
            leaves: member.leaves,
            leader: nodes.iter().flatten().any(leader),
            nodes: nodes.as_ref().map(|list| list.iter().map(|n| n.id.clone()).collect()),
            local,
        });
        lists.push(nodes);
    }
    same_names(&wanted)?;
    let arranged = cluster::arrange(&hosts).map_err(Failure::new)?;
    let contact = hosts.iter().position(|h| Some(&h.name) == arranged.contact.as_ref());
    let nodes = contact.and_then(|i| lists.swap_remove(i)).unwrap_or_default();
    let plan = members::plan(&nodes, &wanted, args.bool("prune"));
    let list =
        |texts: &[String]| Value::from(texts.iter().map(|t| t.as_str().into()).collect::<Vec<Value>>());
    let managers = view::managers(&nodes);
    let numbers = result([
        ("known", managers.known.into()),
        ("reachable", managers.reachable.into()),
        ("quorum", needed(managers.known).into()),
    ]);
    let out = result([
        ("init", arranged.init.as_deref().unwrap_or_default().into()),
        ("contact", arranged.contact.as_deref().unwrap_or_default().into()),
        ("remote_addrs", list(&arranged.remote_addrs)),
        ("join", list(&arranged.join)),
        ("rejoin", list(&arranged.rejoin)),
        ("leave", list(&arranged.leave)),
        ("settled", (plan.steps.is_empty() && arranged.join.is_empty()).into()),
        ("members", augmented(args, &wanted)),
        ("managers", numbers.into()),
    ]);
    let mut decision = Decision::unchanged(out);
    decision.warnings = warnings(&wanted, args.str("zone_label"));
    decision.warnings.extend(plan.refused);
    decision.warnings.extend(plan.warnings.into_iter().filter(|w| !w.contains("managers survive")));
    Ok(decision)
}

/// What the inventory asks for, judged as such: told before anything is made of it.
fn warnings(wanted: &[Wanted], label: &str) -> Vec<String> {
    let managers: Vec<&Wanted> = wanted.iter().filter(|w| w.manager && !w.leaves).collect();
    let numbers = crate::modules::swarm::quorum::Managers::new(managers.len(), managers.len());
    let mut spread = zones::Spread::new();
    for zone in wanted.iter().filter(|w| !w.leaves).filter_map(|w| w.labels.get(label)) {
        spread.entry(zone.clone()).or_insert(0);
    }
    let mut nowhere = Vec::new();
    for manager in &managers {
        match manager.labels.get(label).and_then(|zone| spread.get_mut(zone)) {
            Some(count) => *count += 1,
            None => nowhere.push(manager.name.as_str()),
        }
    }
    let mut out: Vec<String> = numbers.even().into_iter().collect();
    match nowhere.is_empty() || spread.is_empty() {
        true => out.extend(zones::warnings(&spread)),
        false => out.push(format!(
            "managers without a zone: {}; what a zone's loss would do is not known",
            nowhere.join(", ")
        )),
    }
    out
}

/// Nodes are known by their hosts' names, so no two may have the same.
fn same_names(wanted: &[Wanted]) -> Result<(), Failure> {
    for (index, member) in wanted.iter().enumerate() {
        let same = |w: &&Wanted| w.hostname.is_some() && w.hostname == member.hostname;
        if let Some(other) = wanted[..index].iter().find(same) {
            return Err(Failure::new(format!(
                "{} and {} both call themselves {}\nhint: the module `hostname` gives a host its name",
                other.name,
                member.name,
                member.hostname.as_deref().unwrap_or_default()
            )));
        }
    }
    Ok(())
}

fn augmented(args: &Args, wanted: &[Wanted]) -> Value {
    let with_name = |(value, wanted): (&Value, &Wanted)| {
        let mut map: Map = value.as_map().cloned().unwrap_or_default();
        map.insert("hostname".into(), wanted.hostname.clone().into());
        Value::from(map)
    };
    Value::from(args.items("members").iter().zip(wanted).map(with_name).collect::<Vec<_>>())
}
