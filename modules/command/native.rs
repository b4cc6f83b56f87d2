//! command: one program, its words exactly as written.

use crate::base::{Map, Value};
use crate::modules::forecast::Forecast;
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, run};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

struct Command;

/// Never compared: it runs unless `creates` or `removes` says that it has; a status other than 0 is a
/// failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Command))
}

impl Staged for Command {
    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(run::conditions(args, controller.check_mode()))
    }

    fn foresee(&self, _: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        run::foresee(seen, forecast)
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let words: Vec<String> = match args.opt_str("cmd") {
            Some(line) => run::words(line)?,
            None => args.list("argv").into_iter().map(String::from).collect(),
        };
        if words.first().is_none_or(String::is_empty) {
            return Err(Failure::new("no command given"));
        }
        let cmd = Value::from(words.iter().map(|w| w.as_str().into()).collect::<Vec<Value>>());
        if let Some(why) = run::condition_met(args, seen)? {
            return Ok(run::skipped(cmd, &why));
        }
        let special = |w: &String| w.contains('$') || w.starts_with('~');
        let expand = args.opt_bool("expand_argument_vars").unwrap_or(true) && words.iter().any(special);
        let job = Job::new(script!("command.run", "run.sh"))
            .var("chdir", args.str("chdir"))
            .flag("expand", expand)
            .args(&words);
        let shown = shell_words::join(&words);
        Ok(run::decision(args, cmd, &shown, run::with_stdin(args, job), controller))
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        run::finish(args.opt_bool("strip_empty_ends").unwrap_or(true), decision.result, done)
    }

    /// What a command did cannot be seen by looking again.
    fn verify(&self) -> bool {
        false
    }
}
