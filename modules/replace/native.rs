//! replace: every match of an expression.

mod edit;

use crate::base::Map;
use crate::modules::files::{self, edit::Edit};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

struct Replace;

pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Replace))
}

impl Staged for Replace {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        files::claims(spec, args)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(files::edit::probe(args.str("path")))
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let file = Edit::read(args.str("path"), seen, false)
            .map_err(|f| Failure { message: f.message.replace("Destination", "Path"), ..f })?;
        let (new, count) = match edit::edit(args, &file.text)? {
            Ok(edited) => edited,
            Err(why) => return Ok(Decision::unchanged(Map::from_iter([("msg".into(), why.into())]))),
        };
        let changed = count > 0 && new != file.text;
        let message = if changed { format!("{count} replacements made") } else { String::new() };
        let result = Map::from_iter([("msg".into(), message.into())]);
        let reason = format!("{count} places match `{}`", args.str("regexp"));
        file.decide(args, changed.then_some(new), &reason, result)
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::edit::finish(decision, done)
    }
}
