//! What a task's expressions see: the ladder of variables, and the names fitout itself defines.

use super::state::{HostMemory, Run};
use crate::base::{List, Map, Value};
use crate::eval::vars::{Layers, Level};
use crate::eval::{LookupContext, Scope};
use crate::graph::{PlayPlan, RoleScope, TaskKeywords};
use crate::syntax::inventory::LOCAL_NAMES;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loop variables and other names that are there for one task only.
pub type Vars = Arc<Map>;

/// One play as its hosts see it.
pub struct PlayScope {
    pub plan: Arc<PlayPlan>,
    /// Which play of the run it is, from 0.
    pub number: usize,
    pub prompts: Arc<Map>,
    /// Of the play's `vars_files`, as far as their names are known without a host.
    pub files: Arc<Map>,
    /// Whether some of them need a host's facts or variables.
    pub late_files: bool,
    /// All hosts of the play, those that were lost before this batch, and those of the batch.
    pub all_hosts: Vec<Arc<str>>,
    pub lost: HashSet<Arc<str>>,
    pub batch: Vec<Arc<str>>,
    /// `max_fail_percentage`; `None`: any share may fail.
    pub max_failed: Option<f64>,
    /// `force_handlers`; `None`: as the command line says.
    pub forces_handlers: Option<bool>,
    /// `--start-at-task`, where no play before this one has that task.
    pub start_at: Option<Arc<str>>,
}

pub struct TaskScope {
    pub run: Arc<Run>,
    pub play: Arc<PlayScope>,
    pub host: Arc<str>,
    pub layers: Layers,
    pub role: Option<Arc<RoleScope>>,
    /// Hosts of the batch that left the play before the task.
    pub left: Arc<dyn Fn() -> Vec<Arc<str>> + Send + Sync>,
    /// Seen from another host, through `hostvars`.
    pub foreign: bool,
    /// The keyword of the task: `ansible_connection` where no variable says so.
    pub connection: Option<Value>,
    /// The host that the task is delegated to, where that is a plain name.
    pub delegate: Option<Arc<str>>,
    context: LookupContext,
}

impl TaskScope {
    pub fn new(
        run: Arc<Run>,
        play: Arc<PlayScope>,
        host: Arc<str>,
        layers: Layers,
        role: Option<Arc<RoleScope>>,
        left: Arc<dyn Fn() -> Vec<Arc<str>> + Send + Sync>,
    ) -> Self {
        let context = super::lookups::context(&run, &play, role.as_deref());
        let (foreign, connection, delegate) = (false, None, None);
        TaskScope { run, play, host, layers, role, left, foreign, connection, delegate, context }
    }

    /// The scope with more names on top of all but extra vars.
    pub fn with(&self, names: Map) -> TaskScope {
        TaskScope {
            run: Arc::clone(&self.run),
            play: Arc::clone(&self.play),
            host: Arc::clone(&self.host),
            layers: self.layers.with(Level::Magic, Arc::new(names)),
            role: self.role.clone(),
            left: Arc::clone(&self.left),
            foreign: self.foreign,
            connection: self.connection.clone(),
            delegate: self.delegate.clone(),
            context: self.context.clone(),
        }
    }

    /// The scope in which `changed_when`, `failed_when` and `until` are judged.
    pub fn with_result(&self, name: Option<&Arc<str>>, result: Value) -> TaskScope {
        let mut names = Map::new();
        // Ansible lets the conditions read the bare result fields of the task too under its registered name only.
        if let Some(name) = name {
            names.insert(Arc::clone(name).into(), result);
        }
        self.with(names)
    }

