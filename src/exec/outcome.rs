//! Outcomes of units and tasks: what is registered, what is reported, what counts as failed.

use super::scope::TaskScope;
use super::state::Run;
use super::unit::conditions;
use crate::base::{List, Map, Value};
use crate::eval::{Truth, split_lines};
use crate::graph::TaskKeywords;
use crate::modules::Failure;
use crate::plan::{Change, Claims, Diff};
use std::sync::Arc;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    Changed,
    Skipped,
    Failed,
    Unreachable,
    /// Plan only: depends on an effect that was not made.
    Unknown,
}

/// What one unit came to.
#[derive(Clone, Debug)]
pub struct UnitOutcome {
    pub label: Option<Value>,
    pub item: Option<Value>,
    /// Of the loop, besides the item: its index and `ansible_loop`, where the task asks for them.
    pub looped: Map,
    pub status: Status,
    pub change: Option<Change>,
    pub result: Map,
    /// Of a failure, or why it was skipped or is unknown.
    pub message: String,
    pub warnings: Vec<String>,
    pub attempts: u32,
    /// On a plan: decided on what earlier changes will leave, not on what is there.
    pub foreseen: bool,
    /// On a plan: what the change would touch.
    pub claims: Option<Claims>,
}

impl UnitOutcome {
    fn new(status: Status, mut result: Map) -> Self {
        let (label, item, change) = (None, None, None);
        // Whatever a module has run, its words are there line by line, too.
        for (name, lines) in [("stdout", "stdout_lines"), ("stderr", "stderr_lines")] {
            if let Some(Value::Str(text)) = result.get(name)
                && !result.contains_key(lines)
            {
                let split = split_lines(text, false);
                result.insert(lines.into(), split.into());
            }
        }
        UnitOutcome {
            label,
            item,
            looped: Map::new(),
            status,
            change,
            result,
            message: String::new(),
            warnings: Vec::new(),
            attempts: 1,
            foreseen: false,
            claims: None,
        }
    }

    pub fn done(change: Option<Change>, result: Map) -> Self {
        let status = match &change {
            Some(_) => Status::Changed,
            // `creates` of a script: the module itself says that it had nothing to do.
            None if result.get("skipped") == Some(&Value::Bool(true)) => Status::Skipped,
            None => Status::Ok,
        };
        UnitOutcome { change, ..Self::new(status, result) }
    }

    pub fn failed(failure: Failure) -> Self {
        let mut result = failure.result;
        result.entry("msg".into()).or_insert_with(|| failure.message.as_str().into());
        UnitOutcome { message: failure.message, ..Self::new(Status::Failed, result) }
    }

    pub fn skipped(why: impl Into<String>) -> Self {
        let why = why.into();
        let result =
            [("skip_reason", Value::from(why.as_str()))].into_iter().map(|(k, v)| (k.into(), v)).collect();
        UnitOutcome { message: why, ..Self::new(Status::Skipped, result) }
    }

    /// Skipped, since this condition (as it is written) does not hold.
    pub fn unmet(condition: Value) -> Self {
        let mut outcome = Self::skipped("Conditional result was False");
        outcome.result.insert("false_condition".into(), condition);
        outcome
    }

    pub fn unreachable(why: String) -> Self {
        let result = [("msg", Value::from(why.as_str())), ("unreachable", true.into())];
        let result = result.into_iter().map(|(k, v)| (k.into(), v)).collect();
        UnitOutcome { message: why, ..Self::new(Status::Unreachable, result) }
    }

    pub fn unknown(why: impl Into<String>) -> Self {
        UnitOutcome { message: why.into(), ..Self::new(Status::Unknown, Map::new()) }
    }

    /// The result as `register` stores it.
    pub fn registered(&self) -> Value {
        if self.status == Status::Unknown {
            return Value::Unknown(self.message.as_str().into());
        }
        let mut map = self.result.clone();
        map.insert("changed".into(), (self.status == Status::Changed || self.result_says_changed()).into());
        let in_vain = self.result.get("failed") == Some(&true.into());
        map.insert("failed".into(), (self.status == Status::Failed || in_vain).into());
        if self.status == Status::Skipped {
            map.insert("skipped".into(), true.into());
        }
        if self.status == Status::Unreachable {
            map.insert("unreachable".into(), true.into());
        }
        if !self.warnings.is_empty() {
            let warnings: List = self.warnings.iter().map(|w| w.as_str().into()).collect();
            map.insert("warnings".into(), warnings.into());
        }
        Value::from(map)
    }

