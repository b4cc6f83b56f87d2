//! Saved plans: the decisions of a plan, executed literally or refused as stale.

use crate::plan::{Action, Change};
use serde::{Deserialize, Serialize};

/// What `plan --out` writes: no secret, no file content; changes are compared by fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// Of this format.
    pub version: u32,
    /// [`crate::graph::Program::hash`]: other inputs make the plan stale.
    pub program: String,
    /// How the plan was asked for (playbooks, inventory, limit, tags), so that it can be run again.
    #[serde(default)]
    pub invocation: Vec<String>,
    pub decisions: Vec<SavedDecision>,
}

pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SavedDecision {
    pub host: String,
    /// `file:line:column` of the task.
    pub place: String,
    pub task: String,
    /// The loop item's label, empty without a loop.
    pub item: String,
    /// `create`, `update` …, or `unknown`.
    pub action: String,
    pub reason: String,
    /// SHA-256 over action, reason and diffs.
    pub fingerprint: String,
}

impl SavedDecision {
    pub fn new(host: &str, place: String, task: &str, item: &str, change: Option<&Change>) -> Self {
        use sha2::{Digest, Sha256};
        let action = change.map_or("unknown", |c| action_word(c.action)).to_string();
        let reason = change.map_or(String::new(), |c| c.reason.clone());
        let mut hash = Sha256::new();
        hash.update(format!("{action}\0{reason}\0"));
        for diff in change.iter().flat_map(|c| &c.diffs) {
            hash.update(format!("{}\0{}\0", diff.before, diff.after));
        }
        let fingerprint = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let (host, task, item) = (host.to_string(), task.to_string(), item.to_string());
        SavedDecision { host, place, task, item, action, reason, fingerprint }
    }

    fn same_object(&self, other: &Self) -> bool {
        (&self.host, &self.place, &self.item) == (&other.host, &other.place, &other.item)
    }
}

pub fn action_word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Run => "run",
    }
}

impl SavedPlan {
    /// What differs between this plan and a fresh look at the same hosts, in a user's words; empty: still true.
    pub fn drift(&self, now: &SavedPlan) -> Vec<String> {
        let mut found = Vec::new();
        if self.program != now.program {
            found.push(
                "the playbook, its files, variables or inventory changed since the plan was made".into(),
            );
        }
        for saved in &self.decisions {
            match now.decisions.iter().find(|d| d.same_object(saved)) {
                None => found.push(format!("{}: `{}` needs no change any more", saved.host, saved.title())),
                Some(d) if d.fingerprint != saved.fingerprint => {
                    found.push(format!(
                        "{}: `{}` would change otherwise: {}",
                        saved.host,
                        saved.title(),
                        d.reason
                    ));
                }
                Some(_) => {}
            }
        }
        let is_new = |d: &&SavedDecision| !self.decisions.iter().any(|s| s.same_object(d));
        found.extend(
            now.decisions
                .iter()
                .filter(is_new)
                .map(|d| format!("{}: `{}` was not part of the plan: {}", d.host, d.title(), d.reason)),
        );
        found
    }
}

impl SavedDecision {
    fn title(&self) -> String {
        if self.item.is_empty() { self.task.clone() } else { format!("{} ({})", self.task, self.item) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(host: &str, reason: &str) -> SavedDecision {
        let change = Change { action: Action::Update, reason: reason.into(), diffs: vec![] };
        SavedDecision::new(host, "site.yml:3:5".into(), "Motd", "", Some(&change))
    }

    fn plan(decisions: Vec<SavedDecision>) -> SavedPlan {
        SavedPlan { version: VERSION, program: "p".into(), invocation: vec![], decisions }
    }

    #[test]
    fn drift_names_what_is_gone_new_and_other() {
        let saved = plan(vec![decision("a", "mode"), decision("b", "mode")]);
        assert!(saved.drift(&saved.clone()).is_empty());
        let now = plan(vec![decision("b", "owner"), decision("c", "mode")]);
        let drift = saved.drift(&now);
        assert_eq!(drift.len(), 3, "{drift:?}");
        assert!(drift[0].starts_with("a: `Motd` needs no change"));
        assert!(drift[1].starts_with("b: `Motd` would change otherwise: owner"));
        assert!(drift[2].starts_with("c: `Motd` was not part"));
    }
}
