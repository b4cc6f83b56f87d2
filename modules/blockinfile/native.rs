//! blockinfile: a block of lines between two marks.

mod edit;

use crate::base::Map;
use crate::modules::files::edit::{self as text, Edit};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::plan::Decision;
use crate::remote::Output;

/// The truth is the file's text; it is written only if it still is what was read.
pub fn behaviour() -> Behaviour {
    text::behaviour(decide)
}

fn decide(args: &Args, seen: &[Output]) -> Result<Decision, Failure> {
    let present = args.str("state") != "absent";
    let file = Edit::read(args.str("path"), seen, args.bool("create") || !present)
        .map_err(|f| Failure { message: f.message.replace("Destination", "Path"), ..f })?;
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
    // Ansible tells an insertion from an update by nothing.
    let told = match message {
        _ if !file.now.exists => "File created",
        "Block updated" => "Block inserted",
        other => other,
    };
    let result = Map::from_iter([("msg".into(), told.into())]);
    // A file that is not there is made, with or without a block.
    let content = edited.map(|e| e.content).or((!file.now.exists).then(String::new));
    file.decide(args, content, reason, result)
}
