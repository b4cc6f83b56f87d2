//! Who begins a swarm and who joins whom: what the hosts of a run say of themselves, put together.

use super::view::Local;
use std::collections::{BTreeMap, BTreeSet};

/// A host of the inventory as this run knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Name in the inventory.
    pub name: String,
    /// It is to be a manager.
    pub manager: bool,
    /// It is to leave the swarm.
    pub leaves: bool,
    /// What its engine says; `None` where the host is not in this run, or did not answer.
    pub local: Option<Local>,
    /// It is the swarm's leader.
    pub leader: bool,
    /// Ids of all nodes, where it is a manager that has a quorum.
    pub nodes: Option<BTreeSet<String>>,
}

/// What is to be done by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// The host that begins the swarm.
    pub init: Option<String>,
    /// A manager that answers for the swarm: it gives the tokens and changes the nodes.
    pub contact: Option<String>,
    /// Where to join.
    pub remote_addrs: Vec<String>,
    /// Hosts that join.
    pub join: Vec<String>,
    /// Those of them that first leave what they were removed from.
    pub rejoin: Vec<String>,
    /// Hosts that are members and shall leave.
    pub leave: Vec<String>,
}

/// # Errors
/// Two swarms; hosts of another swarm; no swarm, and not every manager was asked; a swarm without a quorum.
pub fn arrange(hosts: &[Host]) -> Result<Arrangement, String> {
    one_swarm(hosts)?;
    let member = |h: &&Host| h.local.as_ref().is_some_and(Local::member);
    let asked = |h: &&Host| h.local.is_some();
    let contact = hosts.iter().filter(|h| h.nodes.is_some()).max_by_key(|h| (!h.leaves, h.leader));
    let fresh = |h: &&Host| asked(h) && !member(h) && !h.leaves;
    let mut out = Arrangement {
        leave: hosts.iter().filter(member).filter(|h| h.leaves).map(|h| h.name.clone()).collect(),
        ..Arrangement::default()
    };
    let Some(contact) = contact else {
        if !hosts.iter().any(|h| fresh(&h)) {
            return Ok(out);
        }
        out.init = Some(first(hosts)?.name.clone());
        out.join = hosts
            .iter()
            .filter(fresh)
            .map(|h| h.name.clone())
            .filter(|n| Some(n) != out.init.as_ref())
            .collect();
        out.contact.clone_from(&out.init);
        return Ok(out);
    };
    out.contact = Some(contact.name.clone());
    let nodes = contact.nodes.clone().unwrap_or_default();
    let locals = || hosts.iter().filter_map(|h| h.local.as_ref());
    let known = locals().filter(|l| l.manager && nodes.contains(&l.node_id)).filter(|l| !l.addr.is_empty());
    let of_contact = contact.local.iter().flat_map(|l| l.managers.clone());
    let addrs: BTreeSet<String> = known.map(|l| with_port(&l.addr)).chain(of_contact).collect();
    for host in hosts.iter().filter(member).filter(|h| !h.leaves) {
        let Some(local) = &host.local else { continue };
        if nodes.contains(&local.node_id) {
            continue;
        }
        if !local.managers.iter().any(|m| addrs.contains(m)) {
            return Err(format!(
                "{} is in another swarm (its managers: {})\nhint: `docker_swarm` with `state: absent` takes it out of that one",
                host.name,
                local.managers.join(", ")
            ));
        }
        out.rejoin.push(host.name.clone());
    }
    out.join = hosts.iter().filter(fresh).map(|h| h.name.clone()).chain(out.rejoin.iter().cloned()).collect();
    out.remote_addrs = addrs.into_iter().collect();
    Ok(out)
}

fn one_swarm(hosts: &[Host]) -> Result<(), String> {
    let mut swarms: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for host in hosts {
        let cluster = host.local.as_ref().map_or("", |l| l.cluster.as_str());
        if !cluster.is_empty() {
            swarms.entry(cluster).or_default().push(&host.name);
        }
    }
    if swarms.len() < 2 {
        return Ok(());
    }
    let list: Vec<String> = swarms.iter().map(|(id, names)| format!("{id}: {}", names.join(", "))).collect();
    Err(format!(
        "the hosts are managers of {} swarms ({})\nhint: decide which one stays, and take the others' hosts out of theirs \
         with `docker_swarm`, `state: absent`, `force: true`",
        swarms.len(),
        list.join("; ")
    ))
}

/// Who begins: the first manager, provided that no other could hold a swarm already.
fn first(hosts: &[Host]) -> Result<&Host, String> {
    let named = |names: Vec<&Host>| names.iter().map(|h| h.name.as_str()).collect::<Vec<_>>().join(", ");
    let inside: Vec<&Host> = hosts.iter().filter(|h| h.local.as_ref().is_some_and(Local::member)).collect();
    if !inside.is_empty() {
        return Err(format!(
            "no manager of this run answers for the swarm that {} are in\nhint: run it with the managers; when more than half \
             of them are lost for good: `docker swarm init --force-new-cluster` on one that is left",
            named(inside)
        ));
    }
    let managers: Vec<&Host> = hosts.iter().filter(|h| h.manager && !h.leaves).collect();
    let silent: Vec<&Host> = managers.iter().copied().filter(|h| h.local.is_none()).collect();
    if !silent.is_empty() {
        return Err(format!(
            "no swarm is begun: {} did not answer or are not in this run, and may have one\nhint: run it without `--limit`, \
             or take them out of the inventory",
            named(silent)
        ));
    }
    managers.first().copied().ok_or_else(|| "the inventory has no manager".to_string())
}

