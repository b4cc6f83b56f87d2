//! tempfile: a fresh name each time.

use crate::base::Map;
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Change, Decision};
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

struct TempFile;

/// Never compared: each task makes a new name, which is removed only by who uses it.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(TempFile))
}

impl Staged for TempFile {
    fn probe(&self, _: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(Vec::new())
    }

    fn decide(&self, args: &Args, _: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        for part in ["prefix", "suffix"] {
            let text = args.str(part);
            if text.contains('/') {
                return Err(Failure::new(format!(
                    "{part} must be a valid file name component, got '{text}'"
                )));
            }
        }
        let state = args.str("state");
        let job = Job::new(script!("tempfile.make", "make.sh"))
            .var("folder", args.str("path"))
            .var("prefix", args.str("prefix"))
            .var("suffix", args.str("suffix"))
            .flag("directory", state == "directory");
        let change = Change {
            action: Action::Create,
            reason: format!("a temporary {state} is new each time"),
            diffs: Vec::new(),
        };
        let result = Map::from_iter([("state".into(), state.into())]);
        Ok(Decision { change: Some(change), effects: vec![job], result, warnings: Vec::new() })
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let mut result = decision.result;
        let Some(output) = done.first() else { return Ok(result) };
        result.insert("path".into(), output.field("", "path").unwrap_or_default().into());
        let fields = output.field("", "fields").unwrap_or_default();
        let fields: Vec<&str> = fields.lines().collect();
        let text = |i: usize| fields.get(i).copied().unwrap_or_default();
        result.insert("mode".into(), format!("{:0>4}", text(0)).into());
        result.insert("owner".into(), text(1).into());
        result.insert("group".into(), text(2).into());
        for (key, index) in [("uid", 3), ("gid", 4), ("size", 5)] {
            result.insert(key.into(), text(index).parse::<i64>().unwrap_or_default().into());
        }
        Ok(result)
    }

    fn verify(&self) -> bool {
        false
    }
}
