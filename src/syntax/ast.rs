//! Playbooks exactly as written: plays, blocks and tasks with the place of every part, nothing resolved.

use crate::base::{Span, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// pub struct Spanned<T> {
    pub value: T,
    /// pub value: T,
    pub span: Span,
}

/// `keyword: value` pairs in the order written. Keys are as written, values not evaluated.
pub type Entries = Vec<(Spanned<Arc<str>>, Spanned<Value>)>;

/// A playbook file.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// pub struct Playbook {
    pub path: PathBuf,
    /// pub path: PathBuf,
    pub entries: Vec<PlaybookEntry>,
}

/// One element of a playbook's list.
#[derive(Clone, Debug)]
pub enum PlaybookEntry {
    /// pub enum PlaybookEntry {
    Play(Play),
    /// `import_playbook`, with its vars, when and tags among the keywords.
    Import {
        /// Import {
        file: Spanned<Value>,
        /// file: Spanned<Value>,
        keywords: Keywords,
        /// keywords: Keywords,
        span: Span,
    },
}

/// A play, its sections apart.
#[derive(Clone, Debug)]
pub struct Play {
    /// pub struct Play {
    pub span: Span,
    /// pub span: Span,
    pub hosts: Spanned<Value>,
    /// All play keywords but those below; checked against the list of play keywords.
    pub keywords: Keywords,
    /// pub keywords: Keywords,
    pub roles: Vec<RoleUse>,
    /// pub roles: Vec<RoleUse>,
    pub pre_tasks: Vec<Item>,
    /// pub pre_tasks: Vec<Item>,
    pub tasks: Vec<Item>,
    /// pub tasks: Vec<Item>,
    pub post_tasks: Vec<Item>,
    /// pub post_tasks: Vec<Item>,
    pub handlers: Vec<Item>,
    /// What must hold on a machine that was booted from an image of this play.
    pub verify: Vec<Item>,
}

/// An entry of `roles:` or of a role's `dependencies:`.
#[derive(Clone, Debug)]
pub struct RoleUse {
    /// pub struct RoleUse {
    pub span: Span,
    /// pub span: Span,
    pub name: Spanned<Value>,
    /// when, tags, become, vars, delegate_to …
    pub keywords: Keywords,
    /// Everything else: role parameters.
    pub params: Entries,
}

/// What may stand in a list of tasks.
#[derive(Clone, Debug)]
pub enum Item {
    /// pub enum Item {
    Task(Task),
    /// Task(Task),
    Block(Block),
}

/// A block as written; `rescue` and `always` are empty where it has none.
#[derive(Clone, Debug)]
pub struct Block {
    /// pub struct Block {
    pub span: Span,
    /// pub span: Span,
    pub keywords: Keywords,
    /// pub keywords: Keywords,
    pub body: Vec<Item>,
    /// pub body: Vec<Item>,
    pub rescue: Vec<Item>,
    /// pub rescue: Vec<Item>,
    pub always: Vec<Item>,
}

/// One task, imports and includes too (`action.name` is then `import_tasks`, `include_role` …).
#[derive(Clone, Debug)]
pub struct Task {
    /// pub struct Task {
    pub span: Span,
    /// pub span: Span,
    pub action: Action,
    /// pub action: Action,
    pub keywords: Keywords,
}

/// The argument under which a whole argument list given as one template is kept (`module: "{{ args }}"`, `args:`).
pub const VARIABLE_ARGS: &str = "_variable_params";

/// The module call.
#[derive(Clone, Debug)]
pub struct Action {
    /// As written: `apt`, `ansible.builtin.apt`, `ns.coll.mod`.
    pub name: Spanned<Arc<str>>,
    /// pub name: Spanned<Arc<str>>,
    pub args: ActionArgs,
    /// The task's `args:`, merged under the arguments at resolution.
    pub extra: Entries,
    /// Written as `local_action:`.
    pub local: bool,
}

/// What stands behind the module's name, before the module is known.
#[derive(Clone, Debug)]
pub enum ActionArgs {
    /// `module:` with nothing after it.
    None,
    /// A mapping.
    Entries(Entries),
    /// A string: free form or `k=v` words; split at resolution, when the module is known.
    Text(Spanned<Value>),
    /// Any other YAML value (`meta: flush_handlers` is Text; a list for `command` is an error shown later).
    Other(Spanned<Value>),
}

/// Keywords common to plays, blocks, tasks and roles (`name`, `when`, `become`, `tags`, `vars`, `loop`,
/// `with_items` …) as written. `vars` is a map value.
#[derive(Clone, Debug, Default)]
pub struct Keywords(pub Entries);

impl Keywords {
    /// The value of an entry; the first where a key is written twice, which was reported already.
    pub fn get(&self, name: &str) -> Option<&Spanned<Value>> {
        self.0.iter().find(|(k, _)| &*k.value == name).map(|(_, v)| v)
    }

    /// Where the key is written, for a finding about the key and not its value.
    pub fn key_span(&self, name: &str) -> Option<Span> {
        self.0.iter().find(|(k, _)| &*k.value == name).map(|(k, _)| k.span)
    }
}
