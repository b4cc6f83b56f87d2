//! The journal: one append-only file a run, intent before the effect, result after it. Never holds a secret.

use super::event::{Outcome, TaskRef};
use super::state::{Run, locked};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Lines of JSON under `.fitout/runs/ID.jsonl`. A run that cannot write it goes on and says so once.
#[derive(Default)]
pub struct Journal {
    file: Option<File>,
    /// Empty where the journal could not be made.
    pub path: PathBuf,
}

impl Journal {
    /// Creates the run's file, readable by its owner only.
    pub fn create(run_dir: &Path, id: &str) -> Result<Journal, String> {
        use std::os::unix::fs::OpenOptionsExt;
        let folder = run_dir.join("runs");
        let failed =
            |e: std::io::Error| format!("the journal cannot be written in {}: {e}", folder.display());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join(format!("{id}.jsonl"));
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
        Ok(Journal { file: Some(file), path })
    }

    /// Appends one JSON object and a line end. After a failed write (a full disk) nothing more is written,
    /// and the run goes on.
    pub fn line(&mut self, line: &serde_json::Value) {
        let Some(file) = &mut self.file else { return };
        // A full disk must not stop the run in the middle of its work: what was written stays readable.
        // In one write: a line is there as a whole or not at all.
        if file.write_all(format!("{line}\n").as_bytes()).is_err() {
            self.file = None;
        }
    }
}

impl Run {
    pub fn journal_note(&self, line: &serde_json::Value) {
        locked(&self.journal).line(line);
    }

    /// Written before the effect's job is sent.
    pub fn journal_begin(&self, host: &str, task: &str, step: &str, action: &str, reason: &str) {
        let (task, reason) = (self.redactor.text(task), self.redactor.text(reason));
        self.journal_note(
            &json!({"begin": task, "host": host, "action": action, "step": step, "reason": reason, "at": now()}),
        );
    }

    /// `message`: why it failed, without secrets; empty where nothing did.
    pub fn journal_end(&self, host: &str, task: &TaskRef, step: &str, outcome: Outcome, message: &str) {
        let mut line = json!({"end": task.name, "host": host, "action": task.action, "place": task.place,
            "step": step, "handler": task.handler, "outcome": outcome.word(), "at": now()});
        if !message.is_empty() && matches!(outcome, Outcome::Failed | Outcome::Unreachable) {
            line["message"] = message.into();
        }
        self.journal_note(&line);
    }
}

/// UTC, RFC 3339, to the millisecond.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
