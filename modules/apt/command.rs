//! The command lines of apt-get.

use crate::modules::{Args, ArgsExt};
use crate::remote::Job;
use crate::script;

/// The words that upgrade what is installed; `None`: nothing is asked to be.
pub fn upgrade_command(args: &Args) -> Option<Vec<&'static str>> {
    let all = args.list("name") == ["*"] && args.str("state") == "latest";
    match args.str("upgrade") {
        "dist" | "full" => Some(vec!["dist-upgrade"]),
        "yes" | "safe" => Some(vec!["upgrade", "--with-new-pkgs"]),
        _ if all => Some(vec!["upgrade", "--with-new-pkgs"]),
        _ => None,
    }
}

/// apt-get's options that every step of this task takes.
pub fn options(args: &Args) -> Vec<String> {
    let mut out: Vec<String> = vec!["-y".into(), "-q".into()];
    for option in args.str("dpkg_options").split(',').map(str::trim).filter(|o| !o.is_empty()) {
        out.extend(["-o".into(), format!("Dpkg::Options::=--{option}")]);
    }
    if let Some(on) = args.opt_bool("install_recommends") {
        out.extend(["-o".into(), format!("APT::Install-Recommends={}", if on { "yes" } else { "no" })]);
    }
    if let Some(release) = args.opt_str("default_release").filter(|r| !r.is_empty()) {
        out.extend(["-t".into(), release.into()]);
    }
    let force = args.bool("force");
    for (on, option) in [
        (force || args.bool("allow_unauthenticated"), "--allow-unauthenticated"),
        (force || args.bool("allow_downgrade"), "--allow-downgrades"),
        (force || args.bool("allow_change_held_packages"), "--allow-change-held-packages"),
        (force, "--allow-remove-essential"),
        (args.bool("only_upgrade"), "--only-upgrade"),
        (args.bool("fail_on_autoremove"), "--no-remove"),
        (args.bool("autoremove"), "--auto-remove"),
        (args.bool("purge"), "--purge"),
    ] {
        if on {
            out.push(option.into());
        }
    }
    out
}

/// One run of apt-get, which waits for dpkg's lock.
pub fn step<S: AsRef<str>>(args: &Args, words: &[S]) -> Job {
    Job::new(script!("apt.run", "run.sh"))
        .var("lock_timeout", args.int("lock_timeout").max(0).to_string())
        .var("policy_rc_d", args.opt_int("policy_rc_d").map(|n| n.to_string()).unwrap_or_default())
        .args(words.iter().map(AsRef::as_ref))
}
