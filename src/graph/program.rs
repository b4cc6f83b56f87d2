//! What the compiler makes and the executor runs: plays as flat vectors of nodes, every name bound.

use crate::base::{Map, Span, Value};
use crate::modules::Module;
use indexmap::IndexMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The number of a task, block or handler, unique in the program and the same in every run of the same files.
pub type NodeId = usize;

/// All plays of a run, in order; `import_playbook` resolved.
#[derive(Clone, Debug)]
pub struct Program {
    pub plays: Vec<Arc<PlayPlan>>,
    /// SHA-256 over every input (files read, inventory, extra vars, tool version), hexadecimal.
    pub hash: String,
}

/// A play, its keywords as templates still, its sections joined in the order in which they run.
#[derive(Clone, Debug)]
pub struct PlayPlan {
    pub span: Span,
    pub name: Value,
    /// The `hosts:` pattern; may be a template over extra vars.
    pub hosts: Value,
    /// The playbook's directory.
    pub playbook_dir: PathBuf,
    /// `gather_facts` (None: gather, as is the default), and the subsets of `gather_subset`.
    pub gather_facts: Option<Value>,
    pub gather_subset: Option<Value>,
    /// Top-level fact names that anything in the play can use; `None` when it cannot be told.
    pub facts_used: Option<Vec<Arc<str>>>,
    pub serial: Option<Value>,
    pub max_fail_percentage: Option<Value>,
    pub order: Option<Value>,
    pub force_handlers: Option<Value>,
    /// `vars`, `vars_prompt` answers are added by the executor.
    pub vars: Arc<Map>,
    /// Each entry is a file name, or a list of candidates of which the first found is taken.
    pub vars_files: Vec<Value>,
    pub vars_prompt: Vec<Prompt>,
    pub keywords: Arc<TaskKeywords>,
    /// The roles in `roles:` and imported ones: their defaults and vars are visible to the whole play.
    pub role_layers: Vec<Arc<RoleScope>>,
    /// The body: sections with the flushes of handlers between them, flattened.
    pub body: Arc<Sequence>,
    pub handlers: Vec<Arc<Handler>>,
    /// `image:` as written, with its place: what `fitout bake` makes of the play.
    pub image: Option<(Value, Span)>,
    /// The tasks of `verify:`, for a machine booted from the image; no other run carries them out.
    pub verify: Arc<Sequence>,
}

/// One entry of `vars_prompt`; asked once, before the play begins.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub name: Arc<str>,
    pub prompt: Value,
    pub private: bool,
    pub default: Option<Value>,
    pub confirm: bool,
    pub encrypt: Option<Arc<str>>,
    pub unsafe_text: bool,
}

/// A list of steps run in order. What includes load at run time is a sequence of its own.
#[derive(Debug, Default)]
pub struct Sequence {
    pub steps: Vec<Step>,
}

/// One element of a list of tasks.
#[derive(Clone, Debug)]
pub enum Step {
    Task(Arc<TaskNode>),
    Block(Arc<BlockNode>),
    /// Runs notified handlers: the end of a section, or `meta: flush_handlers`.
    Flush {
        implicit: bool,
    },
}

/// A block: what is in `rescue` runs where `body` failed, what is in `always` runs either way.
#[derive(Debug)]
pub struct BlockNode {
    pub id: NodeId,
    pub span: Span,
    pub body: Sequence,
    pub rescue: Sequence,
    pub always: Sequence,
}

/// A task with the keywords of its blocks, role and play already inherited.
#[derive(Debug)]
pub struct TaskNode {
    /// Position in the play's order; unique in a run.
    pub id: NodeId,
    pub span: Span,
    pub name: Option<Value>,
    pub act: Act,
    pub keywords: Arc<TaskKeywords>,
    /// The role it stands in, with its directory and its own layers (defaults, vars, params).
    pub role: Option<Arc<RoleScope>>,
    /// Names this task's values, conditions and loop mention (transitively through variables known at compile
    /// time); `None`: cannot be told (templated names, `vars[...]`, `hostvars`), so all.
    pub uses: Option<Vec<Arc<str>>>,
    /// Of a task that renders a file, the names without those of the file: all that it takes to look at the host.
    pub looks: Option<Vec<Arc<str>>>,
    /// Whether it mentions `hostvars` or other hosts' results: waits for the others.
    pub uses_other_hosts: bool,
}

