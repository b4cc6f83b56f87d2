//! What module code keeps needing: typed access to arguments, changes, results, claims.

use super::Failure;
use crate::base::{Map, Value};
use crate::plan::{Action, Change, Claims, Decision, Diff};
use crate::remote::{Job, Output};
use std::collections::BTreeMap;

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
    Diff {
        before_header: header.into(),
        after_header: header.into(),
        before: before.into(),
        after: after.into(),
    }
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

/// Of the output of `apt-cache policy` the version of each package that would be installed: `(none)` where there is none.
pub fn apt_candidates(text: &str) -> BTreeMap<String, String> {
    let (mut out, mut name) = (BTreeMap::new(), "");
    for line in text.lines() {
        if let Some(candidate) = line.trim().strip_prefix("Candidate:") {
            out.insert(name.to_string(), candidate.trim().to_string());
        } else if !line.starts_with(' ') {
            name = line.trim_end_matches(':');
        }
    }
    out
}
