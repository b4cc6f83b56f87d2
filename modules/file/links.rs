//! Soft and hard links.

use super::{Seen, change, look, made, make, states, unchanged};
use crate::modules::files::attributes::Difference;
use crate::modules::files::{self, Attributes, attributes, state_word};
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::{Action, Decision};
use crate::remote::Output;
use crate::remote::files::{FileKind, FileStat};
use std::collections::BTreeMap;

/// Where a link at `path` with the text `src` leads.
pub fn resolved(path: &str, src: &str) -> String {
    if src.starts_with('/') || src.starts_with('~') {
        src.to_string()
    } else {
        files::join(files::parent(path), src)
    }
}

/// Where a hard link is made if `path` is a folder.
pub fn inside(args: &Args) -> Option<String> {
    let src = args.opt_str("src").filter(|_| args.str("state") == "hard")?;
    Some(files::join(args.str("path"), files::base_name(src)))
}

/// Whether a soft link may take the place of what is there.
fn may_replace(args: &Args, here: &FileStat) -> Result<(), Failure> {
    let path = args.str("path");
    if !here.exists || here.kind == FileKind::Link || args.bool("force") {
        return Ok(());
    }
    let word = state_word(here);
    Err(Failure::new(format!("refusing to convert from {word} to symlink for {path}; `force: true` does it")))
}

/// What differs in a link's attributes, and whether they are those of the link itself; with `follow` it is what the link
/// leads to that has them.
fn compared(args: &Args, here: &FileStat, there: &FileStat) -> Result<(Vec<Difference>, bool), Failure> {
    let wanted = Attributes::of(args);
    match (args.bool("follow"), there.exists) {
        (true, true) => Ok((wanted.differences(there)?, false)),
        (true, false) => Ok((Vec::new(), false)),
        (false, _) => Ok((wanted.differences(here)?, true)),
    }
}

fn warned(args: &Args, there: &FileStat) -> Vec<String> {
    let wanted = ["mode", "owner", "group"].iter().any(|name| args.has(name));
    let lost = args.bool("follow") && !there.exists && wanted;
    let why = "Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this.";
    lost.then(|| why.to_string()).into_iter().collect()
}

/// Whether a soft link may take the place of a folder, which then has to be empty.
pub fn may_take_a_folder(args: &Args) -> bool {
    args.str("state") == "link" && args.bool("force")
}

/// `full`: what was found where it may take a folder's place.
pub fn soft(
    args: &Args,
    seen: &Seen,
    real: &mut BTreeMap<Vec<u8>, FileStat>,
    full: Option<&Output>,
) -> Result<Decision, Failure> {
    let path = args.str("path");
    let here = &seen.here;
    let old = here.target.as_ref().map(|t| String::from_utf8_lossy(t).into_owned());
    let Some(src) = args.opt_str("src").map(String::from).or_else(|| old.clone()) else {
        return Err(Failure::new("src is required for creating new symlinks"));
    };
    let target = real.remove(resolved(path, &src).as_bytes()).unwrap_or_default();
    let is_link = here.exists && here.kind == FileKind::Link;
    if is_link && old.as_deref() == Some(&src) {
        let (differences, nofollow) = compared(args, here, &seen.there)?;
        let mut decision = if differences.is_empty() {
            unchanged("dest", path, here)
        } else {
            let effects = vec![Attributes::job(&differences, nofollow, [path]), look(path, false)];
            let reason = attributes::reason(&differences);
            change(args, "dest", Action::Update, reason, attributes::diff(path, &differences), effects)
        };
        decision.warnings = warned(args, &seen.there);
        decision.result.insert("src".into(), src.into());
        return Ok(decision);
    }
    may_replace(args, here)?;
    if state_word(here) == "directory" && full.is_some_and(|o| o.field("", "full").is_some()) {
        let why = format!("the directory {path} is not empty, refusing to convert it");
        return Err(Failure::new(why));
    }
    if !target.exists && !args.bool("force") && args.has("src") {
        let message = format!(
            "src file does not exist, use \"force=yes\" if you really want to create the link: {src}"
        );
        return Err(Failure::new(message));
    }
    let (action, reason) = match (&old, here.exists) {
        (Some(old), _) => (Action::Update, format!("it points to {old}, not {src}")),
        (None, true) => (Action::Replace, format!("{path} is a {}, not a link", state_word(here))),
        (None, false) => (Action::Create, format!("{path} is absent")),
    };
    let diff = states(path, state_word(here), "link");
    let own = if args.bool("follow") { Attributes::default() } else { Attributes::of(args) };
    let mut effects = vec![make(args, "link", 0o777, own)?];
    if args.bool("follow") {
        let (differences, _) = compared(args, here, &target)?;
        effects.extend((!differences.is_empty()).then(|| Attributes::job(&differences, false, [path])));
    }
    effects.push(look(path, false));
    let mut decision = change(args, "dest", action, reason, diff, effects);
    decision.warnings = warned(args, &target);
    decision.result.insert("src".into(), src.into());
    decision.result.insert("state".into(), "link".into());
    Ok(decision)
}

/// The decision for a path that is what it is to be, but for its attributes.
fn same(args: &Args, now: &FileStat) -> Result<Decision, Failure> {
    let path = args.str("path");
    let differences = Attributes::of(args).differences(now)?;
    if differences.is_empty() {
        return Ok(unchanged("dest", path, now));
    }
    let effects = vec![Attributes::job(&differences, false, [path]), look(path, false)];
    let reason = attributes::reason(&differences);
    Ok(change(args, "dest", Action::Update, reason, attributes::diff(path, &differences), effects))
}

pub fn hard(args: &Args, seen: &Seen, real: &mut BTreeMap<Vec<u8>, FileStat>) -> Result<Decision, Failure> {
    let (path, src) = (args.str("path"), args.str("src"));
    let here = &seen.here;
    let word = state_word(here);
    if src.is_empty() {
        return match word {
            "hard" => same(args, here),
            _ => Err(Failure::new("src is required for creating new hardlinks")),
        };
    }
    if !src.starts_with('/') && !src.starts_with('~') {
        return Err(Failure::new("absolute paths are required"));
    }
    let target = real.remove(src.as_bytes()).unwrap_or_default();
    if !target.exists {
        return Err(Failure::new(format!("src does not exist: {src}")));
    }
    let equal = here.inode == target.inode && here.dev == target.dev;
    let link = here.kind == FileKind::Link;
    match word {
        "absent" => {}
        // A soft link to the same file is left, another gives way.
        _ if link && here.target.as_deref() == Some(src.as_bytes()) => return same(args, &seen.there),
        _ if link => {}
        _ if equal => return same(args, here),
        _ if !args.bool("force") => {
            let what = if word == "hard" { "different hard link" } else { word };
            let why =
                format!("Cannot link, {what} exists at destination ({path}); `force: true` replaces it");
            return Err(Failure::new(why));
        }
        "directory" => {
            let why = format!("Error while replacing: [Errno 21] Is a directory: b'{path}'");
            return Err(Failure::new(why));
        }
        _ => {}
    }
    let (action, reason) = match here.exists {
        true => (Action::Replace, format!("{path} is another file than {src}")),
        false => (Action::Create, format!("{path} is absent")),
    };
    let diff = states(path, word, "hard");
    let job = make(args, "hard", target.mode, Attributes::of(args))?;
    let mut decision = change(args, "dest", action, reason, diff, made(args, job)?);
    decision.result.insert("src".into(), src.into());
    Ok(decision)
}
