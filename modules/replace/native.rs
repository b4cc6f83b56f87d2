//! replace: every match of an expression.

mod edit;

use crate::base::Map;
use crate::modules::files::edit::{self as text, Edit};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::plan::Decision;
use crate::remote::Output;

/// The truth is the file's text; it is written only if it still is what was read. The expression is Python's.
pub fn behaviour() -> Behaviour {
    text::behaviour(decide)
}

fn decide(args: &Args, seen: &[Output]) -> Result<Decision, Failure> {
    let file = Edit::read(args.str("path"), seen, false)
        .map_err(|f| Failure { message: f.message.replace("Destination", "Path"), ..f })?;
    let (new, count) = match edit::edit(args, &file.text)? {
        Ok(edited) => edited,
        Err(why) => {
            let result = Map::from_iter([("msg".into(), why.into()), ("rc".into(), 0.into())]);
            return Ok(Decision::unchanged(result));
        }
    };
    let changed = count > 0 && new != file.text;
    let message = if changed { format!("{count} replacements made") } else { String::new() };
    let result = Map::from_iter([("msg".into(), message.into()), ("rc".into(), 0.into())]);
    let reason = format!("{count} places match `{}`", args.str("regexp"));
    file.decide(args, changed.then_some(new), &reason, result)
}