    fn result_says_changed(&self) -> bool {
        self.status == Status::Failed && self.result.get("changed") == Some(&Value::Bool(true))
    }

    /// Applies `changed_when` and `failed_when`, which see the result under the registered name.
    pub fn judge(mut self, run: &Arc<Run>, keywords: &TaskKeywords, scope: &Arc<TaskScope>) -> Self {
        let judged = matches!(self.status, Status::Ok | Status::Changed | Status::Failed);
        if !judged || (keywords.changed_when.is_empty() && keywords.failed_when.is_empty()) {
            return self;
        }
        if keywords.repeats() {
            self.result.insert("attempts".into(), self.attempts.into());
        }
        let scope = Arc::new(scope.with_result(keywords.register.as_ref(), self.registered()));
        if !keywords.failed_when.is_empty() {
            match conditions(run, &keywords.failed_when, &scope) {
                Ok(Truth::True) => {
                    self.status = Status::Failed;
                    self.result.insert("failed_when_result".into(), true.into());
                    if self.message.is_empty() {
                        self.message = "failed_when is true".into();
                    }
                }
                Ok(Truth::False) => {
                    self.result.insert("failed_when_result".into(), false.into());
                    // A command that failed has run; what else failed has changed nothing, unless it says so.
                    if self.status == Status::Failed && self.result_says_changed() {
                        self.status = Status::Changed;
                    } else if self.status == Status::Failed {
                        (self.status, self.change) = (Status::Ok, None);
                    }
                }
                // Whether it will fail is not known; that it changes nothing may be.
                Ok(Truth::Unknown(why)) => match conditions(run, &keywords.changed_when, &scope) {
                    Ok(Truth::False) if self.status != Status::Failed => {
                        self.result.insert("failed_when_result".into(), Value::Unknown(why));
                    }
                    _ => return UnitOutcome { label: self.label, item: self.item, ..Self::unknown(&*why) },
                },
                Err(message) => return self.broken("failed_when", &message),
            }
        }
        if !keywords.changed_when.is_empty() && self.status != Status::Failed {
            match conditions(run, &keywords.changed_when, &scope) {
                Ok(Truth::True) => self.status = Status::Changed,
                Ok(Truth::False) => {
                    self.status = Status::Ok;
                    self.change = None;
                }
                Ok(Truth::Unknown(why)) => {
                    return UnitOutcome { label: self.label, item: self.item, ..Self::unknown(&*why) };
                }
                Err(message) => return self.broken("changed_when", &message),
            }
        }
        self
    }

    /// The condition itself cannot be read.
    fn broken(self, keyword: &str, message: &str) -> Self {
        let mut result = self.result;
        result.insert(format!("{keyword}_result").into(), message.into());
        let message = format!("{keyword}: {message}");
        result.insert("msg".into(), message.as_str().into());
        UnitOutcome { label: self.label, item: self.item, ..Self::failed(Failure { message, result }) }
    }
}

/// What a whole task came to.
#[derive(Clone, Debug)]
pub struct TaskOutcome {
    pub units: Vec<UnitOutcome>,
    pub looped: bool,
    pub loop_var: Arc<str>,
    pub no_log: bool,
}

impl TaskOutcome {
    pub fn single(unit: UnitOutcome) -> Self {
        TaskOutcome { units: vec![unit], looped: false, loop_var: "item".into(), no_log: false }
    }

    pub fn status(&self) -> Status {
        let has = |s| self.units.iter().any(|u| u.status == s);
        let skipped = |u: &UnitOutcome| u.status == Status::Skipped;
        match () {
            () if has(Status::Unreachable) => Status::Unreachable,
            () if has(Status::Failed) => Status::Failed,
            () if has(Status::Unknown) => Status::Unknown,
            () if has(Status::Changed) => Status::Changed,
            () if self.units.iter().all(skipped) => Status::Skipped,
            () => Status::Ok,
        }
    }

    /// Whether it has changed something, maybe before it failed.
    pub fn says_changed(&self) -> bool {
        let says = |u: &UnitOutcome| u.status == Status::Changed || u.result_says_changed();
        self.units.iter().any(says)
    }

    /// The first failure's words.
    pub fn message(&self) -> String {
        let bad = |u: &&UnitOutcome| matches!(u.status, Status::Failed | Status::Unreachable);
        let first = self.units.iter().find(bad).or(self.units.first());
        first.map_or_else(String::new, |u| u.message.clone())
    }

