//! Owners that a planned change names: one that the host does not know would fail only when the change is made.

use super::host::Host;
use super::probes::await_all;
use super::unit::Prepared;
use crate::modules::Failure;
use crate::plan::Claims;
use crate::remote::Job;
use crate::script;

impl Host {
    /// Asks the host for the users and groups that effects name, each once a run.
    ///
    /// # Errors
    /// One is not there, and no earlier planned change may bring it.
    pub async fn know_names(&mut self, ready: &Prepared, effects: &[Job]) -> Result<(), Failure> {
        let brought = |name: &String| {
            let read = Claims { reads: vec![name.clone()], writes: Vec::new() };
            self.forecast.has(name) || self.planned.iter().any(|(_, planned)| planned.disturbs(&read))
        };
        let mut wanted: Vec<String> = effects.iter().flat_map(names).filter(|name| !brought(name)).collect();
        wanted.dedup();
        let open: Vec<&String> = wanted.iter().filter(|name| !self.names.contains_key(*name)).collect();
        if !open.is_empty() {
            let job = Job::new(script!("exec.names", "names.sh")).args(open.iter().map(|name| name.as_str()));
            let sent = vec![ready.remote.submit(&ready.who, job)];
            // Where it cannot be asked the change itself will tell.
            let Ok(outputs) = await_all(sent).await else { return Ok(()) };
            let known = |name: &str| outputs.iter().all(|o| !o.ok() || o.field(name, "unknown").is_none());
            let told: Vec<_> = open.into_iter().map(|name| (name.clone(), known(name))).collect();
            self.names.extend(told);
        }
        match wanted.iter().find(|name| self.names.get(*name) == Some(&false)) {
            Some(name) => {
                let (kind, name) = name.split_once(':').unwrap_or(("user", name));
                Err(Failure::new(format!(
                    "the host has no {kind} `{name}`, and no task before this one makes it"
                )))
            }
            None => Ok(()),
        }
    }
}

/// The users and groups that a job gives something to, as claims have them; numbers need not be known.
fn names(job: &Job) -> impl Iterator<Item = String> {
    [("owner", "user"), ("group", "group"), ("groups", "group")].into_iter().flat_map(|(var, kind)| {
        let value = String::from_utf8_lossy(job.value(var).unwrap_or_default());
        let by_name = |name: &&str| name.bytes().any(|b| !b.is_ascii_digit());
        let all = value.split(',').filter(by_name).map(|name| format!("{kind}:{name}"));
        all.collect::<Vec<_>>()
    })
}
