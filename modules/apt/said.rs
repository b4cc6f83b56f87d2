//! What apt-get said, as a result or a failure.

use crate::base::{Map, Value};
use crate::modules::{Args, ArgsExt, Failure};
use crate::plan::Decision;
use crate::remote::{Job, Output};

pub fn finish(args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
    if let Some(failed) = done.iter().find(|o| !o.ok()) {
        let mut failure = Failure::from_output(failed);
        failure.result.insert("stdout".into(), String::from_utf8_lossy(&failed.stdout).into_owned().into());
        failure.message = explain(failure.message);
        return Err(failure);
    }
    let join = |pick: fn(&Output) -> &[u8]| -> String {
        done.iter().map(|o| String::from_utf8_lossy(pick(o)).into_owned()).collect()
    };
    let stdout = join(|o| &o.stdout);
    let mut result = decision.result;
    // Whether fetching lists or tidying up changed anything is known only now, as is whether a run that had to fetch the
    // lists first changed a package.
    if decision.effects.iter().all(tidies) {
        let changed = stdout.lines().any(|line| fetched(line) || line.starts_with("Del "));
        result.insert("changed".into(), changed.into());
    }
    let learned = decision.effects.len() > 1 && result.get("cache_updated") == Some(&Value::Bool(true));
    if learned && stdout.contains("0 upgraded, 0 newly installed, 0 to remove") {
        result.insert("changed".into(), false.into());
    }
    if args.opt_str("upgrade").is_some_and(|how| how != "no") || args.bool("clean") {
        result.insert("msg".into(), stdout.as_str().into());
    }
    result.insert("stdout".into(), stdout.into());
    result.insert("stderr".into(), join(|o| &o.stderr).into());
    Ok(result)
}

/// Whether apt says here that it has fetched a list. What a repository signs is fetched anew from servers that cannot tell
/// whether it changed; where it did, lists follow.
pub fn fetched(line: &str) -> bool {
    let signed = |word: &str| ["InRelease", "Release", "Release.gpg"].contains(&word);
    line.starts_with("Get:") && !line.split(' ').any(signed)
}

/// Whether an effect touches no package.
fn tidies(job: &Job) -> bool {
    let tidy: [&[u8]; 3] = [b"update", b"clean", b"autoclean"];
    job.args.iter().any(|word| tidy.contains(&word.as_slice()))
}

/// apt-get's last line is seldom what the user must do; say that.
fn explain(message: String) -> String {
    let hint = if message.contains("Unable to locate package")
        || message.contains("has no installation candidate")
    {
        "check the name, and that a repository which has it is configured and its lists are fetched (`update_cache: true`)"
    } else if message.contains("Could not get lock") || message.contains("frontend lock") {
        "another process held the lock for all of `lock_timeout`"
    } else if message.contains("without --allow-downgrades") || message.contains("Packages were downgraded") {
        "set `allow_downgrade: true` if the lower version is meant"
    } else if message.contains("not authenticated") || message.contains("NO_PUBKEY") {
        "the repository's key is not known to the host (`deb822_repository` with `signed_by`)"
    } else {
        return message;
    };
    format!("{message}\nhint: {hint}")
}
