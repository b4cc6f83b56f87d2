//! Hosts and groups as expressions see them, and how `add_host` and `group_by` change them.

use super::event::Event;
use super::scope::PlayScope;
use super::state::{Run, locked};
use crate::base::{Diags, List, Map, Value};
use crate::eval::vars::{Layers, Level};
use crate::graph::PlayPlan;
use crate::modules::{Args, ArgsExt, Failure};
use crate::syntax::inventory::{HostId, Inventory, LayerKind, Order, VarFolders, order_hosts};
use std::sync::Arc;

/// The play's hosts as its pattern has them, whatever its `order`: so the magic variables tell them.
pub fn play_hosts_unordered(run: &Arc<Run>, plan: &Arc<PlayPlan>) -> Result<Vec<Arc<str>>, String> {
    let (inventory, hosts) = selected(run, plan)?;
    Ok(hosts.into_iter().map(|id| Arc::clone(&inventory[id].name)).collect())
}

fn selected(run: &Arc<Run>, plan: &Arc<PlayPlan>) -> Result<(Arc<Inventory>, Vec<HostId>), String> {
    let inventory = run.inventory();
    let pattern = play_pattern(run, plan)?;
    let selection =
        inventory.select_limited(&pattern, run.options.limit.as_deref()).map_err(|e| e.to_string())?;
    Ok((inventory, selection.hosts))
}

/// The play's hosts in its `order`, `--limit` applied.
pub fn play_hosts(run: &Arc<Run>, plan: &Arc<PlayPlan>) -> Result<Vec<Arc<str>>, String> {
    let (inventory, mut hosts) = selected(run, plan)?;
    if let Some(order) = &plan.order {
        let text = crate::spec::to_text(&play_value(run, plan, order)?);
        let order = text.parse::<Order>().map_err(|()| format!("order: `{text}` is not known"))?;
        order_hosts(&inventory, &mut hosts, order);
    }
    Ok(hosts.into_iter().map(|id| Arc::clone(&inventory[id].name)).collect())
}

/// The play's `hosts`; the patterns of a list are joined by commas.
pub fn play_pattern(run: &Arc<Run>, plan: &Arc<PlayPlan>) -> Result<String, String> {
    Ok(match play_value(run, plan, &plan.hosts)? {
        Value::List(list) => list.iter().map(crate::spec::to_text).collect::<Vec<_>>().join(","),
        one => crate::spec::to_text(&one),
    })
}

pub fn play_name(run: &Arc<Run>, plan: &Arc<PlayPlan>) -> String {
    let name = play_value(run, plan, &plan.name).unwrap_or_else(|_| plan.name.clone());
    let name = if name.is_null() { plan.hosts.clone() } else { name };
    run.redactor.text(&crate::spec::to_text(&name))
}

/// A play keyword, which sees the play's own and extra variables, but no host's.
pub fn play_value(run: &Arc<Run>, plan: &Arc<PlayPlan>, value: &Value) -> Result<Value, String> {
    let mut vars = (*plan.vars).clone();
    vars.extend(run.options.extra_vars.iter().map(|(k, v)| (k.clone(), v.clone())));
    vars.insert("groups".into(), groups_value(run));
    let scope = crate::eval::MapScope::new(vars);
    run.engine.evaluate(value, &scope).map_err(|e| e.to_string())
}

pub fn hosts(run: &Run) -> Vec<Arc<str>> {
    let inventory = run.inventory();
    inventory.host_ids().map(|id| Arc::clone(&inventory[id].name)).collect()
}

pub fn select(inventory: &Inventory, pattern: &str) -> Result<Vec<String>, String> {
    let selection = inventory.select(pattern).map_err(|e| e.to_string())?;
    Ok(selection.hosts.into_iter().map(|id| inventory[id].name.to_string()).collect())
}

/// Whether the inventory names the host (`localhost` need not be named to be used).
pub fn is_listed(run: &Run, host: &str) -> bool {
    run.inventory().hosts.get(host).is_some_and(|h| !h.implicit)
}