    pub fn registered(&self) -> Value {
        if !self.looped {
            return self.units.first().map_or(Value::Null, UnitOutcome::registered);
        }
        let unknown = |u: &UnitOutcome| u.status == Status::Unknown;
        if let Some(unit) = self.units.iter().find(|u| unknown(u)) {
            return unit.registered();
        }
        let any =
            |name: &str, results: &List| results.iter().any(|r| r.get(name) == Some(&Value::Bool(true)));
        let results: List = self.units.iter().map(|u| self.item_result(u)).collect();
        let mut map = Map::new();
        map.insert("changed".into(), any("changed", &results).into());
        map.insert("failed".into(), any("failed", &results).into());
        let status = self.status();
        if status == Status::Skipped {
            map.insert("skipped".into(), true.into());
        }
        let (name, message) = match status {
            Status::Failed => ("msg", "One or more items failed"),
            Status::Skipped if self.units.is_empty() => ("skipped_reason", "No items in the list"),
            Status::Skipped => ("msg", "All items skipped"),
            _ => ("msg", "All items completed"),
        };
        map.insert(name.into(), message.into());
        map.insert("results".into(), results.into());
        Value::from(map)
    }

    fn item_result(&self, unit: &UnitOutcome) -> Value {
        let mut result = match unit.registered() {
            Value::Map(map) => Arc::unwrap_or_clone(map),
            _ => Map::new(),
        };
        result.insert(self.loop_var.as_ref().into(), unit.item.clone().unwrap_or_default());
        result.insert("ansible_loop_var".into(), self.loop_var.as_ref().into());
        result.extend(unit.looped.iter().map(|(k, v)| (k.clone(), v.clone())));
        Value::from(result)
    }

    /// The result with what `-v` and JSON show; hidden under `no_log`.
    pub fn shown(&self) -> Value {
        if self.no_log {
            let text = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
            let changed = self.status() == Status::Changed;
            return [("censored", Value::from(text)), ("changed", changed.into())].into_iter().collect();
        }
        self.registered()
    }
}

/// Ansible's form of diffs in results: most modules have one, those of `LISTS` a list even of one.
pub fn diff_value(module: &str, diffs: &[Diff]) -> Value {
    const LISTS: &[&str] = &["copy", "template", "lineinfile", "blockinfile", "unarchive"];
    let lists = LISTS.contains(&module);
    let one = |d: &Diff| -> Value {
        [
            ("before_header", &d.before_header),
            ("after_header", &d.after_header),
            ("before", &d.before),
            ("after", &d.after),
        ]
        .into_iter()
        .map(|(k, v)| (k, v.as_str()))
        .collect()
    };
    match diffs {
        [only] if !lists => one(only),
        diffs => diffs.iter().map(one).collect::<List>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(status: Status) -> UnitOutcome {
        UnitOutcome::new(status, Map::new())
    }

    #[test]
    fn a_loop_is_as_bad_as_its_worst_item() {
        let cases = [
            (vec![Status::Ok, Status::Changed], Status::Changed),
            (vec![Status::Skipped, Status::Skipped], Status::Skipped),
            (vec![Status::Skipped, Status::Ok], Status::Ok),
            (vec![Status::Changed, Status::Failed, Status::Ok], Status::Failed),
            (vec![Status::Unknown, Status::Changed], Status::Unknown),
            (vec![], Status::Skipped),
        ];
        for (units, expected) in cases {
            let units = units.into_iter().map(unit).collect();
            let task = TaskOutcome { units, looped: true, loop_var: "item".into(), no_log: false };
            assert_eq!(task.status(), expected);
        }
    }

    #[test]
    fn what_was_said_is_there_in_lines() {
        let said = |key: &str, value: Value| [(key.into(), value)].into_iter().collect::<Map>();
        let failed = Failure { message: "no".into(), result: said("stderr", "a\rb\n\nc".into()) };
        let json = UnitOutcome::failed(failed).registered().to_json();
        assert_eq!(json["stderr_lines"], serde_json::json!(["a", "b", "", "c"]));
        let json = UnitOutcome::done(None, said("stdout", "".into())).registered().to_json();
        assert_eq!(json["stdout_lines"], serde_json::json!([]));
        assert_eq!(json.get("stderr_lines"), None);
    }

    #[test]
    fn registered_results_carry_their_items() {
        let mut first = unit(Status::Changed);
        first.item = Some("a".into());
        let task = TaskOutcome { units: vec![first], looped: true, loop_var: "pkg".into(), no_log: false };
        let json = task.registered().to_json().to_string();
        let expected = r#"{"changed":true,"failed":false,"msg":"All items completed","results":[{"changed":true,"failed":false,"pkg":"a","ansible_loop_var":"pkg"}]}"#;
        assert_eq!(json, expected);
    }
}
