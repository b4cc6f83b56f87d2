//! Owners and groups that a planned change names: one that the host does not know would fail only when the change is made.

use super::host::Host;
use super::probes::await_all;
use super::unit::Prepared;
use crate::plan::Claims;
use crate::remote::Job;
use crate::script;

/// Whose jobs have variables `owner`, `group` and `groups` that mean the host's; a user's own module may mean others.
const GIVERS: [&str; 7] = ["files.", "file.", "copy.", "get_url.", "unarchive.", "uri.", "user."];

impl Host {
    /// Warnings of the users and groups that effects name, the host does not know, and no earlier planned change may bring.
    /// What the host knows is asked for once a play.
    pub async fn names_that_lack(&mut self, ready: &Prepared, effects: &[Job]) -> Vec<String> {
        let brought = |name: &String| {
            let read = Claims { reads: vec![name.clone()], writes: Vec::new() };
            self.forecast.has(name) || self.planned.iter().any(|(_, planned)| planned.disturbs(&read))
        };
        let unsure = |name: &String| !self.names.contains(name) && !brought(name);
        let mut wanted: Vec<String> = effects.iter().flat_map(names).filter(unsure).collect();
        wanted.dedup();
        // Another host's names are not kept.
        if wanted.is_empty() || ready.delegated {
            return Vec::new();
        }
        let job = Job::new(script!("exec.names", "names.sh")).args(&wanted);
        // Where it cannot be asked the change itself will tell.
        let Ok(outputs) = await_all(vec![ready.remote.submit(&ready.who, job)]).await else {
            return Vec::new();
        };
        let lacks = |name: &String| outputs.iter().any(|o| o.ok() && o.field(name, "unknown").is_some());
        let (lacking, known): (Vec<String>, Vec<String>) = wanted.into_iter().partition(lacks);
        self.names.extend(known);
        let told = lacking.iter().filter_map(|name| name.split_once(':'));
        told.map(|(kind, name)| {
            format!("the host has no {kind} `{name}`, and no task before this one makes it")
        })
        .collect()
    }
}

/// The users and groups that a job gives something to, as claims have them; numbers need not be known.
fn names(job: &Job) -> Vec<String> {
    if !GIVERS.iter().any(|giver| job.script.name.starts_with(giver)) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (var, kind) in [("owner", "user"), ("group", "group"), ("groups", "group")] {
        let value = String::from_utf8_lossy(job.value(var).unwrap_or_default());
        let several = |c: char| c == ',' && var == "groups";
        // What chown takes beside a name: numbers, `+0`, `owner:group`.
        let by_name =
            |name: &&str| !name.contains(':') && name.bytes().any(|b| !b.is_ascii_digit() && b != b'+');
        all.extend(value.split(several).filter(by_name).map(|name| format!("{kind}:{name}")));
    }
    all
}
