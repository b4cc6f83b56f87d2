//! What is legal and yet hardly meant. All of it is warnings; a comment `# fitout: allow CODE` or `# noqa CODE` on the
//! line or above it silences one.

mod boot;
mod root;
mod secret;
mod shell;

use super::facts::Needed;
use super::plays::Made;
use super::unit::{Noted, Unit};
use crate::base::{Diag, Diags, Severity, Sources, Span, Value};
use crate::graph::{Act, Loop};
use crate::modules::Module;
use std::collections::HashSet;

/// Kernel modules that current kernels have under another name.
const RENAMED: &[(&str, &str)] = &[
    ("ip_conntrack", "nf_conntrack"),
    ("nf_conntrack_ipv4", "nf_conntrack"),
    ("nf_conntrack_ipv6", "nf_conntrack"),
    ("ip_nat", "nf_nat"),
    ("nf_nat_ipv4", "nf_nat"),
    ("nf_nat_ipv6", "nf_nat"),
    ("aufs", "overlay"),
    ("overlayfs", "overlay"),
];

const PACKAGE_MODULES: &[&str] = &["apt", "dnf", "yum", "package"];

/// The warnings of one play. `words` are those of all files that can read a registered name.
pub(crate) fn check(unit: &Unit, words: &HashSet<String>) -> Diags {
    let mut diags = Diags::default();
    for noted in &unit.tasks {
        old_include(noted).into_iter().for_each(|d| diags.push(d));
        if let Act::Module { module, .. } = &noted.node.act {
            let found = [
                shell::signs(noted, module),
                renamed(noted, module),
                shell::key_server(noted, module),
                old_name(noted, module),
                packages(noted, module),
            ];
            found.into_iter().flatten().for_each(|d| diags.push(d));
            secret::arguments(noted, module).into_iter().for_each(|d| diags.push(d));
        }
        unread(noted, words).into_iter().for_each(|d| diags.push(d));
    }
    diags.extend(boot::check(unit));
    diags
}

/// The warnings that concern several plays or how the run logs in.
pub(crate) fn check_all(options: &super::CompileOptions, made: &[Made], needed: &Needed) -> Diags {
    let mut diags = secret::variables(made, needed, &options.sources);
    if let Some(inventory) = options.inventory.as_deref() {
        diags.extend(secret::inventory(inventory, &options.sources));
    }
    // A flag or the inventory makes all tasks become root.
    if !options.becomes && !needed.words().contains("ansible_become") {
        made.iter().for_each(|play| diags.extend(root::check(&play.unit)));
    }
    diags
}

/// The findings without those that a comment in their place allows.
pub(crate) fn without_allowed(diags: Diags, sources: &Sources) -> Diags {
    let mut kept = Diags::default();
    for diag in diags.iter() {
        let allowed =
            diag.severity == Severity::Warning && diag.span.is_some_and(|s| allows(s, diag.code, sources));
        if !allowed {
            kept.push(diag.clone());
        }
    }
    kept
}

fn allows(span: Span, code: &str, sources: &Sources) -> bool {
    let file = sources.get(span.file);
    let (line, _) = file.line_column(span.start);
    let lines = file.text.lines().skip(line.saturating_sub(2)).take(if line > 1 { 2 } else { 1 });
    lines.enumerate().any(|(n, text)| {
        let Some((before, comment)) = text.split_once('#') else { return false };
        // Above the place a comment counts only where it has its line for itself.
        let own = n > 0 || line == 1 || before.trim().is_empty();
        let words = comment.trim_start();
        let codes = words.strip_prefix("fitout: allow").or_else(|| words.strip_prefix("noqa"));
        let codes = codes.map(|c| c.trim_start_matches(':'));
        own && codes.is_some_and(|c| c.split([' ', ',']).any(|word| word == code))
    })
}

fn argument<'n>(noted: &'n Noted, module: &Module, name: &str) -> Option<(&'n Value, Span)> {
    let Act::Module { args, .. } = &noted.node.act else { return None };
    let (key, value) = args.iter().find(|(key, _)| {
        key.as_str().and_then(|k| crate::spec::resolve(&module.spec.args, k)).is_some_and(|(n, _)| n == name)
    })?;
    Some((value, noted.written.arg(key.as_str()?).unwrap_or(noted.node.span)))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        Value::Template(t) => Some(&t.text),
        _ => None,
    }
}

fn renamed(noted: &Noted, module: &Module) -> Option<Diag> {
    let (names, span) = kernel_modules(noted, module)?;
    let (old, new) = RENAMED.iter().find(|(old, _)| names.iter().any(|name| name == old))?;
    let message = format!("current kernels have no module `{old}`");
    Some(Diag::warning("renamed-kernel-module", span, message).hint(format!("it is `{new}` now")))
}

