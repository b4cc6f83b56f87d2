//! What planned changes will leave, so that a plan can go on as if they were made.
//!
//! On a plan nothing is changed, yet later tasks meet what earlier ones would have made: a folder, a user, a
//! unit. The forecast holds that by claim. It learns from the effects of each decision (the jobs that write
//! files are the same for all modules) and from what a module says itself ([`super::Staged::leaves`]). Before
//! the next decision it is laid over what that task's probes found: over the probes that all modules share
//! here, over a module's own by [`super::Staged::foresee`]. What is not foreseen stays as it was found.

mod files;
mod probes;

use crate::base::Map;
use crate::remote::{Job, Output};
use std::collections::BTreeMap;

/// What will be there, by claim.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    /// By tidied path; `None`: it will not be there.
    files: BTreeMap<String, Option<files::Patch>>,
    /// `user:bob`, `package:nginx`; `None`: it will not be there.
    things: BTreeMap<String, Option<Map>>,
}

impl Forecast {
    /// Whether no planned change has said what it leaves, so that probes are true as they are.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.things.is_empty()
    }

    /// Takes over what a decision's effects will leave.
    pub fn learn(&mut self, effects: &[Job], leaves: Vec<(String, Option<Map>)>) {
        effects.iter().for_each(|job| self.learn_files(job));
        for (claim, thing) in leaves {
            match claim.strip_prefix("file:") {
                Some(path) if thing.is_some() => self.folder(path),
                Some(path) => self.gone(path),
                None => drop(self.things.insert(claim, thing)),
            }
        }
    }

    /// What is known of a resource: `Some(None)`: it will be gone.
    pub fn thing(&self, claim: &str) -> Option<Option<&Map>> {
        self.things.get(claim).map(Option::as_ref)
    }

    /// The names of a kind (`user`) that planned changes tell of, and whether each will be there.
    pub fn names<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, bool)> {
        let name = move |claim: &'a str| claim.strip_prefix(kind)?.strip_prefix(':');
        self.things.iter().filter_map(move |(claim, thing)| Some((name(claim)?, thing.is_some())))
    }

    /// Whether it will be there because of a planned change.
    pub fn has(&self, claim: &str) -> bool {
        match claim.strip_prefix("file:") {
            Some(path) => self.files.get(&files::tidy(path)).is_some_and(Option::is_some),
            None => self.things.get(claim).is_some_and(Option::is_some),
        }
    }

    /// Whether anything will be there below a folder, named with its slash, because of a planned change.
    pub fn has_below(&self, folder: &str) -> bool {
        self.files.iter().any(|(path, file)| file.is_some() && path.starts_with(folder))
    }

    /// Whether a package that will be installed is called like this: `ssh` by `openssh-server`.
    pub fn package_like(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let packages = self.things.iter().filter(|(_, thing)| thing.is_some());
        let mut names = packages.filter_map(|(claim, _)| claim.strip_prefix("package:"));
        names.any(|package| package.split(['-', '.']).any(|part| part == name) || package == name)
    }

    /// Lays the forecast over a shared probe's output; whether that made a difference.
    pub fn amend(&self, probe: &Job, output: &mut Output) -> bool {
        if self.is_empty() || !output.ok() {
            return false;
        }
        match &*probe.script.name {
            "files.stat" => self.amend_stat(probe, output),
            "kit.read_text" => self.amend_text(probe, output),
            _ => false,
        }
    }
}

/// Adds a record to a probe's output; the last one of a key counts.
pub fn record(output: &mut Output, item: &str, key: &str, value: &[u8]) {
    for part in [item.as_bytes(), key.as_bytes(), value] {
        output.stdout.extend_from_slice(part);
        output.stdout.push(0);
    }
}

#[cfg(test)]
mod tests;