fn with_port(addr: &str) -> String {
    match addr.contains(':') {
        true if addr.contains('.') => addr.to_string(),
        true => format!("[{addr}]:2377"),
        false => format!("{addr}:2377"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a m fresh`, `a m in:ID`, `a m lead:ID` (answers for the swarm), `a w in:ID@ADDR`, `a m silent`, `a m in:ID#CLUSTER`.
    fn host(text: &str) -> Host {
        let words: Vec<&str> = text.split(' ').collect();
        let [name, kind, state] = words[..] else { panic!("{text}") };
        let (word, rest) = state.split_once(':').unwrap_or((state, ""));
        let (rest, cluster) = rest.split_once('#').unwrap_or((rest, ""));
        let (id, manager_addr) = rest.split_once('@').unwrap_or((rest, "10.0.0.1:2377"));
        let inside = word == "in" || word == "lead";
        let local = Local {
            name: name.into(),
            state: if inside { "active" } else { "inactive" }.into(),
            node_id: id.into(),
            addr: if inside { format!("10.0.0.{}", id.len()) } else { String::new() },
            manager: kind.starts_with('m') && inside,
            managers: if inside { vec![manager_addr.into()] } else { Vec::new() },
            cluster: cluster.into(),
            ..Local::default()
        };
        Host {
            name: name.into(),
            manager: kind.starts_with('m'),
            leaves: kind.contains('-'),
            local: (word != "silent").then_some(local),
            leader: word == "lead",
            nodes: (word == "lead").then(|| ["x", "xx", "xxx"].map(String::from).into()),
        }
    }

    fn hosts(list: &[&str]) -> Vec<Host> {
        list.iter().map(|t| host(t)).collect()
    }

    #[test]
    fn who_begins_and_who_joins() {
        // (hosts, init, contact, join, rejoin, leave)
        let rows: &[(&[&str], &str, &str, &str, &str, &str)] = &[
            (&["a m fresh", "b w fresh", "c w fresh"], "a", "a", "b c", "", ""),
            (&["a m lead:x", "b w in:xx"], "", "a", "", "", ""),
            (&["a m lead:x", "b w in:xx", "c w fresh"], "", "a", "c", "", ""),
            // the first manager is a new machine: it joins, it does not begin another swarm
            (&["a m fresh", "b m lead:x", "c m in:xx"], "", "b", "a", "", ""),
            // removed while it was away: it comes back
            (&["a m lead:x", "b w in:gone"], "", "a", "b", "b", ""),
            (&["a m lead:x", "b w- in:xx", "c w- fresh"], "", "a", "", "", "b"),
            // nothing to do, and nobody to ask
            (&["b w in:xx", "a m silent"], "", "", "", "", ""),
        ];
        for (list, init, contact, join, rejoin, leave) in rows {
            let got = arrange(&hosts(list)).unwrap();
            assert_eq!(got.init.unwrap_or_default(), *init, "{list:?}");
            assert_eq!(got.contact.unwrap_or_default(), *contact, "{list:?}");
            assert_eq!(got.join.join(" "), *join, "{list:?}");
            assert_eq!(got.rejoin.join(" "), *rejoin, "{list:?}");
            assert_eq!(got.leave.join(" "), *leave, "{list:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        let rows: &[(&[&str], &str)] = &[
            // --limit to a new host must not begin a second swarm
            (&["a m silent", "b w fresh"], "no swarm is begun: a did not answer"),
            (&["a m fresh", "b m silent"], "no swarm is begun: b did not answer"),
            (&["b w in:xx", "c w fresh", "a m silent"], "no manager of this run answers"),
            (&["a m lead:x#one", "b m lead:xx#two"], "managers of 2 swarms (one: a; two: b)"),
            (
                &["a m lead:x", "b w in:other@10.9.9.9:2377"],
                "b is in another swarm (its managers: 10.9.9.9:2377)",
            ),
            (&["b w fresh"], "the inventory has no manager"),
        ];
        for (list, message) in rows {
            let said = arrange(&hosts(list)).unwrap_err();
            assert!(said.contains(message), "{list:?}: {said}");
        }
    }

    #[test]
    fn addresses_to_join_at() {
        let got = arrange(&hosts(&["a m lead:x", "b m in:xx", "c w fresh"])).unwrap();
        assert_eq!(got.remote_addrs, ["10.0.0.1:2377", "10.0.0.2:2377"]);
        assert_eq!(with_port("fd00::2"), "[fd00::2]:2377");
    }
}
