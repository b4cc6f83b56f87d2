//! raw: a command line for a shell, and nothing else.

use crate::base::{Map, Value};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, run};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

struct Raw;

/// Never compared: it runs, also on hosts without Python or a known system; a status other than 0 is a
/// failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Raw))
}

impl Staged for Raw {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(run::conditions(args, false))
    }

    fn decide(&self, args: &Args, _: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let line = args.str("cmd");
        let job = Job::new(script!("raw.run", "../shell/run.sh"))
            .var("chdir", "")
            .var("executable", args.str("executable"))
            .var("cmd", line);
        Ok(run::decision(args, Value::from(line), line, job, controller))
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        run::finish(false, decision.result, done)
    }

    /// What a command did cannot be seen by looking again.
    fn verify(&self) -> bool {
        false
    }
}
