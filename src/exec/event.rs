//! Events: all that outputs and the journal get to see of a run. Free of secrets when they reach a sink.

mod json;

pub use json::change_json;

use crate::base::{Map, Value};
use crate::plan::Change;
use std::sync::Arc;
use std::time::Duration;

/// A host's name; shared, as each event carries it.
pub type Name = Arc<str>;

/// What a task or item came to, as it is told.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As it should be, without a change.
    Ok,
    /// It was changed; in a plan and in check mode: it would be.
    Changed,
    /// A condition was not met, or there is nothing to loop over.
    Skipped,
    /// Failed, and the play goes on because the task says so.
    Ignored,
    /// The host takes no further part, unless a `rescue` takes it on.
    Failed,
    /// The host could not be reached, or was lost.
    Unreachable,
    /// Plan only: known after an effect that was not made.
    Unknown,
}

impl Outcome {
    /// The word of the JSON output (docs/events.md) and of the journal.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Changed => "changed",
            Outcome::Skipped => "skipped",
            Outcome::Ignored => "ignored",
            Outcome::Failed => "failed",
            Outcome::Unreachable => "unreachable",
            Outcome::Unknown => "unknown",
        }
    }
}

/// Counts of one host; the play recap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRecap {
    /// Tasks that ended well: changed ones, ignored failures and includes too.
    pub ok: u64,
    /// Of those in `ok`, the ones that changed something.
    pub changed: u64,
    /// Tasks that the host could not be reached for.
    pub unreachable: u64,
    /// Failures that were neither ignored nor rescued.
    pub failed: u64,
    /// Tasks of which no item was done.
    pub skipped: u64,
    /// Failures that a `rescue` caught.
    pub rescued: u64,
    /// Of those in `ok`, the failures that were ignored.
    pub ignored: u64,
    /// In a plan: tasks whose outcome depends on an effect that was not made.
    pub unknown: u64,
}

/// Names one task on one host.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRef {
    /// The host of the play; another one does the work where the task is delegated.
    pub host: Name,
    /// Unique in a run; the same task has the same number on all hosts.
    pub node: usize,
    /// With the role's name in front, as Ansible shows it.
    pub name: String,
    /// The module's short name.
    pub action: String,
    /// `file:line:column` of the task.
    pub place: String,
    /// It is one of the play's handlers.
    pub handler: bool,
}

/// One item of a task that is done, or the task itself when it has no loop.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemDone {
    /// The loop's label; `None` without a loop.
    pub label: Option<Value>,
    /// The host it was delegated to; empty where that is the task's own.
    pub delegate: String,
    /// Of this item alone.
    pub outcome: Outcome,
    /// What was or would be changed; `None` where nothing was, and under `no_log`.
    pub change: Option<Change>,
    /// Why it failed or was skipped, or what is unknown; empty where there is nothing to say, and under `no_log`.
    pub message: String,
    /// What the module returns, as `register` has it for the item; null under `no_log`.
    pub result: Value,
    /// In the module's words; told as they are also where the task went well.
    pub warnings: Vec<String>,
    /// How often it was tried, with `until` or `retries`.
    pub attempts: u32,
}

/// The end of a task on one host, all items of its loop together.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDone {
    /// Where and what it was.
    pub task: TaskRef,
    /// That of all items together: the gravest.
    pub outcome: Outcome,
    /// In the order of the loop; one without a label where there is no loop.
    pub items: Vec<ItemDone>,
    /// As `register` has it; censored under `no_log`.
    pub result: Value,
    /// Why it failed or was skipped; empty where there is nothing to say, and under `no_log`.
    pub message: String,
    /// Arguments and result are hidden; `items` are censored already.
    pub no_log: bool,
    /// The task is an output of its own (`debug`): shown whatever the verbosity.
    pub verbose: bool,
}

/// A thing of a cloud that is to be removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Doomed {
    /// As messages name it: `instance`, `NAT gateway`.
    pub kind: String,
    /// The service's own: `i-0123`.
    pub id: String,
    /// The tag `Name`, else the node that made it; empty where neither tag is there.
    pub name: String,
    /// The tag of its stack; empty where there is none.
    pub stack: String,
    /// The region it is in.
    pub region: String,
    /// `prevent_destroy` keeps it.
    pub kept: bool,
    /// Why it goes, where that is not plain: `expired 3h ago`.
    pub why: String,
}

