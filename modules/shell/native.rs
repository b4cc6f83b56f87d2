//! shell: a command line for a shell.

use crate::base::{Map, Value};
use crate::modules::forecast::Forecast;
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, run};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

struct Shell;

/// Never compared: it runs unless `creates` or `removes` says that it has; a status other than 0 is a
/// failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Shell))
}

impl Staged for Shell {
    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(run::conditions(args, controller.check_mode()))
    }

    fn foresee(&self, _: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        run::foresee(seen, forecast)
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let line = args.str("cmd");
        let cmd = Value::from(line);
        if let Some(why) = run::condition_met(args, seen)? {
            return Ok(run::skipped(cmd, &why));
        }
        let job = Job::new(script!("shell.run", "run.sh"))
            .var("chdir", args.str("chdir"))
            .var("executable", args.str("executable"))
            .var("cmd", line);
        Ok(run::decision(args, cmd, line, run::with_stdin(args, job), controller))
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        run::finish(args.opt_bool("strip_empty_ends").unwrap_or(true), decision.result, done)
    }

    /// What a command did cannot be seen by looking again.
    fn verify(&self) -> bool {
        false
    }
}
