//! ini_file: one option of a section.

mod edit;
mod section;

use crate::base::Map;
use crate::modules::files::edit::{self as text, Edit};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::plan::Decision;
use crate::remote::Output;

/// The truth is the file's text; it is written only if it still is what was read, and other lines stay as
/// they are.
pub fn behaviour() -> Behaviour {
    text::behaviour(decide)
}

fn decide(args: &Args, seen: &[Output]) -> Result<Decision, Failure> {
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
