//! The edit itself, on text: pure.

use crate::base::pyregex::{self, Flags};
use crate::modules::{Args, ArgsExt, Failure};

pub struct Edited {
    pub content: String,
    pub message: &'static str,
}

pub fn edit(args: &Args, text: &str) -> Result<Option<Edited>, Failure> {
    let mark = |word: &str| args.str("marker").replace("{mark}", args.str(word));
    let (begin, end) = (mark("marker_begin"), mark("marker_end"));
    let block = args.str("block");
    let present = args.str("state") != "absent" && !block.is_empty();
    let mut all: Vec<String> = text.split_inclusive('\n').map(String::from).collect();
    let bare = |l: &String| l.trim_end_matches(['\r', '\n']).to_string();
    let ends: Vec<usize> = all.iter().enumerate().filter(|(_, l)| bare(l) == end).map(|(i, _)| i).collect();
    let starts = all.iter().enumerate().filter(|(_, l)| bare(l) == begin).map(|(i, _)| i).next_back();
    // The last begin and the last end, in whatever order they stand.
    let old = match (starts, ends.last()) {
        (Some(a), Some(b)) => Some((a.min(*b), a.max(*b))),
        _ => None,
    };
    let mut at = match old {
        Some((first, last)) => {
            all.drain(first..=last);
            Some(first)
        }
        None => None,
    };
    if present {
        if at.is_none() {
            at = Some(place(args, &all)?);
        }
        insert(args, &mut all, at.unwrap_or(0), &begin, block, &end);
    }
    let content = all.concat();
    if content == text {
        return Ok(None);
    }
    let message = match (present, old) {
        (false, _) => "Block removed",
        (true, None) => "Block inserted",
        (true, Some(_)) => "Block updated",
    };
    Ok(Some(Edited { content, message }))
}

fn insert(args: &Args, all: &mut Vec<String>, at: usize, begin: &str, block: &str, end: &str) {
    let mut new = vec![format!("{begin}\n")];
    // Line ends of the block stay what they are.
    new.extend(block.split_terminator('\n').map(|l| format!("{l}\n")));
    new.push(format!("{end}\n"));
    let mut at = at;
    if at > 0
        && let Some(before) = all.get_mut(at - 1)
        && !before.ends_with('\n')
    {
        before.push('\n');
    }
    let blank = |line: Option<&String>| line.is_some_and(|l| l.trim_end_matches(['\r', '\n']).is_empty());
    if args.bool("prepend_newline") && at > 0 && !blank(all.get(at - 1)) {
        all.insert(at, "\n".into());
        at += 1;
    }
    if args.bool("append_newline") && at < all.len() && !blank(all.get(at)) {
        new.push("\n".into());
    }
    all.splice(at..at, new);
}

fn place(args: &Args, all: &[String]) -> Result<usize, Failure> {
    let (word, offset) = match (args.opt_str("insertafter"), args.opt_str("insertbefore")) {
        (_, Some("BOF")) => return Ok(0),
        (Some("EOF"), _) | (None, None) => return Ok(all.len()),
        (Some(after), _) => (after, 1),
        (None, Some(before)) => (before, 0),
    };
    let flags = Flags { multi_line: word.contains('\n'), ..Flags::default() };
    let regex = pyregex::compile(word, flags).map_err(Failure::new)?;
    if across_lines(word) {
        // The first match, wherever it begins and ends.
        let text = all.concat();
        let found = pyregex::all(&regex, &text, 1).map_err(Failure::new)?;
        let edge =
            found.first().and_then(|m| m.get(0)).map(|m| if offset == 1 { m.end() } else { m.start() });
        return Ok(edge.map_or(all.len(), |at| text[..at].matches('\n').count() + offset));
    }
    let found = all.iter().rposition(|l| pyregex::found(&regex, l.trim_end_matches(['\r', '\n'])));
    Ok(found.map_or(all.len(), |at| at + offset))
}

/// Whether the expression begins with the flag `m`: then it is held against the whole text.
fn across_lines(expression: &str) -> bool {
    let flags = expression.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    flags.is_some_and(|(flags, _)| flags.contains('m') && flags.chars().all(|c| c.is_ascii_alphabetic()))
}
