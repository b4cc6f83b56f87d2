//! What module code keeps needing: typed access to arguments, changes, results, claims.

use super::{Args, Failure};
use crate::base::{Map, Value};
use crate::plan::{Action, Change, Claims, Decision, Diff};
use crate::remote::{Job, Output};

/// Typed access to arguments that were validated before: a wrong type reads as absent.
pub trait ArgsExt {
    fn str(&self, name: &str) -> Option<&str>;
    /// Text of a string (a secret is revealed), number or truth value.
    fn text(&self, name: &str) -> Option<String>;
    fn flag(&self, name: &str) -> Option<bool>;
    /// Given and true.
    fn on(&self, name: &str) -> bool;
    fn int(&self, name: &str) -> Option<i64>;
    /// Items of a list as text; empty when absent. A single string is a list of one.
    fn strings(&self, name: &str) -> Vec<String>;
}

impl ArgsExt for Args {
    fn str(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Str(s) => Some(s),
            Value::Secret(s) => s.reveal().ok(),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        text(self.get(name)?)
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    fn on(&self, name: &str) -> bool {
        self.flag(name) == Some(true)
    }

    fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Int(i) => Some(*i),
            Value::Str(s) => s.trim().parse().ok(),
            _ => None,
        }
    }

    fn strings(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::List(items)) => items.iter().filter_map(text).collect(),
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

/// A scalar as the text a command line or a file takes; `None` for lists, maps and null.
pub fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Str(s) => s.to_string(),
        Value::Secret(s) => s.reveal().ok()?.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => f.to_string(),
        Value::Bool(b) => if *b { "True" } else { "False" }.to_string(),
        _ => return None,
    })
}

/// Claims from patterns.
pub fn claims<R: AsRef<str>, W: AsRef<str>>(reads: &[R], writes: &[W]) -> Claims {
    Claims {
        reads: reads.iter().map(|s| s.as_ref().to_string()).collect(),
        writes: writes.iter().map(|s| s.as_ref().to_string()).collect(),
    }
}

/// A result from pairs.
pub fn result<const N: usize>(pairs: [(&str, Value); N]) -> Map {
    pairs.into_iter().map(|(k, v)| (k.into(), v)).collect()
}

/// A decision to change something by these effects.
pub fn changed(action: Action, reason: impl Into<String>, effects: Vec<Job>, result: Map) -> Decision {
    let change = Change { action, reason: reason.into(), diffs: Vec::new() };
    Decision { change: Some(change), effects, result, warnings: Vec::new() }
}

/// One diff of a text or record, with the same header on both sides.
pub fn diff(header: &str, before: impl Into<String>, after: impl Into<String>) -> Diff {
    Diff { before_header: header.into(), after_header: header.into(), before: before.into(), after: after.into() }
}

/// A decision's change with a diff added; nothing where there is no change.
pub fn with_diff(mut decision: Decision, diff: Diff) -> Decision {
    if let Some(change) = &mut decision.change {
        change.diffs.push(diff);
    }
    decision
}

/// The output of the only probe.
///
/// # Errors
/// The probe's own failure: a probe of these modules exits 0 whatever it finds.
pub fn only(seen: &[Output]) -> Result<&Output, Failure> {
    let output = seen.first().ok_or_else(|| Failure::new("the host reported nothing"))?;
    if output.ok() { Ok(output) } else { Err(Failure::from_output(output)) }
}

/// A field that may be missing, as text; the empty text counts as missing.
pub fn field(output: &Output, item: &str, key: &str) -> Option<String> {
    output.field(item, key).filter(|v| !v.is_empty())
}
