//! `deb`: one package file, by path or URL.

use super::command::options;
use crate::modules::kit::{changed, field, result};
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::script;

/// # Errors
/// A file that is missing on the host or is no package.
pub fn decide(args: &Args, file: &str, seen: &Output) -> Result<Decision, Failure> {
    if let Some(error) = seen.field(file, "error") {
        return Err(Failure::new(format!("{file} is no Debian package: {error}")));
    }
    if seen.field(file, "state").as_deref() == Some("absent") {
        let message = format!("{file} is not on the host; `copy` or `get_url` it first, or give a URL");
        return Err(Failure::new(message));
    }
    let (name, version) = (field(seen, file, "name"), field(seen, file, "version"));
    let installed =
        field(seen, file, "installed").and_then(|i| Some(i.strip_prefix("installed ")?.to_string()));
    let no_epoch = |v: &str| v.split_once(':').map_or(v, |(_, v)| v).to_string();
    let same = match (&installed, &version) {
        // File names often leave the epoch out.
        (Some(is), Some(wanted)) => is == wanted || !wanted.contains(':') && no_epoch(is) == *wanted,
        _ => false,
    };
    if same {
        return Ok(Decision::unchanged(result([])));
    }
    let what = name.unwrap_or_else(|| file.to_string());
    let reason = match (&installed, &version) {
        (Some(is), Some(wanted)) => format!("{what} is {is}, not {wanted}"),
        _ => format!("{what} is not installed"),
    };
    let action = if installed.is_some() { Action::Update } else { Action::Create };
    let words =
        [options(args), vec!["--allow-downgrades".into(), "install".into(), "--".into(), file.into()]]
            .concat();
    let job = Job::new(script!("apt.fetch_deb", "fetch_deb.sh"))
        .var("lock_timeout", args.int("lock_timeout").max(0).to_string())
        .args(words);
    Ok(changed(action, reason, vec![job], result([])))
}
