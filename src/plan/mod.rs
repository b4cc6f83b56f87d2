//! Observed × desired → decision; pure values, no IO.

pub mod claims;

pub use claims::Claims;

use crate::base::Map;
use crate::remote::Job;

/// What a change does to its object. Why it is done is [`Change::reason`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Something is made that is not there.
    Create,
    /// Something that is there becomes different.
    Update,
    /// Something is removed, and another made in its place: what differs cannot be changed.
    Replace,
    /// Something is removed.
    Delete,
    /// An effect whose outcome nobody can predict (`command`).
    Run,
}

/// One change to one host, as the plan shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What kind of change it is.
    pub action: Action,
    /// In a user's words, e.g. `mode is 0600, not 0644`.
    pub reason: String,
    /// Empty where there is nothing to compare, or the task hides it.
    pub diffs: Vec<Diff>,
}

/// Before and after of one text or record, in Ansible's form (`before_header` …).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// What stands over `before`: a path, mostly; may be empty.
    pub before_header: String,
    /// What stands over `after`; may be empty.
    pub after_header: String,
    /// All of it; empty where nothing is there.
    pub before: String,
    /// All of it; empty where nothing will be there.
    pub after: String,
}

/// What a module decides from what it has seen.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// `None`: nothing to do.
    pub change: Option<Change>,
    /// The effects, in order; run as one chain. Empty when there is no change.
    pub effects: Vec<Job>,
    /// The task's return values as far as they are known now (without `changed`, `failed`, `diff`).
    pub result: Map,
    /// In the module's words; shown whether there is a change or not.
    pub warnings: Vec<String>,
}

impl Decision {
    /// Nothing to do; `result` is all that the task returns.
    pub fn unchanged(result: Map) -> Decision {
        Decision { result, ..Decision::default() }
    }
}
