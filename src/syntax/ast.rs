//! Playbooks exactly as written: plays, blocks and tasks with the place of every part, nothing resolved.

use crate::base::{Span, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// What is written there.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

/// `keyword: value` pairs in the order written. Keys are as written, values not evaluated.
pub type Entries = Vec<(Spanned<Arc<str>>, Spanned<Value>)>;

/// A playbook file.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// As it was given, or as an `import_playbook` finds it.
    pub path: PathBuf,
    /// In the order of the file.
    pub entries: Vec<PlaybookEntry>,
}

/// One element of a playbook's list.
#[derive(Clone, Debug)]
pub enum PlaybookEntry {
    /// An entry with `hosts:`.
    Play(Play),
    /// `import_playbook`, with its vars, when and tags among the keywords.
    Import {
        /// A path beside this playbook, or a template for one.
        file: Spanned<Value>,
        /// What the plays it brings inherit.
        keywords: Keywords,
        /// Where the entry begins.
        span: Span,
    },
}

/// A play, its sections apart.
#[derive(Clone, Debug)]
pub struct Play {
    /// Where the play begins.
    pub span: Span,
    /// A pattern, a list of them, or a template.
    pub hosts: Spanned<Value>,
    /// All play keywords but those below; checked against the list of play keywords.
    pub keywords: Keywords,
    /// In the order in which they run, behind `pre_tasks`.
    pub roles: Vec<RoleUse>,
    /// Before the roles.
    pub pre_tasks: Vec<Item>,
    /// Behind the roles.
    pub tasks: Vec<Item>,
    /// Behind `tasks` and the handlers that these notified.
    pub post_tasks: Vec<Item>,
    /// Tasks and blocks of them that run only where they are notified.
    pub handlers: Vec<Item>,
    /// What must hold on a machine that was booted from an image of this play.
    pub verify: Vec<Item>,
}

/// An entry of `roles:` or of a role's `dependencies:`.
#[derive(Clone, Debug)]
pub struct RoleUse {
    /// Where the entry begins.
    pub span: Span,
    /// The role's name or path; may be a template.
    pub name: Spanned<Value>,
    /// when, tags, become, vars, delegate_to …
    pub keywords: Keywords,
    /// Everything else: role parameters.
    pub params: Entries,
}

/// What may stand in a list of tasks.
#[derive(Clone, Debug)]
pub enum Item {
    /// Anything but a block.
    Task(Task),
    /// What has a `block:`.
    Block(Block),
}

/// A block as written; `rescue` and `always` are empty where it has none.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where the block begins.
    pub span: Span,
    /// All but the three lists.
    pub keywords: Keywords,
    /// `block:`
    pub body: Vec<Item>,
    /// `rescue:`; empty where it has none.
    pub rescue: Vec<Item>,
    /// `always:`; empty where it has none.
    pub always: Vec<Item>,
}

/// One task, imports and includes too (`action.name` is then `import_tasks`, `include_role` …).
#[derive(Clone, Debug)]
pub struct Task {
    /// Where the task begins.
    pub span: Span,
    /// What it calls: the key that is no keyword, or what `action:` and `local_action:` say.
    pub action: Action,
    /// All but the action and its `args:`.
    pub keywords: Keywords,
}

/// The argument under which a whole argument list given as one template is kept (`module: "{{ args }}"`, `args:`).
pub const VARIABLE_ARGS: &str = "_variable_params";

/// The module call.
#[derive(Clone, Debug)]
pub struct Action {
    /// As written: `apt`, `ansible.builtin.apt`, `ns.coll.mod`.
    pub name: Spanned<Arc<str>>,
    /// What stands behind its name.
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
}