    fn magic(&self, name: &str) -> Option<Value> {
        let strings =
            |names: &[Arc<str>]| Value::from(names.iter().map(|n| n.as_ref().into()).collect::<List>());
        let options = &self.run.options;
        let path = |p: &Path| Value::from(p.to_string_lossy().into_owned());
        Some(match name {
            // A play without hosts can be listed.
            "inventory_hostname" if self.host.is_empty() => return None,
            "inventory_hostname" => self.host.as_ref().into(),
            "inventory_hostname_short" => self.host.split('.').next().unwrap_or_default().into(),
            "groups" => super::world::groups_value(&self.run),
            "group_names" => super::world::group_names(&self.run, &self.host),
            "ansible_play_hosts" => strings(&self.taking_part(&self.play.all_hosts)),
            "ansible_play_batch" | "play_hosts" => strings(&self.taking_part(&self.play.batch)),
            "ansible_play_hosts_all" => strings(&self.play.all_hosts),
            "ansible_play_name" => self.play.plan.name.clone(),
            "playbook_dir" => path(&absolute(&self.play.plan.playbook_dir)),
            "role_path" => path(&absolute(&self.role.as_ref()?.path)),
            "ansible_role_name" => self.role.as_ref()?.name.as_ref().into(),
            "role_name" => {
                let role = self.role.as_ref()?;
                let of_collection = role.collection.as_deref().and_then(|c| role.name.strip_prefix(c));
                of_collection.and_then(|name| name.strip_prefix('.')).unwrap_or(&role.name).into()
            }
            "ansible_collection_name" => self.role.as_ref()?.collection.as_deref()?.into(),
            "ansible_parent_role_names" | "ansible_parent_role_paths" => {
                let parents = self.role.as_ref().map(|r| &r.parents).filter(|p| !p.is_empty())?;
                let of = |(role, at): &(Arc<str>, PathBuf)| match name.ends_with("paths") {
                    true => path(&absolute(at)),
                    false => role.as_ref().into(),
                };
                parents.iter().map(of).collect::<List>().into()
            }
            "role_names" | "ansible_play_role_names" => self.role_names(|r| !r.dependency),
            "ansible_dependent_role_names" => self.role_names(|r| r.dependency),
            "ansible_role_names" => self.role_names(|_| true),
            "ansible_search_path" => {
                self.context().search.iter().map(|p| path(&absolute(p))).collect::<List>().into()
            }
            "omit" => Value::Omit,
            "ansible_check_mode" => self.run.check().into(),
            "ansible_diff_mode" => options.diff.into(),
            "ansible_verbosity" => u32::from(options.verbosity).into(),
            "ansible_forks" => options.forks.into(),
            "ansible_run_tags" => {
                let tags: List = options.tags.iter().map(|t| t.as_str().into()).collect();
                if tags.is_empty() { vec![Value::from("all")].into() } else { tags.into() }
            }
            "ansible_skip_tags" => {
                options.skip_tags.iter().map(|t| t.as_str().into()).collect::<List>().into()
            }
            "ansible_limit" => options.limit.as_deref()?.into(),
            "ansible_version" => version(),
            "ansible_playbook_python" => "".into(),
            "ansible_config_file" => Value::Null,
            "inventory_dir" | "inventory_file" | "ansible_inventory_sources" => {
                super::world::inventory_source(&self.run, &self.host, name)?
            }
            _ => return None,
        })
    }
}

/// Magic variables that a host has among the others, where all of them are asked for.
const WHOLE: &[&str] = &[
    "ansible_check_mode",
    "ansible_diff_mode",
    "ansible_forks",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "playbook_dir",
];

pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The version of Ansible whose dialect is spoken; playbooks compare with it.
fn version() -> Value {
    let number = |n: i64| Value::Int(n);
    [
        ("full", Value::from("2.19.0")),
        ("string", "2.19.0".into()),
        ("major", number(2)),
        ("minor", number(19)),
        ("revision", number(0)),
    ]
    .into_iter()
    .collect()
}

impl TaskScope {
    /// Who has neither failed nor been ended; hosts of other batches of the play and those through it are among them.
    fn taking_part(&self, hosts: &[Arc<str>]) -> Vec<Arc<str>> {
        let left = (self.left)();
        let there = |h: &&Arc<str>| !self.play.lost.contains(*h) && !left.contains(h);
        hosts.iter().filter(there).cloned().collect()
    }

    /// How the host is reached that the task is delegated to.
    fn of_delegate(&self, name: &str) -> Option<Value> {
        let delegate = self.delegate.as_deref()?;
        let said = super::world::other_host(self, delegate).and_then(|other| other.layers.get(name).cloned());
        said.or_else(|| match name {
            "ansible_host" => Some(delegate.into()),
            _ => LOCAL_NAMES.contains(&delegate).then(|| "local".into()),
        })
    }

    /// Names of the play's roles, each once.
    fn role_names(&self, wanted: impl Fn(&RoleScope) -> bool) -> Value {
        let mut names: Vec<&str> = Vec::new();
        for role in self.play.plan.role_layers.iter().filter(|r| wanted(r)) {
            if !names.contains(&&*role.name) {
                names.push(&role.name);
            }
        }
        names.into_iter().map(Value::from).collect::<List>().into()
    }
}

