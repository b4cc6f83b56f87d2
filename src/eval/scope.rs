//! What an expression can see: variables by name, and the controller's side for lookups.

use crate::base::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Gives variables by name. Values may hold templates; they are evaluated when they are touched.
pub trait Scope: Send + Sync {
    /// The variable of that name, with no evaluation.
    fn get(&self, name: &str) -> Option<Value>;

    /// All names this scope defines.
    fn names(&self) -> Vec<String>;

    /// The controller's side: where lookups search and what they may ask.
    fn context(&self) -> &LookupContext;

    /// The variables of another host, for `hostvars[host]`; templates in them are evaluated in that scope.
    fn host(&self, _host: &str) -> Option<Arc<dyn Scope>> {
        None
    }

    /// The hosts that `hostvars` holds.
    fn hosts(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Hosts that a pattern matches, in inventory order.
pub type HostMatcher = Arc<dyn Fn(&str) -> Result<Vec<String>, String> + Send + Sync>;

/// Clear text of a vault's text, or why it cannot be opened.
pub type VaultOpener = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// What lookups need of the controller.
#[derive(Clone, Default)]
pub struct LookupContext {
    /// Directories to search, nearest first: the role's, then the playbook's. Below each, lookups try
    /// `files/`, `templates/` or `vars/` first, then the directory itself.
    pub search: Vec<PathBuf>,
    /// The directory against which relative paths of written files (`password`) are taken.
    pub playbook_dir: PathBuf,
    /// For `inventory_hostnames`; `None`: there is no inventory.
    pub match_hosts: Option<HostMatcher>,
    /// For `unvault`; `None`: there are no passwords.
    pub open_vault: Option<VaultOpener>,
    /// In check mode no lookup changes anything (`password` makes no file).
    pub check_mode: bool,
    /// On a plan and in check mode: what may still make or change files of the controller, if anything; those are unknown then.
    pub to_come: Option<ToCome>,
}

/// What has to be done before it is known what the controller has at this path; of one where nothing is, anything may make it.
pub type ToCome = Arc<dyn Fn(&Path) -> Option<Arc<str>> + Send + Sync>;

/// A scope of one map, for tests and for what needs no more.
#[derive(Clone, Default)]
pub struct MapScope {
    /// Templates among them are evaluated when they are asked for.
    pub vars: Arc<Map>,
    /// What lookups get.
    pub lookups: LookupContext,
}

impl MapScope {
    /// These variables alone; lookups get a context without a playbook.
    pub fn new(vars: Map) -> Self {
        MapScope { vars: Arc::new(vars), lookups: LookupContext::default() }
    }
}

impl Scope for MapScope {
    fn get(&self, name: &str) -> Option<Value> {
        self.vars.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.vars.keys().map(ToString::to_string).collect()
    }

    fn context(&self) -> &LookupContext {
        &self.lookups
    }
}