impl TaskNode {
    /// The module's short name, or the include's or meta's.
    pub fn action_name(&self) -> &str {
        match &self.act {
            Act::Module { module, .. } => &module.spec.name,
            Act::IncludeTasks { .. } => "include_tasks",
            Act::IncludeRole(_) => "include_role",
            Act::Meta(_) => "meta",
        }
    }
}

impl PlayPlan {
    /// Whether hosts may have to wait for each other within a batch.
    pub fn has_barriers(&self) -> bool {
        fn any(sequence: &Sequence) -> bool {
            sequence.steps.iter().any(|step| match step {
                Step::Task(task) => waits(task),
                Step::Block(block) => any(&block.body) || any(&block.rescue) || any(&block.always),
                Step::Flush { .. } => false,
            })
        }
        // What an include brings is not known here.
        fn waits(task: &TaskNode) -> bool {
            let k = &task.keywords;
            let include = matches!(task.act, Act::IncludeTasks { .. } | Act::IncludeRole(_));
            include || task.uses_other_hosts || k.run_once.is_some() || k.any_errors_fatal.is_some()
        }
        self.max_fail_percentage.is_some() || any(&self.body) || self.handlers.iter().any(|h| waits(&h.task))
    }
}

/// What a task does, once its name was looked up.
#[derive(Debug)]
pub enum Act {
    /// A module with its raw arguments; values are templates still.
    Module {
        module: Arc<Module>,
        args: Arc<Map>,
    },
    /// `include_tasks`: file relative to `dir` (then the role's tasks, then the playbook).
    IncludeTasks {
        file: Value,
        dir: PathBuf,
        apply: Option<Arc<TaskKeywords>>,
    },
    IncludeRole(Arc<IncludeRole>),
    /// `meta: end_host | end_play | end_batch | end_role | clear_facts | clear_host_errors | noop |
    /// refresh_inventory | reset_connection` (`flush_handlers` is a [`Step::Flush`]).
    Meta(Arc<str>),
}

/// `include_role` with its options, to be resolved when its turn comes; names are relative as in Ansible.
#[derive(Debug)]
pub struct IncludeRole {
    pub name: Value,
    pub tasks_from: Value,
    pub vars_from: Option<Value>,
    pub defaults_from: Option<Value>,
    pub handlers_from: Option<Value>,
    pub public: bool,
    pub allow_duplicates: bool,
    pub rolespec_validate: bool,
    pub apply: Option<Arc<TaskKeywords>>,
}

/// A task that runs where it was notified, once, at the next flush.
#[derive(Debug)]
pub struct Handler {
    pub task: Arc<TaskNode>,
    /// `listen` topics.
    pub listen: Vec<Value>,
    /// Names it answers to besides its own: `role : name`.
    pub aliases: Vec<Arc<str>>,
}

/// One use of a role: what its tasks see of it, whoever includes them.
#[derive(Clone, Debug)]
pub struct RoleScope {
    /// As used: `geerlingguy.docker`, `ns.coll.role`.
    pub name: Arc<str>,
    pub collection: Option<Arc<str>>,
    pub path: PathBuf,
    pub defaults: Arc<Map>,
    pub vars: Arc<Map>,
    /// Role parameters and `vars:` of the use, over those of the roles it is used by.
    pub params: Arc<Map>,
    /// Variables of the roles that this one is a dependency of (outermost first), and of its own dependencies.
    pub around: Vec<Arc<Map>>,
    /// Name and folder of the roles that include it, the nearest first.
    pub parents: Vec<(Arc<str>, PathBuf)>,
    /// Another role's dependency.
    pub dependency: bool,
    /// Distinguishes two uses of one role in a play.
    pub instance: usize,
    /// Of all uses with this key only the first that ran a task runs.
    pub once: Option<Arc<str>>,
}