/// The variables that inventory and `group_vars`/`host_vars` give a host.
pub fn inventory_layers(run: &Run, play: &PlayScope, host: &str) -> Layers {
    let inventory = run.inventory();
    let mut layers = Layers::default();
    if host.is_empty() {
        return layers;
    }
    let folders = {
        let mut known = locked(&run.folders);
        let make =
            || Arc::new(VarFolders::new(Some(&play.plan.playbook_dir), run.engine.sources(), &run.keyring));
        Arc::clone(known.entry(play.plan.playbook_dir.clone()).or_insert_with(make))
    };
    let mut diags = Diags::default();
    let found = match inventory.host(host) {
        Some(id) => folders.layers(&inventory, id, &mut diags),
        None => folders.layers_of_all(&inventory, &mut diags),
    };
    for layer in found {
        layers.push(level(layer.kind), layer.vars);
    }
    for diag in diags.iter() {
        let place = diag.span.map(|span| run.engine.sources().location(span));
        let message = [std::slice::from_ref(&diag.message), &diag.hints[..]].concat().join("; ");
        run.emit(Event::Warning { message, place });
    }
    layers
}

fn level(kind: LayerKind) -> Level {
    match kind {
        LayerKind::InventoryAll | LayerKind::InventoryGroup => Level::InventoryGroupVars,
        LayerKind::InventoryFilesAll => Level::InventoryGroupVarsAll,
        LayerKind::PlaybookFilesAll => Level::PlaybookGroupVarsAll,
        LayerKind::InventoryFilesGroup => Level::InventoryGroupVarsFiles,
        LayerKind::PlaybookFilesGroup => Level::PlaybookGroupVars,
        LayerKind::InventoryHost => Level::InventoryHostVars,
        LayerKind::InventoryFilesHost => Level::InventoryHostVarsFiles,
        LayerKind::PlaybookFilesHost => Level::PlaybookHostVars,
    }
}

/// `groups`: names of hosts by group. Made once for each state of the inventory.
pub fn groups_value(run: &Run) -> Value {
    let version = run.world.read().unwrap_or_else(|e| e.into_inner()).version;
    let mut cached = locked(&run.groups);
    if let Some((of, value)) = &*cached
        && *of == version
    {
        return value.clone();
    }
    let inventory = run.inventory();
    let names = |group| {
        let hosts = inventory.hosts_in(group).into_iter().filter(|h| !inventory[*h].implicit);
        Value::from(hosts.map(|h| Value::Str(Arc::clone(&inventory[h].name))).collect::<List>())
    };
    let groups = inventory.groups.keys().filter_map(|name| Some((Arc::clone(name), inventory.group(name)?)));
    let value: Value = groups.map(|(name, id)| (name, names(id))).collect();
    *cached = Some((version, value.clone()));
    value
}

pub fn group_names(run: &Run, host: &str) -> Value {
    let inventory = run.inventory();
    let names = inventory.host(host).map(|id| inventory.group_names(id)).unwrap_or_default();
    names.into_iter().map(Value::Str).collect::<List>().into()
}

pub fn inventory_source(run: &Run, host: &str, name: &str) -> Option<Value> {
    let inventory = run.inventory();
    if name == "ansible_inventory_sources" {
        return Some(inventory.sources.iter().map(|s| s.as_str().into()).collect::<List>().into());
    }
    let origin = inventory.hosts.get(host).and_then(|h| h.origin.clone())?;
    let path = std::path::Path::new(&*origin);
    Some(match path.parent().filter(|_| path.is_absolute()) {
        _ if name == "inventory_file" => Value::Str(origin),
        Some(folder) => folder.display().to_string().into(),
        // A list of hosts stands in no folder.
        None => Value::Null,
    })
}

/// `add_host`: the host, its groups and variables; whether anything is new.
pub fn add_host(run: &Run, args: &Args) -> Result<(bool, Map), Failure> {
    let given = args.str("name");
    let (name, port) = match given.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && !name.contains(':') => {
            (name, port.parse::<i64>().ok())
        }
        _ => (given, None),
    };
    let mut vars: Map = args.clone();
    vars.retain(|k, _| !matches!(k.as_str(), Some("name" | "groups")));
    if let Some(port) = port {
        vars.insert("ansible_port".into(), port.into());
    }
    let groups = args.list("groups");
    let added = Added::Host {
        name: name.into(),
        groups: groups.iter().map(|g| (*g).to_string()).collect(),
        vars: vars.clone(),
    };
    let changed = add(run, added);
    let joined: List = groups.iter().map(|g| (*g).into()).collect();
    let told = [("host_name", Value::from(name)), ("groups", joined.into()), ("host_vars", vars.into())];
    let told = told.into_iter().collect::<Value>();
    Ok((changed, [("add_host".into(), told)].into_iter().collect()))
}

