//! The edit itself, on text: pure.

use crate::base::pyregex::{self, Flags};
use crate::modules::{Args, ArgsExt, Failure};

/// What `after` and `before` leave to work on, as a range of the text; `None`: they are not found.
fn section(args: &Args, text: &str) -> Result<Option<(usize, usize)>, Failure> {
    let given = |name: &str| args.opt_str(name).filter(|t| !t.is_empty());
    let pattern = match (given("after"), given("before")) {
        (None, None) => return Ok(Some((0, text.len()))),
        (Some(after), Some(before)) => format!("{after}(?P<subsection>.*?){before}"),
        (Some(after), None) => format!("{after}(?P<subsection>.*)"),
        (None, Some(before)) => format!("(?P<subsection>.*){before}"),
    };
    let regex = pyregex::compile(&format!("(?s){pattern}"), Flags::default()).map_err(Failure::new)?;
    let captures = regex.captures(text).map_err(|e| Failure::new(e.to_string()))?;
    Ok(captures.and_then(|c| c.name("subsection").map(|m| (m.start(), m.end()))))
}

/// The new text and the number of replacements, or the message why there is nothing to work on.
pub fn edit(args: &Args, text: &str) -> Result<Result<(String, usize), String>, Failure> {
    let Some((start, end)) = section(args, text)? else {
        let pair = [args.opt_str("after"), args.opt_str("before")];
        let shown = pair.iter().flatten().copied().collect::<Vec<_>>().join("(?P<subsection>.*?)");
        return Ok(Err(format!("Pattern for before/after params did not match the given file: {shown}")));
    };
    let flags = Flags { multi_line: true, ..Flags::default() };
    let regex = pyregex::compile(args.str("regexp"), flags).map_err(Failure::new)?;
    let part = pyregex::substitute(&regex, &text[start..end], args.str("replace"), 0)
        .map_err(|e| Failure::new(format!("Unable to process replace due to error: {e}")))?;
    let (new, count) = part;
    Ok(Ok((format!("{}{new}{}", &text[..start], &text[end..]), count)))
}
