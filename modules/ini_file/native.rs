//! ini_file: one option of a section.

mod edit;

use crate::base::Map;
use crate::modules::files::{self, edit::Edit};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

struct IniFile;

pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(IniFile))
}

impl Staged for IniFile {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        files::claims(spec, args)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(files::edit::probe(args.str("path")))
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let present = args.str("state") != "absent";
        let create = args.opt_bool("create").unwrap_or(true);
        let file = Edit::read(args.str("path"), seen, create || !present)?;
        let mut result = Map::from_iter([("path".into(), file.path.as_str().into())]);
        let edited = edit::edit(args, &file.text)?;
        let message = edited.as_ref().map_or("OK", |e| e.message);
        result.insert("msg".into(), message.into());
        let option = match (args.opt_str("section"), args.opt_str("option")) {
            (Some(section), Some(option)) => format!("[{section}] {option}"),
            (Some(section), None) => format!("[{section}]"),
            (None, option) => option.unwrap_or_default().to_string(),
        };
        file.decide(args, edited.map(|e| e.content), &format!("{option} is not as wanted"), result)
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::edit::finish(decision, done)
    }
}