pub fn group_by(run: &Run, host: &str, args: &Args) -> Result<(bool, Map), Failure> {
    let name = args.str("key").replace(' ', "-");
    let parents: Vec<String> = args.list("parents").iter().map(|p| p.replace(' ', "-")).collect();
    let changed = add(run, Added::Group { host: host.into(), name: name.clone(), parents: parents.clone() });
    let above: List = parents.into_iter().map(Value::from).collect();
    let told = [("add_group".into(), Value::from(name)), ("parent_groups".into(), above.into())];
    Ok((changed, told.into_iter().collect()))
}

fn join(inventory: &mut Inventory, name: &str, groups: &[String], vars: &Map) -> bool {
    let known = inventory.hosts.get(name).is_some_and(|h| !h.implicit);
    let host = inventory.add_host(name, None);
    let mut changed = !known;
    for group in groups {
        let group = inventory.add_group(group, None);
        changed |= !inventory[host].groups.contains(&group);
        inventory.add_member(group, host);
    }
    for (key, value) in vars {
        changed |= inventory[host].vars.get(key) != Some(value);
        inventory.set_host_var(host, key.clone(), value.clone());
    }
    inventory.reconcile();
    changed
}

fn put_below(inventory: &mut Inventory, host: &str, name: &str, parents: &[String]) -> bool {
    let Some(host) = inventory.host(host) else { return false };
    let group = inventory.add_group(name, None);
    let changed = !inventory[host].groups.contains(&group);
    inventory.add_late_member(group, host);
    for parent in parents.iter().filter(|p| *p != "all") {
        let parent = inventory.add_group(parent, None);
        inventory.add_child(parent, group);
    }
    inventory.reconcile();
    changed
}

/// What a task adds to the inventory.
pub enum Added {
    Host { name: String, groups: Vec<String>, vars: Map },
    Group { host: String, name: String, parents: Vec<String> },
}

impl Added {
    /// Whether the inventory has changed.
    fn to(&self, inventory: &mut Inventory) -> bool {
        match self {
            Added::Host { name, groups, vars } => join(inventory, name, groups, vars),
            Added::Group { host, name, parents } => put_below(inventory, host, name, parents),
        }
    }
}

fn add(run: &Run, added: Added) -> bool {
    let mut world = run.world.write().unwrap_or_else(|e| e.into_inner());
    let changed = added.to(Arc::make_mut(&mut world.inventory));
    world.version += u64::from(changed);
    if changed {
        world.added.push(added);
    }
    changed
}

/// `meta: refresh_inventory`: the sources are read once more, and what tasks added is added again.
pub async fn reread(run: &Arc<Run>) -> Result<(), String> {
    let Some(reread) = run.options.reread.clone() else { return Ok(()) };
    // An inventory that was made for the run (of an image) came of no source.
    if run.inventory().sources.is_empty() {
        return Ok(());
    }
    // A source may be a program, or a cloud.
    let read = tokio::task::spawn_blocking(move || (reread.0)()).await;
    let mut inventory = read.map_err(|e| format!("the inventory could not be read: {e}"))??;
    let mut world = run.world.write().unwrap_or_else(|e| e.into_inner());
    world.added.iter().for_each(|added| {
        added.to(&mut inventory);
    });
    world.inventory = Arc::new(inventory);
    world.version += 1;
    drop(world);
    locked(&run.folders).clear();
    Ok(())
}

/// The scope of another host's variables, for `hostvars`.
pub fn other_host(scope: &super::scope::TaskScope, host: &str) -> Option<super::scope::TaskScope> {
    let known = is_listed(&scope.run, host) || host == "localhost" || host == &*scope.host;
    known.then(|| any_host(scope, host))
}

/// Also of a host that no inventory knows: it has what all hosts have, and the play.
pub fn any_host(scope: &super::scope::TaskScope, host: &str) -> super::scope::TaskScope {
    let run = Arc::clone(&scope.run);
    let name: Arc<str> = host.into();
    let layers = super::scope::host_layers(&run, &scope.play, &name, &run.memory(host));
    let left = Arc::clone(&scope.left);
    let play = Arc::clone(&scope.play);
    let mut scope = super::scope::TaskScope::new(run, play, name, layers, None, left);
    scope.foreign = true;
    scope
}
