//! What one run shares: hosts and what is known of them, connections, handlers, options.

use super::cancel::Cancel;
use super::event::{Event, Sink};
use super::options::{Mode, RunOptions};
use super::redact::Redactor;
use crate::base::{Map, Value};
use crate::eval::Engine;
use crate::graph::Includer;
use crate::remote::Remote;
use crate::syntax::inventory::{Inventory, VarFolders};
use crate::syntax::vault::Keyring;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, RwLock};

/// What a host has learnt in this run. Every field is a layer of the variable ladder.
#[derive(Clone, Debug, Default)]
pub struct HostMemory {
    /// Facts without the `ansible_` prefix: `ansible_facts.x`, and `ansible_x` for short.
    pub facts: Arc<Map>,
    /// Top-level names that modules returned as facts without that prefix (`services`, `packages`).
    pub injected: Arc<Map>,
    /// `set_fact` and `register`.
    pub set: Arc<Map>,
    /// `include_vars`.
    pub included: Arc<Map>,
    /// `set_fact` with `cacheable`: also a fact.
    pub cacheable: Arc<Map>,
    /// How often other hosts have given it something (`delegate_facts`).
    pub given: u64,
}

impl HostMemory {
    pub fn insert(layer: &mut Arc<Map>, name: impl Into<crate::base::Key>, value: Value) {
        Arc::make_mut(layer).insert(name.into(), value);
    }

    /// Takes over a module's `ansible_facts`.
    pub fn learn(&mut self, facts: &Map) {
        for (key, value) in facts {
            // Custom facts keep their full name in `ansible_facts` too.
            let bare =
                key.as_str().filter(|k| *k != "ansible_local").and_then(|k| k.strip_prefix("ansible_"));
            match bare {
                Some(bare) => Self::insert(&mut self.facts, bare, value.clone()),
                None => {
                    Self::insert(&mut self.facts, key.clone(), value.clone());
                    Self::insert(&mut self.injected, key.clone(), value.clone());
                }
            }
        }
    }
}

/// Hosts and groups as they are now: the inventory, and what `add_host` and `group_by` added.
pub struct World {
    pub inventory: Arc<Inventory>,
    /// Raised at every change, so that cached `groups` values are made anew.
    pub version: u64,
    /// What `add_host` and `group_by` added, in order; it outlives a reading of the sources.
    pub added: Vec<super::world::Added>,
}

/// Shared by all hosts of a run.
pub struct Run {
    pub options: RunOptions,
    pub engine: Arc<Engine>,
    pub includer: Arc<dyn Includer>,
    pub world: RwLock<World>,
    pub memory: RwLock<HashMap<Arc<str>, HostMemory>>,
    pub connections: Mutex<HashMap<String, Arc<dyn Remote>>>,
    pub sink: Arc<dyn Sink>,
    pub redactor: Arc<Redactor>,
    pub cancel: Cancel,
    pub recap: Mutex<IndexMap<Arc<str>, super::event::HostRecap>>,
    /// Opens vault text.
    pub vault: Box<dyn Fn(&str) -> Result<String, String> + Send + Sync>,
    pub keyring: Arc<Keyring>,
    /// On a plan: what would be changed.
    pub decisions: Mutex<Vec<super::saved::SavedDecision>>,
    /// Readers of group_vars and host_vars, by the playbook's folder.
    pub folders: Mutex<HashMap<std::path::PathBuf, Arc<VarFolders>>>,
    /// The value of `groups`, for one version of the world.
    pub groups: Mutex<Option<(u64, Value)>>,
    /// `async` with `poll: 0`.
    pub background: Mutex<super::background::Jobs>,
    /// On a plan, between two plays of a host: effects that were not made, and what they would leave.
    pub foreseen: Mutex<HashMap<Arc<str>, super::host::Foreseen>>,
    /// `throttle`: who may do a task now, by the task.
    pub turns: Mutex<HashMap<crate::graph::NodeId, Arc<tokio::sync::Semaphore>>>,
    /// Names that texts in variables read.
    pub names_of: Mutex<HashMap<Arc<str>, Vec<Arc<str>>>>,
    pub journal: Arc<Mutex<super::journal::Journal>>,
    /// What the run does over clouds' APIs.
    pub cloud: super::cloud::CloudRun,
    /// Hosts that failed or could not be reached in an earlier play: they take no further part.
    pub lost: Mutex<HashMap<Arc<str>, Lost>>,
    /// What hosts had counted when `clear_host_errors` came: shown, but no failure of the run.
    pub pardoned: Mutex<IndexMap<Arc<str>, super::event::HostRecap>>,
    /// On a plan: what would be changed on the controller.
    pub on_controller: Mutex<super::planned::OnController>,
    /// How often tasks may have changed something on the controller.
    pub made_here: std::sync::atomic::AtomicU64,
    /// The first play that has the task of `--start-at-task`.
    pub begins: OnceLock<usize>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    Failed,
    Unreachable,
}

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Run {
    /// Plan and check never change a host.
    pub fn check(&self) -> bool {
        self.options.check || matches!(self.options.mode, Mode::Plan | Mode::Destroy)
    }

    /// The task of `--start-at-task`, as long as no play before this one has it.
    pub fn starts_in(&self, play: usize) -> Option<Arc<str>> {
        let wanted = self.options.start_at_task.as_deref()?;
        self.begins.get().is_none_or(|first| *first >= play).then(|| wanted.into())
    }

    /// The play has that task.
    pub fn note_start(&self, play: usize) {
        self.begins.get_or_init(|| play);
    }

    pub fn emit(&self, event: Event) {
        self.sink.event(&event);
    }

    pub fn memory(&self, host: &str) -> HostMemory {
        self.memory.read().unwrap_or_else(|e| e.into_inner()).get(host).cloned().unwrap_or_default()
    }

    pub fn remember(&self, host: &Arc<str>, change: impl FnOnce(&mut HostMemory)) {
        let mut all = self.memory.write().unwrap_or_else(|e| e.into_inner());
        change(all.entry(Arc::clone(host)).or_default());
    }

    /// How often other hosts have given this one something.
    pub fn given(&self, host: &str) -> u64 {
        self.memory.read().unwrap_or_else(|e| e.into_inner()).get(host).map_or(0, |memory| memory.given)
    }

    pub fn inventory(&self) -> Arc<Inventory> {
        Arc::clone(&self.world.read().unwrap_or_else(|e| e.into_inner()).inventory)
    }

    /// Whether a host counts more of it than was pardoned.
    pub fn counts_against(&self, count: fn(&super::event::HostRecap) -> u64) -> bool {
        let pardoned = locked(&self.pardoned);
        let before = |host: &Arc<str>| pardoned.get(host).map_or(0, count);
        locked(&self.recap).iter().any(|(host, recap)| count(recap) > before(host))
    }

    pub fn count(&self, host: &Arc<str>, change: impl FnOnce(&mut super::event::HostRecap)) {
        change(locked(&self.recap).entry(Arc::clone(host)).or_default());
    }
}
