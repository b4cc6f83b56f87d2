//! Events: all that outputs and the journal get to see of a run. Free of secrets when they reach a sink.

use crate::base::{Map, Value};
use crate::plan::Change;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// A host's name; shared, as each event carries it.
pub type Name = Arc<str>;

/// What a task or item came to, as it is told.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Ok,
    Changed,
    Skipped,
    /// Failed, and the play goes on because the task says so.
    Ignored,
    Failed,
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
    pub ok: u64,
    pub changed: u64,
    pub unreachable: u64,
    pub failed: u64,
    pub skipped: u64,
    pub rescued: u64,
    pub ignored: u64,
    pub unknown: u64,
}

/// Names one task on one host.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRef {
    pub host: Name,
    /// Unique in a run; the same task has the same number on all hosts.
    pub node: usize,
    /// With the role's name in front, as Ansible shows it.
    pub name: String,
    /// The module's short name.
    pub action: String,
    /// `file:line:column` of the task.
    pub place: String,
    pub handler: bool,
}

/// One item of a task that is done, or the task itself when it has no loop.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemDone {
    /// The loop's label; `None` without a loop.
    pub label: Option<Value>,
    pub outcome: Outcome,
    pub change: Option<Change>,
    pub message: String,
    pub result: Value,
    pub warnings: Vec<String>,
    pub attempts: u32,
}

/// The end of a task on one host, all items of its loop together.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDone {
    pub task: TaskRef,
    pub outcome: Outcome,
    pub items: Vec<ItemDone>,
    /// As `register` has it; censored under `no_log`.
    pub result: Value,
    pub message: String,
    pub no_log: bool,
    /// The task is an output of its own (`debug`): shown whatever the verbosity.
    pub verbose: bool,
}

/// A thing of a cloud that is to be removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Doomed {
    pub kind: String,
    pub id: String,
    pub name: String,
    pub stack: String,
    pub region: String,
    /// `prevent_destroy` keeps it.
    pub kept: bool,
    /// Why it goes, where that is not plain: `expired 3h ago`.
    pub why: String,
}

impl Doomed {
    /// As docs/events.md describes it: an object of texts and one bool.
    pub fn json(&self) -> Json {
        json!({"kind": self.kind, "id": self.id, "name": self.name, "stack": self.stack, "region": self.region,
            "kept": self.kept, "why": self.why})
    }
}

