//! What is legal and yet hardly meant. All of it is warnings; a comment `# fitout: allow CODE` or `# noqa CODE` on the
//! line or above it silences one.

mod boot;
mod root;
mod secret;

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
        if let Act::Module { module, .. } = &noted.node.act {
            let found = [
                shell_signs(noted, module),
                renamed(noted, module),
                key_server(noted, module),
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

fn shell_signs(noted: &Noted, module: &Module) -> Option<Diag> {
    if module.spec.name != "command" {
        return None;
    }
    let (value, span) = argument(noted, module, "cmd")?;
    let bare = outside_quotes(text(value)?);
    let sign = bare.split_whitespace().find(|w| is_shell_sign(w))?;
    let message = format!("`command` runs no shell: `{sign}` is handed to the program as it stands");
    Some(Diag::warning("shell-in-command", span, message).hint("use `shell`, or write it without"))
}

fn is_shell_sign(word: &str) -> bool {
    matches!(word, "|" | "||" | "&&" | "<" | ">" | ">>" | "2>" | "2>&1" | "&>" | ";" | "&")
        || ["2>", "&>", ">/", ">>/"].iter().any(|s| word.starts_with(s))
        || word.ends_with(';') && !word.ends_with("\\;")
        || word.starts_with("$(")
}

/// The text without what stands in quotes or in `{{ }}`.
fn outside_quotes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = if rest.starts_with("{{") {
            rest.find("}}").map(|e| e + 2)
        } else if c == '\'' || c == '"' {
            rest[1..].find(c).map(|e| e + 2)
        } else {
            out.push(c);
            Some(c.len_utf8())
        };
        match end {
            Some(end) => {
                if end > c.len_utf8() {
                    out.push('_');
                }
                rest = &rest[end..];
            }
            None => break,
        }
    }
    out
}

fn renamed(noted: &Noted, module: &Module) -> Option<Diag> {
    if module.spec.name != "modprobe" {
        return None;
    }
    let (value, span) = argument(noted, module, "name")?;
    let items: Vec<&str> = match (&noted.node.keywords.loop_, value) {
        (_, Value::Str(name)) => vec![name],
        (Some(Loop::Items(Value::List(items)) | Loop::With { terms: Value::List(items), .. }), _) => {
            items.iter().filter_map(Value::as_str).collect()
        }
        _ => Vec::new(),
    };
    let (old, new) = RENAMED.iter().find(|(old, _)| items.contains(old))?;
    let message = format!("current kernels have no module `{old}`");
    Some(Diag::warning("renamed-kernel-module", span, message).hint(format!("it is `{new}` now")))
}

fn key_server(noted: &Noted, module: &Module) -> Option<Diag> {
    if module.spec.name != "apt_key" {
        return None;
    }
    let (_, span) = argument(noted, module, "keyserver")?;
    let message = "key servers are unreliable, and a key of apt-key vouches for every repository";
    let hint = "`deb822_repository` with `signed_by` binds the key to its repository";
    Some(Diag::warning("apt-key-server", span, message).hint(hint))
}

fn old_name(noted: &Noted, module: &Module) -> Option<Diag> {
    let written = &*noted.written.action_name;
    let words = module.spec.deprecated.get(written)?;
    let message = format!("the module name `{written}` is deprecated");
    Some(Diag::warning("deprecated-module", noted.written.action?, message).hint(words.clone()))
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
    let alone = text(value)?.replace(' ', "") == "{{item}}" && args.values().filter(uses_item).count() == 1;
    if !alone || k.when.iter().any(|w| uses_item(&w)) || matches!(list, Value::List(l) if l.len() < 2) {
        return None;
    }
    let message = format!("`{}` is run once for each package", module.spec.name);
    Some(
        Diag::warning("package-loop", span, message)
            .hint("give `name` the whole list: one transaction installs all"),
    )
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
    fn signs_of_the_shell_count_outside_quotes_and_templates() {
        let found = |text: &str| outside_quotes(text).split_whitespace().any(is_shell_sign);
        for text in ["echo 1 > /sys/x", "a | b", "a && b", "a 2>/dev/null", "a; b", "echo $(date)"] {
            assert!(found(text), "{text}");
        }
        for text in [
            "echo 'a > b'",
            "x {{ y | default('') }}",
            "find . -exec rm {} \\;",
            "a -> b",
            "sh -c \"a && b\"",
        ] {
            assert!(!found(text), "{text}");
        }
    }

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
