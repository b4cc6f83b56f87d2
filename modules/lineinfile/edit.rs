//! The edit itself, on bytes: pure.

use crate::base::pyregex::{self, Flags};
use crate::modules::{Args, ArgsExt, Failure};
use fancy_regex::Regex;

/// The new content and Ansible's message; `None`: nothing to do.
pub struct Edited {
    pub content: String,
    pub message: &'static str,
    pub found: usize,
}

/// Lines with their ends, as Python's `readlines`.
fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(String::from).collect()
}

fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

fn regex(args: &Args, name: &str) -> Result<Option<Regex>, Failure> {
    let pattern = args.opt_str(name).filter(|p| !p.is_empty() || name == "regexp");
    pattern.map(|p| pyregex::compile(p, Flags::default()).map_err(Failure::new)).transpose()
}

pub fn absent(args: &Args, text: &str) -> Result<Option<Edited>, Failure> {
    let regexp = regex(args, "regexp")?;
    let (search, line) = (args.opt_str("search_string"), args.opt_str("line"));
    let goes = |l: &String| match (&regexp, search, line) {
        (Some(regexp), _, _) => pyregex::found(regexp, bare(l)),
        (None, Some(search), _) => l.contains(search),
        (None, None, line) => line.is_some_and(|line| bare(line) == bare(l)),
    };
    let all = lines(text);
    let kept: String = all.iter().filter(|l| !goes(l)).map(String::as_str).collect();
    let found = all.iter().filter(|l| goes(l)).count();
    Ok((found > 0).then_some(Edited { content: kept, message: "line(s) removed", found }))
}

pub fn present(args: &Args, text: &str) -> Result<Option<Edited>, Failure> {
    let mut all = lines(text);
    let regexp = regex(args, "regexp")?;
    let search = args.opt_str("search_string");
    let first = args.bool("firstmatch");
    let line = args.str("line");
    let end = if all.first().is_some_and(|l| l.ends_with("\r\n")) { "\r\n" } else { "\n" };
    // The place found by regexp or search_string, else the line itself.
    let pattern = |l: &str| match (&regexp, search) {
        (Some(regexp), _) => pyregex::found(regexp, bare(l)),
        (None, Some(search)) => l.contains(search),
        (None, None) => false,
    };
    let pick = |fits: &dyn Fn(&str) -> bool| {
        let mut at = all.iter().enumerate().filter(|(_, l)| fits(l)).map(|(i, _)| i);
        if first { at.next() } else { at.last() }
    };
    let matched = pick(&pattern);
    let exact = all.iter().rposition(|l| bare(l) == bare(line));
    if let Some(at) = matched {
        return replaced(args, regexp.as_ref(), &mut all, at, line, end);
    }
    if args.bool("backrefs") || exact.is_some() {
        return Ok(None);
    }
    let place = place(args, &all, first)?;
    insert(&mut all, place, line, end);
    Ok(Some(Edited { content: all.concat(), message: "line added", found: 0 }))
}

fn replaced(
    args: &Args,
    regexp: Option<&Regex>,
    all: &mut [String],
    at: usize,
    line: &str,
    end: &str,
) -> Result<Option<Edited>, Failure> {
    let mut new = line.to_string();
    if let Some(regexp) = regexp.filter(|_| args.bool("backrefs")) {
        let captures = regexp.captures(bare(&all[at])).map_err(|e| Failure::new(e.to_string()))?;
        if let Some(captures) = captures {
            new.clear();
            pyregex::expand(line, &captures, &mut new).map_err(Failure::new)?;
        }
    }
    let new = format!("{}{end}", new.trim_end_matches(['\r', '\n']));
    // A last line without its end is left so when it says the same.
    if all[at] == new || bare(&all[at]) == bare(&new) && !all[at].ends_with('\n') {
        return Ok(None);
    }
    all[at] = new;
    Ok(Some(Edited { content: all.concat(), message: "line replaced", found: 0 }))
}

/// The index that the new line is to have.
fn place(args: &Args, all: &[String], first: bool) -> Result<usize, Failure> {
    let find = |name: &str| -> Result<Option<usize>, Failure> {
        let Some(regex) = regex(args, name)? else { return Ok(None) };
        let mut at = all.iter().enumerate().filter(|(_, l)| pyregex::found(&regex, bare(l))).map(|(i, _)| i);
        Ok(if first { at.next() } else { at.next_back() })
    };
    match (args.opt_str("insertafter"), args.opt_str("insertbefore")) {
        (_, Some("BOF")) | (Some("BOF"), _) => Ok(0),
        (Some("EOF"), _) | (None, None) => Ok(all.len()),
        (Some(_), _) => Ok(find("insertafter")?.map_or(all.len(), |at| at + 1)),
        (None, Some(_)) => Ok(find("insertbefore")?.unwrap_or(all.len())),
    }
}

fn insert(all: &mut Vec<String>, place: usize, line: &str, end: &str) {
    if place > 0
        && let Some(before) = all.get_mut(place - 1)
        && !before.ends_with('\n')
    {
        before.push_str(end);
    }
    all.insert(place, format!("{}{end}", line.trim_end_matches(['\r', '\n'])));
}
