//! A task's keywords, with what it has inherited of all that it stands in.

use crate::base::{Map, Value};
use std::sync::Arc;

/// The groups that `module_defaults` may name (`group/aws`), with what their modules' names begin with. Those of modules
/// that are not here preset nothing.
pub const ACTION_GROUPS: &[(&str, &[&str])] = &[
    ("aws", &["amazon.aws.", "community.aws."]),
    ("docker", &["community.docker."]),
    ("azure", &[]),
    ("cpm", &[]),
    ("gcp", &[]),
    ("k8s", &[]),
    ("os", &[]),
    ("ovirt", &[]),
    ("vmware", &[]),
];

/// Variables that say how a host is reached and as whom: every task reads them without naming them.
pub const CONNECTION_VARS: &[&str] = &[
    "ansible_become",
    "ansible_become_user",
    "ansible_become_method",
    "ansible_become_flags",
    "ansible_become_exe",
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
    /// With those of all that is around it, each once, texts split at commas; may be templates.
    pub tags: Vec<Value>,
    /// `vars` of blocks, imports and the task, innermost last; each a map.
    pub vars: Vec<Arc<Map>>,
    /// Each a map or a template for one, outermost first; the later override.
    pub environment: Vec<Value>,
    /// Whether to become another user; the others of its kind say how.
    pub become_: Option<Value>,
    /// `None`: root.
    pub become_user: Option<Value>,
    /// `sudo`, `su` or `doas`; `None`: `sudo`.
    pub become_method: Option<Value>,
    /// Options for the method's command; `None`: those it has by default.
    pub become_flags: Option<Value>,
    /// The method's command; `None`: the method's name.
    pub become_exe: Option<Value>,
    /// The login; a variable or the command line may say another.
    pub remote_user: Option<Value>,
    /// `ssh`, `local`, `chroot`, `nspawn`.
    pub connection: Option<Value>,
    /// Of the SSH server.
    pub port: Option<Value>,
    /// Whether a failure is told and passed over.
    pub ignore_errors: Option<Value>,
    /// Whether a host that cannot be reached fails this task only.
    pub ignore_unreachable: Option<Value>,
    /// Whether a failure on one host ends the play on all of its batch.
    pub any_errors_fatal: Option<Value>,
    /// True: it only predicts. False: it acts even in a run with `--check`.
    pub check_mode: Option<Value>,
    /// Whether differences are shown; `None`: as the command line says.
    pub diff: Option<Value>,
    /// Whether arguments, result and differences are hidden.
    pub no_log: Option<Value>,
    /// Whether one host of the batch does it for all.
    pub run_once: Option<Value>,
    /// The host that does it in this one's place, still with this one's variables.
    pub delegate_to: Option<Value>,
    /// Whether facts it finds are the other host's and not this one's.
    pub delegate_facts: Option<Value>,
    /// The most hosts at it at a time; 0 is no limit.
    pub throttle: Option<Value>,
    /// Seconds that it may take; 0 is no limit.
    pub timeout: Option<Value>,
    /// By module name as resolved (short name), group defaults expanded.
    pub module_defaults: Vec<Value>,
    // Of the task alone:
    /// `None`: it is done once.
    pub loop_: Option<Loop>,
    /// All `None` where the task has no `loop_control`.
    pub loop_control: LoopControl,
    /// The variable that gets the result, on each host.
    pub register: Option<Arc<str>>,
    /// Conditions that must all hold; empty: the module says it.
    pub changed_when: Vec<Value>,
    /// Conditions that must all hold; empty: the module says it.
    pub failed_when: Vec<Value>,
    /// Conditions that must all hold for it to be tried no more; empty: it is tried once, unless `retries` is set.
    pub until: Vec<Value>,
    /// Attempts behind the first; `None`: 3, where `until` is set.
    pub retries: Option<Value>,
    /// Seconds between attempts; `None`: 5.
    pub delay: Option<Value>,
    /// Seconds that it may take, with `poll: 0` in the background; 0 or `None`: no limit of its own.
    pub async_: Option<Value>,
    /// 0, with `async`: it runs on while the play goes on; otherwise it is waited for.
    pub poll: Option<Value>,
    /// Names and topics of handlers; also what blocks and the play say.
    pub notify: Vec<Value>,
    /// `needs:` names of tasks or plays that must be done first.
    pub needs: Vec<Arc<str>>,
}

impl TaskKeywords {
    /// Whether it is tried more than once: `until` says how long; `retries` alone until it does not fail.
    pub fn repeats(&self) -> bool {
        !self.until.is_empty() || self.retries.is_some()
    }

    /// Whether an item is begun only when the one before it has ended.
    pub fn one_by_one(&self) -> bool {
        let control = &self.loop_control;
        self.repeats() || control.pause.is_some() || !control.break_when.is_empty()
    }

    /// Whether what it finds may belong to other hosts than its own, which go on when they have it.
    pub fn gives_facts(&self) -> bool {
        self.delegate_facts.is_some() && self.delegate_to.is_some()
    }
}

/// What a task is repeated over; evaluated once, when its turn comes.
#[derive(Clone, Debug)]
pub enum Loop {
    /// `loop:`
    Items(Value),
    /// `with_NAME:`
    With {
        /// The NAME, a lookup: `items`, `dict`, `fileglob`.
        lookup: Arc<str>,
        /// What the lookup is given, as written.
        terms: Value,
    },
}

/// `loop_control`, as templates. `pause` is in seconds.
#[derive(Clone, Debug, Default)]
pub struct LoopControl {
    /// The variable that holds the item; `None`: `item`.
    pub loop_var: Option<Value>,
    /// The variable that holds the item's number, from 0; `None`: there is none.
    pub index_var: Option<Value>,
    /// What is shown of an item; `None`: the item itself.
    pub label: Option<Value>,
    /// Between two items.
    pub pause: Option<Value>,
    /// Whether `ansible_loop` is there, with the length and the neighbours.
    pub extended: Option<Value>,
    /// Whether `ansible_loop` holds all items too; `None`: yes.
    pub extended_allitems: Option<Value>,
    /// Conditions that, all together, end the loop behind an item; empty: all items have their turn.
    pub break_when: Vec<Value>,
}
