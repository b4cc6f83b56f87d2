//! What can be said of a value before the run.

use crate::base::Value;

/// Ansible's idea of a true literal.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Str(s) => matches!(s.to_ascii_lowercase().as_str(), "yes" | "true" | "on" | "1" | "y" | "t"),
        other => other.truth() == Some(true),
    }
}