/// What happens in a run, in the order in which outputs get it. The fields are those of docs/events.md.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    RunStarted {
        run: String,
        check: bool,
        hosts: Vec<Name>,
    },
    PlayStarted {
        name: String,
        hosts: Vec<Name>,
    },
    PlayEnded {
        name: String,
    },
    NoHosts {
        play: String,
        pattern: String,
    },
    /// In a plan: hosts of the play are known after an effect that was not made.
    HostsUnknown {
        play: String,
        pattern: String,
        why: String,
    },
    TaskStarted(TaskRef),
    /// An effect begins; told before it is made.
    Effect {
        task: TaskRef,
        item: Option<Value>,
        change: Change,
    },
    /// How far an effect is that takes its time.
    Progress {
        task: TaskRef,
        item: Option<Value>,
        message: String,
        /// Where that is known.
        percent: Option<i32>,
    },
    TaskDone(Box<TaskDone>),
    Included {
        task: TaskRef,
        what: String,
    },
    Retry {
        task: TaskRef,
        attempt: u32,
        retries: u32,
        message: String,
    },
    Notified {
        host: Name,
        handler: String,
    },
    Unreachable {
        host: Name,
        message: String,
    },
    /// The host takes no further part: failed, ended, or through with the play.
    HostDone {
        host: Name,
        failed: bool,
        undone: usize,
    },
    /// What `destroy` and `gc` would remove, in order.
    ToRemove {
        things: Vec<Doomed>,
    },
    /// One of them is gone, or would not go.
    Removed {
        thing: Doomed,
        error: Option<String>,
    },
    Warning {
        message: String,
        place: Option<String>,
    },
    RunDone {
        recap: Vec<(Name, HostRecap)>,
        elapsed: Duration,
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

impl TaskRef {
    /// As docs/events.md describes it; `place` is `file:line:column`.
    pub fn json(&self) -> Json {
        json!({"host": *self.host, "node": self.node, "task": self.name, "action": self.action,
            "place": self.place, "handler": self.handler})
    }
}

impl ItemDone {
    /// As docs/events.md describes it; `change` is null where nothing was or would be changed.
    pub fn json(&self) -> Json {
        json!({"label": self.label.as_ref().map(Value::to_json), "outcome": self.outcome.word(),
            "change": self.change.as_ref().map(change_json), "message": self.message,
            "result": self.result.to_json(), "warnings": self.warnings, "attempts": self.attempts})
    }
}

/// A change with its diffs as docs/events.md describes them; no diff where the task hides it.
pub fn change_json(change: &Change) -> Json {
    let diffs: Vec<Json> = change
        .diffs
        .iter()
        .map(|d| {
            json!({"before_header": d.before_header, "after_header": d.after_header,
            "before": d.before, "after": d.after})
        })
        .collect();
    json!({"action": super::saved::action_word(change.action), "reason": change.reason, "diffs": diffs})
}

impl Event {
    /// The kind's name in JSON lines.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::PlayStarted { .. } => "play_started",
            Event::PlayEnded { .. } => "play_ended",
            Event::NoHosts { .. } => "no_hosts",
            Event::HostsUnknown { .. } => "hosts_unknown",
            Event::TaskStarted(_) => "task_started",
            Event::Effect { .. } => "effect",
            Event::Progress { .. } => "progress",
            Event::TaskDone(_) => "task_done",
            Event::Included { .. } => "included",
            Event::Retry { .. } => "retry",
            Event::Notified { .. } => "notified",
            Event::Unreachable { .. } => "unreachable",
            Event::HostDone { .. } => "host_done",
            Event::ToRemove { .. } => "to_remove",
            Event::Removed { .. } => "removed",
            Event::Warning { .. } => "warning",
            Event::RunDone { .. } => "run_done",
        }
    }

    /// One JSON object, `event` first; documented in docs/events.md.
    pub fn json(&self) -> Json {
        let body = match self {
            Event::RunStarted { run, check, hosts } => {
                json!({"run": run, "check": check, "hosts": names(hosts)})
            }
            Event::PlayStarted { name, hosts } => json!({"play": name, "hosts": names(hosts)}),
            Event::PlayEnded { name } => json!({"play": name}),
            Event::NoHosts { play, pattern } => json!({"play": play, "pattern": pattern}),
            Event::HostsUnknown { play, pattern, why } => {
                json!({"play": play, "pattern": pattern, "why": why})
            }
            Event::TaskStarted(task) => task.json(),
            Event::Effect { task, item, change } => {
                let mut json = task.json();
                json["item"] = item.as_ref().map_or(Json::Null, Value::to_json);
                json["change"] = change_json(change);
                json
            }
            Event::Progress { task, item, message, percent } => {
                let mut json = task.json();
                json["item"] = item.as_ref().map_or(Json::Null, Value::to_json);
                json["message"] = message.as_str().into();
                json["percent"] = (*percent).into();
                json
            }
            Event::TaskDone(done) => {
                let mut json = done.task.json();
                json["outcome"] = done.outcome.word().into();
                json["message"] = done.message.as_str().into();
                json["result"] = done.result.to_json();
                json["items"] = done.items.iter().map(ItemDone::json).collect::<Vec<_>>().into();
                json
            }
            Event::Included { task, what } => {
                let mut json = task.json();
                json["included"] = what.as_str().into();
                json
            }
            Event::Retry { task, attempt, retries, message } => {
                let mut json = task.json();
                json["attempt"] = (*attempt).into();
                json["retries"] = (*retries).into();
                json["message"] = message.as_str().into();
                json
            }
            Event::Notified { host, handler } => json!({"host": **host, "handler": handler}),
            Event::Unreachable { host, message } => json!({"host": **host, "message": message}),
            Event::HostDone { host, failed, undone } => {
                json!({"host": **host, "failed": failed, "undone": undone})
            }
            Event::ToRemove { things } => {
                json!({"things": things.iter().map(Doomed::json).collect::<Vec<_>>()})
            }
            Event::Removed { thing, error } => {
                let mut json = thing.json();
                json["error"] = error.as_deref().map_or(Json::Null, Json::from);
                json
            }
            Event::Warning { message, place } => json!({"message": message, "place": place}),
            Event::RunDone { recap, elapsed, round_trips } => json!({
                "recap": recap.iter().map(|(h, r)| (h.to_string(), r.json())).collect::<serde_json::Map<_, _>>(),
                "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), "round_trips": round_trips}),
        };
        let mut line = serde_json::Map::new();
        line.insert("event".into(), self.kind().into());
        if let Json::Object(body) = body {
            line.extend(body);
        }
        Json::Object(line)
    }
}

impl HostRecap {
    /// The counts as an object with Ansible's names, and `unknown`, which Ansible does not have.
    pub fn json(&self) -> Json {
        json!({"ok": self.ok, "changed": self.changed, "unreachable": self.unreachable, "failed": self.failed,
            "skipped": self.skipped, "rescued": self.rescued, "ignored": self.ignored, "unknown": self.unknown})
    }
}

fn names(names: &[Name]) -> Vec<&str> {
    names.iter().map(|n| &**n).collect()
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