impl Scope for TaskScope {
    fn get(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.magic(name) {
            return Some(value);
        }
        if name == "vars" {
            let all = self.layers.names().filter_map(|n| Some((n, self.layers.get(n)?.clone())));
            return Some(all.collect());
        }
        if let Some(value) = self.layers.get(name) {
            return Some(value.clone());
        }
        match name {
            // Before facts are gathered it is an empty mapping, not an undefined name.
            "ansible_facts" => Some(Map::new().into()),
            // How the host is reached, where nothing says so; `hostvars` has what was said.
            "ansible_host" if !self.foreign => {
                Some(self.of_delegate(name).unwrap_or_else(|| self.host.as_ref().into()))
            }
            "ansible_connection" if !self.foreign => match &self.connection {
                // It may be made of this very name.
                Some(Value::Template(_)) => None,
                Some(plain) => Some(plain.clone()),
                None => self
                    .of_delegate(name)
                    .or_else(|| Some(self.run.options.connection.kind.as_deref().unwrap_or("ssh").into())),
            },
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.layers.names().map(str::to_string).collect();
        for magic in WHOLE.iter().filter(|magic| self.magic(magic).is_some()) {
            if !names.iter().any(|name| name == magic) {
                names.push((*magic).to_string());
            }
        }
        names
    }

    fn context(&self) -> &LookupContext {
        &self.context
    }

    fn host(&self, host: &str) -> Option<Arc<dyn Scope>> {
        super::world::other_host(self, host).map(|scope| Arc::new(scope) as Arc<dyn Scope>)
    }

    fn hosts(&self) -> Vec<String> {
        super::world::hosts(&self.run).iter().map(|h| h.to_string()).collect()
    }
}

/// The layers of one host in one play, before any task's own.
pub fn host_layers(run: &Run, play: &PlayScope, host: &Arc<str>, memory: &HostMemory) -> Layers {
    let mut layers = super::world::inventory_layers(run, play, host);
    for role in &play.plan.role_layers {
        layers.push(Level::RoleDefaults, Arc::clone(&role.defaults));
        layers.push(Level::RoleVars, Arc::clone(&role.vars));
    }
    layers.push(Level::PlayVars, Arc::clone(&play.plan.vars));
    layers.push(Level::PlayVarsPrompt, Arc::clone(&play.prompts));
    layers.push(Level::PlayVarsFiles, Arc::clone(&play.files));
    layers.push(Level::ExtraVars, Arc::new(run.options.extra_vars.clone()));
    push_memory(&mut layers, memory);
    layers
}

/// What the host has learnt, as layers.
pub fn push_memory(layers: &mut Layers, memory: &HostMemory) {
    if !memory.facts.is_empty() || !memory.cacheable.is_empty() {
        let mut known = (*memory.injected).clone();
        known.extend(memory.facts.iter().map(|(k, v)| (format!("ansible_{k}").into(), v.clone())));
        known.extend(memory.cacheable.iter().map(|(k, v)| (k.clone(), v.clone())));
        let mut facts = (*memory.facts).clone();
        facts.extend(memory.cacheable.iter().map(|(k, v)| (k.clone(), v.clone())));
        known.insert("ansible_facts".into(), facts.into());
        layers.push(Level::Facts, Arc::new(known));
    }
    layers.push(Level::IncludeVars, Arc::clone(&memory.included));
    layers.push(Level::SetFacts, Arc::clone(&memory.set));
}

/// A task's own layers over those of its host.
pub fn task_layers(
    base: &Layers,
    keywords: &TaskKeywords,
    frame: &super::flow::Frame,
    role: Option<&RoleScope>,
) -> Layers {
    let mut layers = base.clone();
    if let Some(role) = role {
        layers.push(Level::RoleDefaults, Arc::clone(&role.defaults));
        for vars in &role.around {
            layers.push(Level::RoleVars, Arc::clone(vars));
        }
        layers.push(Level::RoleVars, Arc::clone(&role.vars));
        layers.push(Level::RoleParams, Arc::clone(&role.params));
    }
    for vars in &keywords.vars {
        layers.push(Level::TaskVars, Arc::clone(vars));
    }
    for params in &frame.params {
        layers.push(Level::IncludeParams, Arc::clone(params));
    }
    layers.push(Level::Magic, Arc::clone(&frame.vars));
    layers
}
