//! make: targets, by make itself.

use crate::base::{Map, Value};
use crate::modules::kit::{changed, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::to_text;
use std::sync::Arc;

/// The truth is what `make --question` says.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Make))
}

struct Make;

/// What follows the program's name.
fn words(args: &Args) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(file) = args.opt_str("file") {
        words.extend(["-f".into(), file.into()]);
    }
    if let Some(jobs) = args.value("jobs").filter(|v| !v.is_null()) {
        words.push(format!("-j{}", to_text(jobs)));
    }
    words.extend(args.opt_str("target").map(str::to_string));
    words.extend(args.list("targets").iter().map(|t| (*t).to_string()));
    if let Some(Value::Map(params)) = args.value("params") {
        words.extend(params.iter().map(|(name, value)| match value {
            Value::Null => name.to_string(),
            value => format!("{name}={}", to_text(value)),
        }));
    }
    words
}

impl Staged for Make {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let job = Job::new(script!("make.probe", "probe.sh")).args(words(args));
        Ok(vec![job.var("chdir", args.str("chdir")).var("make", args.str("make"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        if !output.ok() {
            return Err(Failure::from_output(output));
        }
        let make = output.field("", "make").unwrap_or_default().to_string();
        let words = words(args);
        let command: Vec<&str> =
            [make.as_str()].into_iter().chain(words.iter().map(String::as_str)).collect();
        let mut out = result([("command", shell_words::join(command).into()), ("rc", 0.into())]);
        out.insert("stdout".into(), output.field("", "stdout").unwrap_or_default().into());
        out.insert("stderr".into(), "".into());
        for key in ["chdir", "target", "targets", "params"] {
            out.insert(key.into(), args.value(key).cloned().unwrap_or(Value::Null));
        }
        if output.field("", "rc").as_deref() == Some("0") {
            return Ok(Decision::unchanged(out));
        }
        let job = Job::new(script!("make.apply", "apply.sh")).args(words);
        let job = job.var("chdir", args.str("chdir")).var("make", make);
        Ok(changed(Action::Run, "make has something to do", vec![job], out))
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        let mut out = decision.result;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_string();
        for output in done {
            if !output.ok() {
                return Err(Failure::from_output(output));
            }
            out.insert("stdout".into(), text(&output.stdout).into());
            out.insert("stderr".into(), text(&output.stderr).into());
        }
        Ok(out)
    }

    /// A target without a file is never done.
    fn verify(&self) -> bool {
        false
    }
}