/// The kernel modules that a task loads, now or by a file that is read at boot.
fn kernel_modules(noted: &Noted, module: &Module) -> Option<(Vec<String>, Span)> {
    let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    let at_boot = |path: &str| {
        argument(noted, module, path)
            .and_then(|(path, _)| text(path))
            .is_some_and(|path| path == "/etc/modules" || path.contains("/modules-load.d/"))
    };
    match module.spec.name.as_str() {
        "modprobe" | "kernel_blacklist" => {
            let (value, span) = argument(noted, module, "name")?;
            let names = match (&noted.node.keywords.loop_, value) {
                (_, Value::Str(name)) => vec![name.to_string()],
                (Some(Loop::Items(Value::List(items)) | Loop::With { terms: Value::List(items), .. }), _) => {
                    items.iter().filter_map(Value::as_str).map(str::to_string).collect()
                }
                _ => Vec::new(),
            };
            Some((names, span))
        }
        "command" | "shell" => {
            let (value, span) = argument(noted, module, "cmd")?;
            let names = words(text(value)?);
            names.iter().any(|word| word.rsplit('/').next() == Some("modprobe")).then_some((names, span))
        }
        "copy" if at_boot("dest") => {
            let (value, span) = argument(noted, module, "content")?;
            let lines = text(value)?.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
            Some((lines.flat_map(words).collect(), span))
        }
        "lineinfile" if at_boot("path") => {
            let (value, span) = argument(noted, module, "line")?;
            Some((words(text(value)?), span))
        }
        _ => None,
    }
}

fn old_name(noted: &Noted, module: &Module) -> Option<Diag> {
    let written = &*noted.written.action_name;
    let name = &module.spec.name;
    let hint = match module.spec.deprecated.get(written) {
        Some(words) => words.clone(),
        None if written.ends_with("_facts") && name.ends_with("_info") => format!("its name is `{name}` now"),
        None => return None,
    };
    Some(deprecated_module(noted, noted.written.action?, hint))
}

/// The one that could be either of its successors.
fn old_include(noted: &Noted) -> Option<Diag> {
    let is_old = super::known::short(&noted.written.action_name) == "include";
    let hint = "write `import_tasks`, or `include_tasks` where the run decides what is included";
    is_old.then_some(noted.written.action).flatten().map(|span| deprecated_module(noted, span, hint.into()))
}

fn deprecated_module(noted: &Noted, span: Span, hint: String) -> Diag {
    let message = format!("the module name `{}` is deprecated", noted.written.action_name);
    Diag::warning("deprecated-module", span, message).hint(hint)
}

fn packages(noted: &Noted, module: &Module) -> Option<Diag> {
    let k = &noted.node.keywords;
    if !PACKAGE_MODULES.contains(&&*module.spec.name) || k.register.is_some() {
        return None;
    }
    let list = match k.loop_.as_ref()? {
        Loop::Items(list) => list,
        Loop::With { lookup, terms } if matches!(&**lookup, "items" | "list" | "flattened") => terms,
        Loop::With { .. } => return None,
    };
    let (value, span) = argument(noted, module, "name")?;
    let Act::Module { args, .. } = &noted.node.act else { return None };
    let uses_item = |v: &&Value| text(v).is_some_and(|t| t.contains("item"));
    let written = text(value)?.replace(' ', "");
    let item = written.strip_prefix("{{item").and_then(|rest| rest.strip_suffix("}}"))?;
    // One member of each: the list is of mappings.
    let member = item.strip_prefix('.').filter(|name| crate::eval::is_identifier(name));
    let alone = (item.is_empty() || member.is_some()) && args.values().filter(uses_item).count() == 1;
    if !alone || k.when.iter().any(|w| uses_item(&w)) || matches!(list, Value::List(l) if l.len() < 2) {
        return None;
    }
    let message = format!("`{}` is run once for each package", module.spec.name);
    let list = match member {
        Some(member) => format!("`LIST | map(attribute='{member}') | list`"),
        None => "the whole list".into(),
    };
    let hint = format!("give `name` {list}: one transaction installs all");
    Some(Diag::warning("package-loop", span, message).hint(hint))
}

fn unread(noted: &Noted, words: &HashSet<String>) -> Option<Diag> {
    let name = noted.node.keywords.register.as_ref()?;
    if name.starts_with('_') || words.contains(&**name) {
        return None;
    }
    let span = noted.written.key("register")?;
    let message = format!("nothing reads the registered name `{name}`");
    Some(Diag::warning("unread-register", span, message).hint("leave `register` out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_allows_what_it_names() {
        let sources = Sources::default();
        let text = "a: 1 # noqa other\nb: 2\n# fitout: allow one, two\nc: 3\nd: 4 # noqa: one\ne: 5\n";
        let id = sources.add("x.yml", text);
        let at = |key: &str| text.find(key).map(|n| Span::new(id, n, n + 1)).unwrap();
        for (key, code, expected) in [
            ("a: ", "one", false),
            ("a: ", "other", true),
            ("b: ", "other", false),
            ("c: ", "two", true),
            ("d: ", "one", true),
            ("e: ", "one", false),
        ] {
            assert_eq!(allows(at(key), code, &sources), expected, "{key} {code}");
        }
    }
}
