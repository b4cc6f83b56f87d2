//! script: a local script, sent and run.

use crate::base::{Map, Value};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, files, run};
use crate::plan::Decision;
use crate::remote::{Content, Job, Output};
use crate::script;
use std::sync::Arc;

struct ScriptModule;

/// Never compared: it runs unless `creates` or `removes` says that it has. The text goes over stdin and is in
/// no file of the host.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(ScriptModule))
}

impl Staged for ScriptModule {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(run::conditions(args, false))
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let line = args.str("cmd").trim();
        if let Some(why) = run::condition_met(args, seen)? {
            return Ok(skipped(args, &why));
        }
        let words = run::words(line)?;
        let name = words.first().ok_or_else(|| Failure::new("no script given"))?;
        let path = controller.find_file("files", name)?;
        let content = controller.read_file(&path, !args.bool("decrypt"))?;
        let job = Job::new(script!("script.run", "run.sh"))
            .var("chdir", args.str("chdir"))
            .var("executable", args.str("executable"))
            .var("name", files::base_name(name))
            .var("rest", after_first_word(line))
            .stdin(Content::Bytes(content));
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

/// Unlike a command's, a script's task counts as skipped, and has nothing of a run in its result.
fn skipped(args: &Args, why: &str) -> Decision {
    let why = match why.contains("does not exist") {
        true => format!("{} does not exist, matching removes option", args.str("removes")),
        false => format!("{} exists, matching creates option", args.str("creates")),
    };
    Decision::unchanged(Map::from_iter([("skipped".into(), true.into()), ("msg".into(), why.into())]))
}

/// The text behind the first word, quotes and all: it is for the host's shell.
fn after_first_word(line: &str) -> &str {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => return line[at..].trim_start(),
            _ => {}
        }
    }
    ""
}
