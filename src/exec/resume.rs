//! `--resume`: what an earlier run finished is not done again.
//!
//! The journal has each step with its outcome, so a run that failed or was killed goes on where each host was. A step
//! that tells later ones something (it registers a result, sets facts) is carried out again: results are in no
//! journal. Handlers that were notified and did not run are notified still, and so are those of a step whose effects were
//! under way.

use super::host::{Host, TaskContext};
use super::outcome::Status;
use crate::graph::{Act, TaskNode};
use crate::modules::Behaviour;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What the journal of an earlier run tells.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// The earlier run's name.
    pub run: String,
    /// [`crate::graph::Program::hash`] of that run.
    pub program: String,
    /// Steps that ended well, by host.
    done: HashMap<String, HashSet<String>>,
    /// Steps whose effects were begun and of whose end nothing is known, by host.
    begun: HashMap<String, HashSet<String>>,
    /// Handlers that were notified and did not run, by host and play.
    notified: HashMap<(String, usize), Vec<String>>,
}

impl Resume {
    /// Reads the journal of `wanted` (the beginning of its name), or of the latest run that was no plan.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(run_dir: &Path, wanted: Option<&str>) -> Result<Resume, String> {
        let folder = run_dir.join("runs");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map_err(|e| format!("no run to resume in {}: {e}", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
            .collect();
        // Names begin with the time.
        files.sort();
        let named = |path: &&PathBuf| {
            let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            wanted.is_none_or(|wanted| name.starts_with(wanted))
        };
        for file in files.iter().rev().filter(named) {
            let text = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
            let text = String::from_utf8_lossy(&text);
            // A killed run may leave half a last line.
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
            let resume = Resume::of(lines);
            if let Some(resume) = resume {
                return Ok(resume);
            }
        }
        Err(format!("no run to resume in {}", folder.display()))
    }

    /// `None` for the journal of a plan.
    fn of(lines: impl Iterator<Item = Json>) -> Option<Resume> {
        let mut resume = Resume::default();
        for line in lines {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_string();
            if line["run"].is_string() {
                if line["check"] == true {
                    return None;
                }
                (resume.run, resume.program) = (text("run"), text("program"));
            }
            let (host, step) = (text("host"), text("step"));
            let play = step.split('/').next().and_then(|p| p.parse().ok()).unwrap_or(0);
            if line["begin"].is_string() {
                resume.begun.entry(host).or_default().insert(step);
            } else if line["end"].is_string()
                && matches!(text("outcome").as_str(), "ok" | "changed" | "skipped" | "ignored")
            {
                if line["handler"] == true
                    && let Some(waiting) = resume.notified.get_mut(&(host.clone(), play))
                {
                    let name = text("end");
                    waiting.retain(|n| *n != name && name.rsplit(" : ").next() != Some(n.as_str()));
                }
                resume.begun.entry(host.clone()).or_default().remove(&step);
                resume.done.entry(host).or_default().insert(step);
            } else if line["notified"].is_string() {
                let waiting = resume.notified.entry((host, play)).or_default();
                let name = text("notified");
                if !waiting.contains(&name) {
                    waiting.push(name);
                }
            }
        }
        (!resume.run.is_empty()).then_some(resume)
    }

    /// Handlers of a host that wait since the earlier run.
    pub fn waiting(&self, host: &str, play: usize) -> &[String] {
        self.notified.get(&(host.to_string(), play)).map_or(&[], Vec::as_slice)
    }

    /// Whether effects of a step were begun, and the run ended before it was known what came of them.
    fn left_under_way(&self, host: &str, step: &str) -> bool {
        self.begun.get(host).is_some_and(|steps| steps.contains(step))
    }

    fn did(&self, host: &str, step: &str) -> bool {
        self.done.get(host).is_some_and(|steps| steps.contains(step))
    }
}

impl Host {
    /// Whether the run that is resumed did this step, and nothing waits for what it told.
    pub fn did_before(&self, cx: &TaskContext, step: &str) -> bool {
        let Some(resume) = &self.run.options.resume else { return false };
        resume.did(&self.name, step) && tells_nothing(&cx.node)
    }

    /// Whether a task that finds nothing to do has done it in the run that is resumed, which did not live to notify anyone.
    pub fn was_under_way(&self, cx: &TaskContext, status: Status) -> bool {
        let resume = self.run.options.resume.as_ref();
        status == Status::Ok && resume.is_some_and(|resume| resume.left_under_way(&self.name, &cx.step))
    }
}

/// Whether later steps learn nothing from a task.
fn tells_nothing(node: &TaskNode) -> bool {
    let Act::Module { module, .. } = &node.act else { return false };
    let k = &node.keywords;
    let facts = matches!(module.spec.name.as_str(), "setup" | "package_facts" | "service_facts" | "getent");
    !matches!(module.behaviour, Behaviour::Control) && !facts && k.register.is_none() && k.run_once.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_journal_tells_what_is_done_and_which_handlers_wait() {
        let lines = [
            json!({"run": "r", "program": "p", "check": false}),
            json!({"notified": "restart", "host": "a", "step": "0/0"}),
            json!({"begin": "reloaded", "host": "a", "step": "0/1"}),
            json!({"notified": "reload", "host": "a", "step": "0/1"}),
            json!({"end": "reloaded", "host": "a", "step": "0/1", "outcome": "changed"}),
            json!({"end": "one", "host": "a", "step": "0/0", "outcome": "changed"}),
            json!({"end": "role : reload", "host": "a", "step": "0/2.1", "outcome": "changed", "handler": true}),
            json!({"end": "two", "host": "a", "step": "0/3", "outcome": "failed"}),
            json!({"begin": "three", "host": "a", "step": "0/4"}),
        ];
        let resume = Resume::of(lines.into_iter()).unwrap();
        assert!(resume.did("a", "0/0") && !resume.did("a", "0/3") && !resume.did("b", "0/0"));
        assert_eq!(resume.waiting("a", 0), ["restart"]);
        assert!(resume.left_under_way("a", "0/4") && !resume.left_under_way("a", "0/1"));
        assert!(resume.waiting("a", 1).is_empty());
        assert!(Resume::of([json!({"run": "r", "check": true})].into_iter()).is_none(), "a plan did nothing");
    }
}
