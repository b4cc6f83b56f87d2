//! Settings that boot undoes: `sysctl.d` and `limits.d` are read in the order of their files' names, so of two files
//! that set the same key the later name wins, whatever the order of the tasks.

use super::{argument, text};
use crate::base::{Diag, Diags, Span, Value};
use crate::graph::Act;
use crate::modules::kernel::boot::{self, Line};
use crate::modules::kernel::key;
use crate::resolve::unit::{Noted, Unit};
use std::collections::HashMap;

/// What systemd and procps of Debian set themselves, by file.
const SHIPPED: &[(&str, &[&str])] = &[
    (
        "50-default.conf",
        &[
            "kernel.core_uses_pid",
            "kernel.sysrq",
            "net.ipv4.conf.all.promote_secondaries",
            "net.ipv4.conf.default.accept_source_route",
            "net.ipv4.conf.default.promote_secondaries",
            "net.ipv4.conf.default.rp_filter",
            "net.ipv4.ping_group_range",
        ],
    ),
    ("50-pid-max.conf", &["kernel.pid_max"]),
    (
        "99-protect-links.conf",
        &["fs.protected_fifos", "fs.protected_hardlinks", "fs.protected_regular", "fs.protected_symlinks"],
    ),
];

/// The first file of limits: `!` sorts before all names of limits.d.
const LIMITS: &str = "!limits.conf";

/// One key as a task sets it in a file.
struct Setting {
    key: String,
    value: String,
    /// The file's name, by which the files are sorted.
    file: String,
    span: Span,
}

/// Of one play: keys set in several files to several values, and keys that a shipped file sets again.
pub(super) fn check(unit: &Unit) -> Diags {
    let mut diags = Diags::default();
    let mut seen: HashMap<String, Setting> = HashMap::new();
    for noted in unit.tasks.iter().filter(|n| n.node.keywords.when.is_empty() && !n.handler) {
        for setting in settings(unit, noted) {
            if let Some(diag) = shipped(&setting) {
                diags.push(diag);
            }
            if let Some(other) = seen.get(&setting.key) {
                diags.extend(overridden(&setting, other).map_or_else(Diags::default, Diags::from));
            }
            seen.insert(setting.key.clone(), setting);
        }
    }
    diags
}

fn overridden(one: &Setting, other: &Setting) -> Option<Diag> {
    if one.file == other.file || one.value == other.value {
        return None;
    }
    let (loses, wins) = if one.file < other.file { (one, other) } else { (other, one) };
    let key = one.key.rsplit('\t').next().unwrap_or_default();
    let message = format!(
        "`{key}` is lost at boot: {} is read after {}",
        wins.file,
        loses.file.trim_start_matches('!')
    );
    let diag = Diag::warning("boot-order", loses.span, message)
        .related(wins.span, format!("sets it to `{}`", wins.value));
    Some(diag.hint("set it once, or in a file whose name comes later"))
}

fn shipped(setting: &Setting) -> Option<Diag> {
    let key = setting.key.strip_prefix("sysctl\t")?;
    let (file, _) = SHIPPED.iter().find(|(_, keys)| keys.contains(&key))?;
    if setting.file.as_str() >= *file {
        return None;
    }
    let message = format!("`{key}` is lost at boot: the system's {file} is read after {}", setting.file);
    Some(
        Diag::warning("boot-order", setting.span, message)
            .hint(format!("a file named after `{file}` keeps it, e.g. 90-{}", trimmed(&setting.file))),
    )
}

fn trimmed(file: &str) -> &str {
    file.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-')
}

fn settings(unit: &Unit, noted: &Noted) -> Vec<Setting> {
    let Act::Module { module, .. } = &noted.node.act else { return Vec::new() };
    let constant = |name: &str| {
        let (value, span) = argument(noted, module, name)?;
        match value {
            Value::Template(_) => None,
            other => Some((crate::spec::to_text(other), span)),
        }
    };
    match module.spec.name.as_str() {
        "sysctl" => {
            let file = constant("sysctl_file").map_or("99-sysctl.conf".to_string(), |(f, _)| base_name(&f));
            let gone = constant("state").is_some_and(|(s, _)| s == "absent");
            let (Some((key, span)), Some((value, _)), false) = (constant("name"), constant("value"), gone)
            else {
                return Vec::new();
            };
            vec![Setting { key: sysctl_key(&key), value: words(&value), file, span }]
        }
        "pam_limits" => {
            let get = |n: &str| constant(n).map(|(v, _)| v);
            let (Some(domain), Some(kind), Some((item, span)), Some(value)) =
                (get("domain"), get("limit_type"), constant("limit_item"), get("value"))
            else {
                return Vec::new();
            };
            let file =
                get("dest").filter(|d| d.contains("limits.d/")).map_or(LIMITS.to_string(), |d| base_name(&d));
            let key = format!("limits\t{domain} {kind} {item}");
            vec![Setting { key, value, file, span }]
        }
        "copy" | "template" => written(unit, noted, &constant),
        "lineinfile" => line(&constant),
        _ => Vec::new(),
    }
}

/// The setting that a line of sysctl.d or limits.d makes.
fn line(constant: &dyn Fn(&str) -> Option<(String, Span)>) -> Vec<Setting> {
    let gone = constant("state").is_some_and(|(state, _)| state == "absent");
    let (Some((path, _)), Some((line, span)), false) = (constant("path"), constant("line"), gone) else {
        return Vec::new();
    };
    if path == "/etc/sysctl.conf" || path.contains("/sysctl.d/") {
        return parameter(&line, &path, span).into_iter().collect();
    }
    let file = match path.as_str() {
        "/etc/security/limits.conf" => LIMITS.to_string(),
        path if path.contains("/limits.d/") => base_name(path),
        _ => return Vec::new(),
    };
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        [domain, kind, item, value] if !line.contains('{') => {
            let key = format!("limits\t{domain} {kind} {item}");
            vec![Setting { key, value: value.to_string(), file, span }]
        }
        _ => Vec::new(),
    }
}

/// The settings of a file for sysctl.d that a task writes whole.
fn written(unit: &Unit, noted: &Noted, constant: &dyn Fn(&str) -> Option<(String, Span)>) -> Vec<Setting> {
    let Some((dest, span)) = constant("dest") else { return Vec::new() };
    if !dest.contains("/sysctl.d/") || !dest.ends_with(".conf") {
        return Vec::new();
    }
    let Act::Module { module, .. } = &noted.node.act else { return Vec::new() };
    let content = argument(noted, module, "content").and_then(|(v, _)| text(v).map(str::to_string));
    let content =
        content.or_else(|| unit.template_file(noted).map(|f| f.text.to_string())).unwrap_or_default();
    content.lines().filter_map(|line| parameter(line, &dest, span)).collect()
}

/// What a line of a file for sysctl.d sets, unless a template decides that.
fn parameter(line: &str, path: &str, span: Span) -> Option<Setting> {
    let Line { path: key, value, .. } = boot::line(line).filter(|_| !line.contains('{'))?;
    Some(Setting { key: sysctl_key(&key), value: words(value?), file: base_name(path), span })
}

fn sysctl_key(key: &str) -> String {
    format!("sysctl\t{}", key::dotted(&key::path(key)))
}

fn words(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `/etc/sysctl.conf` is read as `99-sysctl.conf`.
fn base_name(path: &str) -> String {
    match boot::base(path) {
        "sysctl.conf" => "99-sysctl.conf".to_string(),
        name => name.to_string(),
    }
}
