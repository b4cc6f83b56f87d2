//! Soft and hard links.

use super::{Seen, change, look, made, make, states, unchanged};
use crate::modules::files::{self, Attributes, attributes, state_word};
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::{Action, Decision};
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

/// Whether a link may take the place of what is there.
fn may_replace(args: &Args, here: &FileStat, what: &str) -> Result<(), Failure> {
    let path = args.str("path");
    let link = here.kind == FileKind::Link || what == "hard link" && here.kind != FileKind::Directory;
    if !here.exists || link || args.bool("force") {
        return Ok(());
    }
    let word = state_word(here);
    Err(Failure::new(format!("refusing to convert from {word} to {what} for {path}; `force: true` does it")))
}

pub fn soft(args: &Args, seen: &Seen, real: &mut BTreeMap<Vec<u8>, FileStat>) -> Result<Decision, Failure> {
    let path = args.str("path");
    let here = &seen.here;
    let old = here.target.as_ref().map(|t| String::from_utf8_lossy(t).into_owned());
    let Some(src) = args.opt_str("src").map(String::from).or_else(|| old.clone()) else {
        return Err(Failure::new("src is required for creating new symlinks"));
    };
    let target = real.remove(resolved(path, &src).as_bytes()).unwrap_or_default();
    let is_link = here.exists && here.kind == FileKind::Link;
    if is_link && old.as_deref() == Some(&src) {
        let wanted = Attributes::of(args);
        let (now, follow) =
            if args.bool("follow") && seen.there.exists { (&seen.there, true) } else { (here, false) };
        let differences = wanted.differences(now)?;
        let mut decision = if differences.is_empty() {
            unchanged("dest", path, here)
        } else {
            let effects = vec![Attributes::job(&differences, !follow, [path]), look(path, false)];
            let reason = attributes::reason(&differences);
            change(args, "dest", Action::Update, reason, attributes::diff(path, &differences), effects)
        };
        decision.result.insert("src".into(), src.into());
        return Ok(decision);
    }
    may_replace(args, here, "symlink")?;
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
    let mut decision =
        change(args, "dest", action, reason, diff, vec![make(args, "link", 0o777)?, look(path, false)]);
    decision.result.insert("src".into(), src.into());
    decision.result.insert("state".into(), "link".into());
    Ok(decision)
}

pub fn hard(args: &Args, seen: &Seen, real: &mut BTreeMap<Vec<u8>, FileStat>) -> Result<Decision, Failure> {
    let (path, src) = (args.str("path"), args.str("src"));
    let here = &seen.here;
    if !src.starts_with('/') && !src.starts_with('~') {
        return Err(Failure::new("absolute paths are required"));
    }
    let target = real.remove(src.as_bytes()).unwrap_or_default();
    if !target.exists {
        return Err(Failure::new(format!("src does not exist: {src}")));
    }
    let same = here.exists && here.inode == target.inode && here.dev == target.dev;
    if same {
        let differences = Attributes::of(args).differences(here)?;
        if differences.is_empty() {
            return Ok(unchanged("dest", path, here));
        }
        let effects = vec![Attributes::job(&differences, false, [path]), look(path, false)];
        let reason = attributes::reason(&differences);
        return Ok(change(
            args,
            "dest",
            Action::Update,
            reason,
            attributes::diff(path, &differences),
            effects,
        ));
    }
    if here.exists && !args.bool("force") {
        let word = state_word(here);
        let message = format!(
            "Cannot link, different hard link exists at destination ({path} is a {word}); `force: true` replaces it"
        );
        return Err(Failure::new(message));
    }
    may_replace(args, here, "hard link")?;
    let (action, reason) = match here.exists {
        true => (Action::Replace, format!("{path} is another file than {src}")),
        false => (Action::Create, format!("{path} is absent")),
    };
    let diff = states(path, state_word(here), "hard");
    let mut decision =
        change(args, "dest", action, reason, diff, made(args, make(args, "hard", target.mode)?)?);
    decision.result.insert("src".into(), src.into());
    Ok(decision)
}
