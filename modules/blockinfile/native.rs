//! blockinfile: a block of lines between two marks.

mod edit;

use crate::base::Map;
use crate::modules::files::{self, edit::Edit};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

struct BlockInFile;

pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(BlockInFile))
}

impl Staged for BlockInFile {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        files::claims(spec, args)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(files::edit::probe(args.str("path")))
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let present = args.str("state") != "absent";
        let file = Edit::read(args.str("path"), seen, args.bool("create") || !present)?;
        if !present && !file.now.exists {
            let text = format!("File {} not present", file.path);
            return Ok(Decision::unchanged(Map::from_iter([("msg".into(), text.into())])));
        }
        let edited = edit::edit(args, &file.text)?;
        let message = edited.as_ref().map_or("", |e| e.message);
        let reason = match message {
            "Block inserted" => "the block is missing",
            "Block updated" => "the block differs",
            _ => "the block is to be removed",
        };
        let result = Map::from_iter([("msg".into(), message.into())]);
        file.decide(args, edited.map(|e| e.content), reason, result)
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::edit::finish(decision, done)
    }
}