/// What happens in a run, in the order in which outputs get it. The fields are those of docs/events.md.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The run begins; warnings alone may come before it.
    RunStarted {
        /// The run's name, which the journal's file has.
        run: String,
        /// Nothing is changed: a plan, or check mode.
        check: bool,
        /// All of the inventory, not only those that plays use.
        hosts: Vec<Name>,
    },
    /// A play begins that has hosts.
    PlayStarted {
        /// Its name, or its pattern where it has none.
        name: String,
        /// All of the play, but those that an earlier play lost.
        hosts: Vec<Name>,
    },
    /// All hosts of the play are through.
    PlayEnded {
        /// As in `PlayStarted`.
        name: String,
    },
    /// No host of the inventory is of the play; it is passed over.
    NoHosts {
        /// Its name, or its pattern where it has none.
        play: String,
        /// `hosts:`, as written.
        pattern: String,
    },
    /// The run ends before the play has begun on these hosts.
    NotBegun {
        /// Its name.
        play: String,
        /// Those that have not failed before.
        hosts: Vec<Name>,
    },
    /// In a plan: hosts of the play are known after an effect that was not made.
    HostsUnknown {
        /// Its name, or its pattern where it has none.
        play: String,
        /// `hosts:`, as written.
        pattern: String,
        /// What has to be done before they are known.
        why: String,
    },
    /// A task begins on a host.
    TaskStarted(TaskRef),
    /// An effect on a cloud begins; told before it is made.
    Effect {
        /// The task that it is of.
        task: TaskRef,
        /// The label of the loop's item; `None` without a loop.
        item: Option<Value>,
        /// What is about to change.
        change: Change,
    },
    /// How far an effect is that takes its time.
    Progress {
        /// The task that it is of.
        task: TaskRef,
        /// The label of the loop's item; `None` without a loop.
        item: Option<Value>,
        /// In the service's words, or the module's.
        message: String,
        /// Where that is known.
        percent: Option<i32>,
    },
    /// A task ended on a host; of a loop, all its items.
    TaskDone(Box<TaskDone>),
    /// An include brought something in; what it brought follows as tasks.
    Included {
        /// The include.
        task: TaskRef,
        /// The file or role that it named, rendered.
        what: String,
    },
    /// `until` was not met, or the task failed; it is tried again.
    Retry {
        /// The task that it is of.
        task: TaskRef,
        /// Number of the attempt that just ended, from 1.
        attempt: u32,
        /// How many attempts there may be behind the first.
        retries: u32,
        /// What that attempt said.
        message: String,
    },
    /// A handler will run at the next flush.
    Notified {
        /// Where it will run.
        host: Name,
        /// The name or topic that the task notified.
        handler: String,
    },
    /// The host cannot even begin the play.
    Unreachable {
        /// The one that is lost.
        host: Name,
        /// What ssh or the become program said.
        message: String,
    },
    /// The host takes no further part: failed, ended, or through with the play.
    HostDone {
        /// The host that is through.
        host: Name,
        /// Also where it could not be reached.
        failed: bool,
        /// Tasks of the play that were not reached.
        undone: usize,
    },
    /// What `destroy` and `gc` would remove, in order.
    ToRemove {
        /// Also those that are kept; empty where there is nothing.
        things: Vec<Doomed>,
    },
    /// One of them is gone, or would not go.
    Removed {
        /// As `ToRemove` had it.
        thing: Doomed,
        /// Why it is still there; `None`: it is gone.
        error: Option<String>,
    },
    /// Something that is worth saying and stops nothing.
    Warning {
        /// In a user's words, maybe several lines.
        message: String,
        /// `file:line:column`, where it is about a task.
        place: Option<String>,
    },
    /// Last of all events of a run.
    RunDone {
        /// By host; empty for `gc`, and without hosts of which there is nothing to count.
        recap: Vec<(Name, HostRecap)>,
        /// From `RunStarted` on.
        elapsed: Duration,
        /// How often hosts were asked and answered, all hosts together.
        round_trips: u64,
    },
}

/// A listener: progress, log, JSON lines, journal.
pub trait Sink: Send + Sync {
    /// Takes one event and must not block for long: the run waits for it. Errors of writing are the sink's
    /// own affair.
    fn event(&self, event: &Event);
}

/// Several listeners as one.
pub struct Broadcast(pub Vec<Arc<dyn Sink>>);

impl Sink for Broadcast {
    fn event(&self, event: &Event) {
        self.0.iter().for_each(|sink| sink.event(event));
    }
}

/// A result for display: without members that only other code reads.
pub fn display_result(result: &Value) -> Value {
    match result {
        Value::Map(map) => {
            let shown = map.iter().filter(|(k, _)| k.as_str().is_none_or(|k| !k.starts_with("_ansible")));
            Value::from(shown.map(|(k, v)| (k.clone(), v.clone())).collect::<Map>())
        }
        other => other.clone(),
    }
}