impl RoleScope {
    /// What a handler of the role is called from elsewhere: `role : name`, and with the role's collection.
    pub fn names_of(&self, name: &str) -> Vec<Arc<str>> {
        let collection = self.collection.iter().filter(|c| !self.name.starts_with(&***c));
        let qualified = collection.map(|c| format!("{c}.{} : {name}", self.name).into());
        std::iter::once(format!("{} : {name}", self.name).into()).chain(qualified).collect()
    }
}

/// Variables that say how a host is reached and as whom: every task reads them without naming them.
pub const CONNECTION_VARS: &[&str] = &[
    "ansible_become",
    "ansible_become_user",
    "ansible_become_method",
    "ansible_become_flags",
    "ansible_become_password",
    "ansible_become_pass",
    "ansible_sudo_pass",
    "ansible_su_pass",
    "ansible_connection",
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_ssh_private_key_file",
    "ansible_private_key_file",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_shell_executable",
];

/// Keywords after inheritance. `None`: not set anywhere. Values are raw.
#[derive(Clone, Debug, Default)]
pub struct TaskKeywords {
    /// Conditions of the task and all blocks, imports and roles around it, outermost first.
    pub when: Vec<Value>,
    pub tags: Vec<Value>,
    /// `vars` of blocks, imports and the task, innermost last; each a map.
    pub vars: Vec<Arc<Map>>,
    pub environment: Vec<Value>,
    pub become_: Option<Value>,
    pub become_user: Option<Value>,
    pub become_method: Option<Value>,
    pub become_flags: Option<Value>,
    pub remote_user: Option<Value>,
    pub connection: Option<Value>,
    pub port: Option<Value>,
    pub ignore_errors: Option<Value>,
    pub ignore_unreachable: Option<Value>,
    pub any_errors_fatal: Option<Value>,
    pub check_mode: Option<Value>,
    pub diff: Option<Value>,
    pub no_log: Option<Value>,
    pub run_once: Option<Value>,
    pub delegate_to: Option<Value>,
    pub delegate_facts: Option<Value>,
    pub throttle: Option<Value>,
    pub timeout: Option<Value>,
    /// By module name as resolved (short name), group defaults expanded.
    pub module_defaults: Vec<Value>,
    // Of the task alone:
    pub loop_: Option<Loop>,
    pub loop_control: LoopControl,
    pub register: Option<Arc<str>>,
    pub changed_when: Vec<Value>,
    pub failed_when: Vec<Value>,
    pub until: Vec<Value>,
    pub retries: Option<Value>,
    pub delay: Option<Value>,
    pub async_: Option<Value>,
    pub poll: Option<Value>,
    pub notify: Vec<Value>,
    /// `needs:` names of tasks or plays that must be done first.
    pub needs: Vec<Arc<str>>,
}

impl TaskKeywords {
    /// Whether it is tried more than once: `until` says how long; `retries` alone until it does not fail.
    pub fn repeats(&self) -> bool {
        !self.until.is_empty() || self.retries.is_some()
    }
}

/// What a task is repeated over; evaluated once, when its turn comes.
#[derive(Clone, Debug)]
pub enum Loop {
    /// `loop:`
    Items(Value),
    /// `with_NAME:`
    With { lookup: Arc<str>, terms: Value },
}

/// `loop_control`, as templates. `pause` is in seconds.
#[derive(Clone, Debug, Default)]
pub struct LoopControl {
    pub loop_var: Option<Value>,
    pub index_var: Option<Value>,
    pub label: Option<Value>,
    pub pause: Option<Value>,
    pub extended: Option<Value>,
    pub extended_allitems: Option<Value>,
    pub break_when: Vec<Value>,
}

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
    pub name: String,
    pub tasks_from: String,
    pub vars_from: Option<String>,
    pub defaults_from: Option<String>,
    pub handlers_from: Option<String>,
}

/// A role that was compiled while the run goes on.
#[derive(Clone, Debug)]
pub struct IncludedRole {
    pub body: Arc<Sequence>,
    pub handlers: Vec<Arc<Handler>>,
    pub scope: Arc<RoleScope>,
}

/// Facts about the variables of each name, for `fitout graph` and diagnostics.
pub type Definitions = IndexMap<Arc<str>, Vec<Span>>;
