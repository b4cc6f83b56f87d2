//! lineinfile: one line of a text.

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
    if present && !args.has("line") {
        return Err(Failure::new("line is required with state=present"));
    }
    if args.bool("backrefs") && !args.has("regexp") {
        return Err(Failure::new("regexp is required with backrefs=true"));
    }
    if !present && !args.has("line") && !args.has("regexp") && !args.has("search_string") {
        let message = "one of line, search_string, or regexp is required with state=absent";
        return Err(Failure::new(message));
    }
    let file = Edit::read(args.str("path"), seen, args.bool("create") || !present)?;
    if !present && !file.now.exists {
        let result = Map::from_iter([("msg".into(), "file not present".into()), ("found".into(), 0.into())]);
        return Ok(Decision::unchanged(result));
    }
    let edited = if present { edit::present(args, &file.text)? } else { edit::absent(args, &file.text)? };
    let message = match &edited {
        Some(e) if e.found > 0 => format!("{} line(s) removed", e.found),
        Some(e) => e.message.to_string(),
        None => String::new(),
    };
    let mut result = Map::from_iter([("msg".into(), message.as_str().into())]);
    result.insert("backup".into(), "".into());
    if !present {
        result.insert("found".into(), edited.as_ref().map_or(0, |e| e.found).into());
    }
    let reason = match message.as_str() {
        "line added" => format!("the line `{}` is missing", args.str("line")),
        "line replaced" => format!("a line is not `{}`", args.str("line")),
        other => other.replace("removed", "to be removed"),
    };
    let mut decision = file.decide(args, edited.map(|e| e.content), &reason, result)?;
    let empty = ["regexp", "search_string"].into_iter().filter(|name| args.opt_str(name) == Some(""));
    let warn = |name| {
        format!(
            "{name} is empty, which matches every line: the last one is replaced; leave it out, or write `^`"
        )
    };
    decision.warnings.extend(empty.map(warn));
    Ok(decision)
}
