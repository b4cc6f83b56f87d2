//! `become` that is missing: a task writes where only root may, in a play that surely does not log in as root. That is
//! sure where `remote_user` says another user, or where other tasks of the play do become root.

use super::{argument, text};
use crate::base::{Diag, Diags, Span, Value};
use crate::graph::{Act, TaskKeywords};
use crate::resolve::unit::{Noted, Unit};

/// Modules that need root whatever their arguments say.
const ROOT_ONLY: &[&str] = &[
    "apt",
    "apt_key",
    "apt_repository",
    "authorized_key",
    "deb822_repository",
    "debconf",
    "dnf",
    "dpkg_selections",
    "group",
    "hostname",
    "locale_gen",
    "modprobe",
    "mount",
    "package",
    "pam_limits",
    "reboot",
    "service",
    "sudoers",
    "sysctl",
    "systemd",
    "timezone",
    "user",
];

/// Modules that write the file or folder of one of these arguments.
const WRITERS: &[&str] = &[
    "assemble",
    "blockinfile",
    "copy",
    "file",
    "get_url",
    "git",
    "ini_file",
    "lineinfile",
    "replace",
    "template",
    "unarchive",
];

const ROOTS: &[&str] = &["/etc/", "/usr/", "/var/lib/", "/boot/", "/root/", "/lib/", "/bin/", "/sbin/"];

pub(super) fn check(unit: &Unit) -> Diags {
    let mut diags = Diags::default();
    let others_do = unit.tasks.iter().any(|n| becomes_root(&n.node.keywords));
    for noted in unit.tasks.iter().filter(|n| n.node.keywords.become_.is_none() && here(&n.node.keywords)) {
        let user = noted.node.keywords.remote_user.as_ref().filter(|v| !matches!(v, Value::Template(_)));
        let user = user.and_then(Value::as_str);
        let sure = match user {
            Some(user) => user != "root",
            None => others_do,
        };
        let Some((what, span)) = needed(noted).filter(|_| sure) else { continue };
        let why = match user {
            Some(user) => format!("the login is `{user}`"),
            None => "other tasks of the play have it".to_string(),
        };
        let message = format!("{what} needs root, and the task has no `become` ({why})");
        diags.push(Diag::warning("become-missing", span, message).hint("add `become: true`"));
    }
    diags
}

fn becomes_root(k: &TaskKeywords) -> bool {
    k.become_.as_ref().and_then(Value::truth) == Some(true)
        && k.become_user.as_ref().is_none_or(|u| u.as_str() == Some("root"))
}

/// Whether the task surely runs on the play's own hosts, by SSH.
fn here(k: &TaskKeywords) -> bool {
    k.delegate_to.is_none() && k.connection.as_ref().is_none_or(|c| c.as_str() == Some("ssh"))
}

fn needed(noted: &Noted) -> Option<(String, Span)> {
    let Act::Module { module, .. } = &noted.node.act else { return None };
    let name = module.spec.name.as_str();
    let own = |names: &[&str]| names.contains(&name);
    if own(ROOT_ONLY) {
        let to_user = argument(noted, module, "scope").is_some_and(|(v, _)| v.as_str() == Some("user"));
        // A user's own keys are the user's.
        return (!to_user && name != "authorized_key")
            .then(|| (format!("`{name}`"), noted.written.action.unwrap_or(noted.node.span)));
    }
    if !own(WRITERS) {
        return None;
    }
    let (value, span) = ["dest", "path"].iter().find_map(|a| argument(noted, module, a))?;
    let path = text(value)?;
    ROOTS.iter().any(|r| path.starts_with(r)).then(|| (format!("`{path}`"), span))
}
