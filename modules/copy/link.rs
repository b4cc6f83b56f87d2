//! A link of the local folder that is to be a link on the host (`local_follow: false`).

use crate::modules::files::{Attributes, state_word};
use crate::modules::{Args, Failure};
use crate::remote::Job;
use crate::remote::files::FileStat;
use crate::script;
use std::path::Path;

/// Where a local link leads, as it is written in it.
pub fn target(link: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::new(format!("{}: {why}", link.display()));
    let target = std::fs::read_link(link).map_err(|e| failed(e.to_string()))?;
    target.into_os_string().into_string().map_err(|_| failed("where it leads is not UTF-8".into()))
}

/// Why a link has to be made, and the job that makes it; the mode is of files, not of links.
pub fn change(args: &Args, path: &str, target: &str, now: &FileStat) -> Option<(String, Job)> {
    let old = now.target.as_ref().map(|t| String::from_utf8_lossy(t).into_owned());
    let reason = match (&old, now.exists) {
        (Some(old), _) if old == target => return None,
        (Some(old), _) => format!("{path} points to {old}, not {target}"),
        (None, true) => format!("{path} is a {}, not a link", state_word(now)),
        (None, false) => format!("{path} is absent"),
    };
    let wanted = Attributes::of(args);
    let job = Job::new(script!("copy.link", "link.sh"))
        .var("path", path)
        .var("target", target)
        .var("owner", wanted.owner.unwrap_or_default())
        .var("group", wanted.group.unwrap_or_default());
    Some((reason, job))
}
