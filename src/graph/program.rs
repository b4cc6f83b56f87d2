//! What the compiler makes and the executor runs: plays as flat vectors of nodes, every name bound.

mod includer;
mod keywords;

pub use includer::*;
pub use keywords::*;

use crate::base::{Map, Span, Value};
use crate::modules::Module;
use std::path::PathBuf;
use std::sync::Arc;

/// The number of a task, block or handler, unique in the program and the same in every run of the same files.
pub type NodeId = usize;

/// All plays of a run, in order; `import_playbook` resolved.
#[derive(Clone, Debug)]
pub struct Program {
    /// The plays as they run; one that matches no host is here too.
    pub plays: Vec<Arc<PlayPlan>>,
    /// SHA-256 over every input (files read, inventory, extra vars, tool version), hexadecimal.
    pub hash: String,
}

/// A play, its keywords as templates still, its sections joined in the order in which they run.
#[derive(Clone, Debug)]
pub struct PlayPlan {
    /// Where it begins in its playbook.
    pub span: Span,
    /// As written, maybe a template; what `hosts:` says where it has no name.
    pub name: Value,
    /// The `hosts:` pattern; may be a template over extra vars.
    pub hosts: Value,
    /// The playbook's directory.
    pub playbook_dir: PathBuf,
    /// `gather_facts` (None: gather, as is the default), and the subsets of `gather_subset`.
    pub gather_facts: Option<Value>,
    /// A list, or text with commas; `None`: all subsets.
    pub gather_subset: Option<Value>,
    /// The folder of custom facts; `None`: /etc/ansible/facts.d.
    pub fact_path: Option<Value>,
    /// Top-level fact names that anything in the play can use; `None` when it cannot be told.
    pub facts_used: Option<Vec<Arc<str>>>,
    /// How many hosts make a batch: a number, a percentage, or a list of them; `None`: all at once.
    pub serial: Option<Value>,
    /// The share of a batch that may fail before the play ends; more than that, not as much, ends it.
    pub max_fail_percentage: Option<Value>,
    /// How hosts are sorted, as Ansible names it (`sorted`, `reverse_inventory`, …); `None`: as in the inventory.
    pub order: Option<Value>,
    /// Whether notified handlers run on a host that failed; `None`: as the command line says.
    pub force_handlers: Option<Value>,
    /// `vars`, `vars_prompt` answers are added by the executor.
    pub vars: Arc<Map>,
    /// Each entry is a file name, or a list of candidates of which the first found is taken.
    pub vars_files: Vec<Value>,
    /// In the order in which they are asked.
    pub vars_prompt: Vec<Prompt>,
    /// What the play's own keywords say; its tasks have inherited it. `needs` is only here.
    pub keywords: Arc<TaskKeywords>,
    /// The roles in `roles:` and imported ones: their defaults and vars are visible to the whole play.
    pub role_layers: Vec<Arc<RoleScope>>,
    /// The body: sections with the flushes of handlers between them, flattened.
    pub body: Arc<Sequence>,
    /// All that can be notified in the play, in the order in which they run: roles' first.
    pub handlers: Vec<Arc<Handler>>,
    /// `image:` as written, with its place: what `fitout bake` makes of the play.
    pub image: Option<(Value, Span)>,
    /// The tasks of `verify:`, for a machine booted from the image; no other run carries them out.
    pub verify: Arc<Sequence>,
}

/// One entry of `vars_prompt`; asked once, before the play begins.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The variable that is set.
    pub name: Arc<str>,
    /// What is shown, as written; the name where nothing is said.
    pub prompt: Value,
    /// The answer is not echoed, and is a secret from then on; so unless `private: false` is written.
    pub private: bool,
    /// Taken for an empty answer; shown only where the answer is no secret.
    pub default: Option<Value>,
    /// Asked twice, until both answers are the same.
    pub confirm: bool,
    /// The hash that the answer becomes, with its salt.
    pub encrypt: Option<Encrypt>,
}

