//! What only the run can name: how the executor asks the resolver for it, and what it gets.

use super::{Handler, RoleScope, Sequence, TaskNode};
use std::sync::Arc;

/// Loads and compiles what an include names at run time; implemented by the resolver, called by the executor.
pub trait Includer: Send + Sync {
    /// `include_tasks`: `file` is evaluated. Results are cached by the implementation.
    fn tasks(&self, node: &TaskNode, file: &str) -> Result<Arc<Sequence>, String>;
    /// `include_role` with evaluated names; also its handlers and layers for `public`.
    fn role(&self, node: &TaskNode, call: &RoleCall) -> Result<IncludedRole, String>;
}

/// A role that the run has just named, its file names rendered. Without `tasks_from` it is `main`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleCall {
    /// As in [`RoleScope::name`].
    pub name: String,
    /// A file's name without its folder.
    pub tasks_from: String,
    /// `None`: `main`, if it is there.
    pub vars_from: Option<String>,
    /// `None`: `main`, if it is there.
    pub defaults_from: Option<String>,
    /// `None`: `main`, if it is there.
    pub handlers_from: Option<String>,
}

/// A role that was compiled while the run goes on.
#[derive(Clone, Debug)]
pub struct IncludedRole {
    /// Its tasks, behind those of its dependencies.
    pub body: Arc<Sequence>,
    /// Handlers it brings, its dependencies' too; they can be notified from then on.
    pub handlers: Vec<Arc<Handler>>,
    /// What its tasks see of it, and with `public` the tasks behind it too.
    pub scope: Arc<RoleScope>,
}
