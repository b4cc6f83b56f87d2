//! Events as docs/events.md describes them: one JSON object each.

use super::{Doomed, Event, HostRecap, ItemDone, Name, TaskRef};
use crate::base::Value;
use crate::plan::Change;
use serde_json::{Value as Json, json};

impl Doomed {
    /// As docs/events.md describes it: an object of texts and one bool.
    pub fn json(&self) -> Json {
        json!({"kind": self.kind, "id": self.id, "name": self.name, "stack": self.stack, "region": self.region,
            "kept": self.kept, "why": self.why})
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
        json!({"label": self.label.as_ref().map(Value::to_json), "delegate": self.delegate,
            "outcome": self.outcome.word(), "change": self.change.as_ref().map(change_json), "message": self.message,
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
    json!({"action": crate::exec::saved::action_word(change.action), "reason": change.reason, "diffs": diffs})
}

impl Event {
    /// The kind's name in JSON lines.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::PlayStarted { .. } => "play_started",
            Event::PlayEnded { .. } => "play_ended",
            Event::NoHosts { .. } => "no_hosts",
            Event::NotBegun { .. } => "not_begun",
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
            Event::NotBegun { play, hosts } => json!({"play": play, "hosts": names(hosts)}),
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