/// How an answer of `vars_prompt` is hashed.
#[derive(Clone, Debug)]
pub struct Encrypt {
    /// The scheme as `password_hash` names it: `sha512`, `blowfish`.
    pub scheme: Arc<str>,
    /// `None`: a random one.
    pub salt: Option<Value>,
    /// Characters of a random salt; `None`: as many as the scheme takes.
    pub salt_size: Option<i64>,
}

/// A list of steps run in order. What includes load at run time is a sequence of its own.
#[derive(Debug, Default)]
pub struct Sequence {
    /// In the order of the file.
    pub steps: Vec<Step>,
}

/// One element of a list of tasks.
#[derive(Clone, Debug)]
pub enum Step {
    /// A module's call, an include or a `meta`.
    Task(Arc<TaskNode>),
    /// Tasks with a `rescue` or `always` of their own; what else a block says, its tasks have inherited.
    Block(Arc<BlockNode>),
    /// Runs notified handlers: the end of a section, or `meta: flush_handlers`.
    Flush {
        /// It ends a section; otherwise a task asks for it.
        implicit: bool,
    },
}

/// A block: what is in `rescue` runs where `body` failed, what is in `always` runs either way.
#[derive(Debug)]
pub struct BlockNode {
    /// Unique in the program, as a task's.
    pub id: NodeId,
    /// Where the block begins.
    pub span: Span,
    /// What stands in `block:`.
    pub body: Sequence,
    /// Empty: a failure is not caught.
    pub rescue: Sequence,
    /// Runs also where `rescue` failed; the failure remains one.
    pub always: Sequence,
}

/// A task with the keywords of its blocks, role and play already inherited.
#[derive(Debug)]
pub struct TaskNode {
    /// Position in the play's order; unique in a run.
    pub id: NodeId,
    /// Where the task begins.
    pub span: Span,
    /// A template; `None`: it is shown under the name of its action.
    pub name: Option<Value>,
    /// What it calls, its arguments as templates.
    pub act: Act,
    /// Its own over those of all that it stands in.
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
    /// Whether it reads files of the controller, which a task before it may make.
    pub reads_here: bool,
}

impl BlockNode {
    /// Whether one host, of which others know nothing, may end the play for all in it.
    pub fn may_end_batch(&self) -> bool {
        fn any(sequence: &Sequence) -> bool {
            sequence.steps.iter().any(|step| match step {
                Step::Task(task) => task.ends_batch(),
                Step::Block(block) => block.may_end_batch(),
                Step::Flush { .. } => false,
            })
        }
        any(&self.body) || any(&self.rescue) || any(&self.always)
    }
}

/// `meta` actions that end more than their own host's play.
pub const ENDS_BATCH: &[&str] = &["end_batch", "end_play"];

impl TaskNode {
    /// Whether it may end the play, or the batch, for all hosts.
    fn ends_batch(&self) -> bool {
        matches!(&self.act, Act::Meta(what) if ENDS_BATCH.contains(&&**what))
    }

    /// Whether it is a `meta` whose condition the first host judges for all of the batch: they wait for each other there.
    pub fn judged_for_all(&self) -> bool {
        let meta = |word: &str| matches!(&self.act, Act::Meta(what) if &**what == word);
        self.ends_batch()
            || meta("refresh_inventory")
            || meta("clear_host_errors")
            || meta("clear_facts") && !self.keywords.when.is_empty()
    }

    /// Whether it is carried out once for all hosts of the batch, with the values of the first, as Ansible does it.
    pub fn adds_hosts(&self) -> bool {
        matches!(&self.act, Act::Module { module, .. } if module.spec.name == "add_host")
    }

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
    /// Whether hosts may have to wait for each other within a batch; then all of them must be walking.
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
            include
                || task.judged_for_all()
                || task.uses_other_hosts
                || task.adds_hosts()
                || k.gives_facts()
                || k.run_once.is_some()
                || k.any_errors_fatal.is_some()
        }
        self.max_fail_percentage.is_some() || any(&self.body) || self.handlers.iter().any(|h| waits(&h.task))
    }
}

/// What a task does, once its name was looked up.
#[derive(Debug)]
pub enum Act {
    /// A module with its raw arguments; values are templates still.
    Module {
        /// As the registry or a `library/` folder has it.
        module: Arc<Module>,
        /// Free form already taken apart; names and constant values were checked, templates are when they are rendered.
        args: Arc<Map>,
    },
    /// `include_tasks`: file relative to `dir` (then the role's tasks, then the playbook).
    IncludeTasks {
        /// A template, or a constant that was compiled with the play.
        file: Value,
        /// The folder of the file that the task stands in.
        dir: PathBuf,
        /// `apply:`, which the included tasks inherit; `None` where it is not given.
        apply: Option<Arc<TaskKeywords>>,
    },
    /// `include_role`; a role that is imported is among the steps already.
    IncludeRole(Arc<IncludeRole>),
    /// `meta: end_host | end_play | end_batch | end_role | clear_facts | clear_host_errors | noop |
    /// refresh_inventory | reset_connection` (`flush_handlers` is a [`Step::Flush`]).
    Meta(Arc<str>),
}

/// `include_role` with its options, to be resolved when its turn comes; names are relative as in Ansible.
#[derive(Debug)]
pub struct IncludeRole {
    /// The role, a template.
    pub name: Value,
    /// File in `tasks/`; `main` where nothing is said.
    pub tasks_from: Value,
    /// File in `vars/`; `None`: `main`, if it is there.
    pub vars_from: Option<Value>,
    /// File in `defaults/`; `None`: `main`, if it is there.
    pub defaults_from: Option<Value>,
    /// File in `handlers/`; `None`: `main`, if it is there.
    pub handlers_from: Option<Value>,
    /// Its variables stay for the tasks behind it.
    pub public: bool,
    /// `allow_duplicates:` as written; true unless it is switched off.
    pub allow_duplicates: bool,
    /// Whether the arguments are checked against the role's `argument_specs`; on unless it is switched off.
    pub rolespec_validate: bool,
    /// `apply:`, which the role's tasks inherit; `None` where it is not given.
    pub apply: Option<Arc<TaskKeywords>>,
}

/// A task that runs where it was notified, once, at the next flush.
#[derive(Debug)]
pub struct Handler {
    /// Its name is what `notify` calls; its own `when` and `loop` are evaluated when it runs.
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
    /// `ns.coll`, where the role is of a collection.
    pub collection: Option<Arc<str>>,
    /// The role's folder.
    pub path: PathBuf,
    /// `defaults/main`, or what `defaults_from` names; empty where there is none.
    pub defaults: Arc<Map>,
    /// `vars/main`, or what `vars_from` names; empty where there is none.
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
    /// How many steps of a list belong to this use of the role, counted from its beginning.
    pub fn leading(&self, steps: &[Step]) -> usize {
        let of_role = |step: &Step| match step {
            Step::Task(task) => task.role.as_ref().is_some_and(|role| self.contains(role)),
            Step::Block(block) => self.leading(&block.body.steps) > 0,
            Step::Flush { .. } => false,
        };
        // Nothing tells whose the flush is that stands at the end.
        let asked = |step: &Step| matches!(step, Step::Flush { implicit: false });
        let beyond = steps.iter().position(|step| !of_role(step) && !asked(step)).unwrap_or(steps.len());
        steps[..beyond].iter().rposition(of_role).map_or(0, |last| last + 1)
    }

    fn contains(&self, role: &RoleScope) -> bool {
        let below = |(name, path): &(Arc<str>, PathBuf)| *name == self.name && *path == self.path;
        role.instance == self.instance || role.parents.iter().any(below)
    }

    /// What a handler of the role is called from elsewhere: `role : name`, and with the role's collection.
    pub fn names_of(&self, name: &str) -> Vec<Arc<str>> {
        let collection = self.collection.iter().filter(|c| !self.name.starts_with(&***c));
        let qualified = collection.map(|c| format!("{c}.{} : {name}", self.name).into());
        std::iter::once(format!("{} : {name}", self.name).into()).chain(qualified).collect()
    }
}
