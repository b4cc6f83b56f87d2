//! Constants that are wrong whenever they are come to: regular expressions, and names that the inventory has not.

use super::plays::Made;
use super::unit::{Noted, Unit};
use crate::base::diag::nearest;
use crate::base::pyregex::{self, Flags};
use crate::base::{Diag, Diags, Severity, Sources, Span, Value};
use crate::eval::NameUse;
use crate::eval::analyse::Source;
use crate::graph::Act;
use crate::spec::unknown_argument;
use crate::syntax::ast::Entries;
use crate::syntax::inventory::{Inventory, LOCAL_NAMES};
use std::collections::HashSet;

/// Arguments that are regular expressions.
const PATTERNS: &[(&str, &[&str])] = &[
    ("lineinfile", &["regexp", "regex", "insertafter", "insertbefore"]),
    ("replace", &["regexp", "after", "before"]),
    ("blockinfile", &["insertafter", "insertbefore"]),
    ("assemble", &["regexp"]),
];

/// What `package` hands on to the managers it stands for, besides what is its own and that of `apt`.
const OF_PACKAGE_MANAGERS: &[&str] = &[
    "allow_vendor_change",
    "available",
    "bugfix",
    "cacheonly",
    "conf_file",
    "disable_excludes",
    "disable_plugin",
    "disable_recommends",
    "disablerepo",
    "download_dir",
    "download_only",
    "enable_plugin",
    "enablerepo",
    "exclude",
    "executable",
    "extra_args",
    "install_options",
    "install_weak_deps",
    "installroot",
    "list",
    "nobest",
    "path",
    "reason",
    "releasever",
    "repository",
    "security",
    "skip_broken",
    "sslverify",
    "type",
    "update_only",
    "use_backend",
];

/// The patterns that filters and tests of a text are given.
pub(crate) fn of_text(used: &NameUse, span: Span, skippable: bool, sources: &Sources) -> Vec<Diag> {
    used.patterns.iter().filter_map(|pattern| wrong(pattern, span, skippable, sources)).collect()
}

fn wrong(pattern: &str, span: Span, skippable: bool, sources: &Sources) -> Option<Diag> {
    let why = pyregex::compile(pattern, Flags::default()).err()?;
    let file = sources.get(span.file);
    let written = file.text.get(span.start as usize..span.end as usize).unwrap_or_default();
    // Within quotes a backslash may be written as two.
    let forms = [pattern.to_string(), pattern.replace('\\', "\\\\")];
    let plain = || forms.iter().find_map(|p| Some((written.find(p.as_str())?, p.len())));
    // In a whole file the same characters may stand elsewhere.
    let mut quoted = forms.iter().flat_map(|p| ['"', '\''].map(|q| format!("{q}{p}{q}")));
    let found = quoted.find_map(|q| Some((written.find(&q)? + 1, q.len() - 2))).or_else(plain);
    let found = found.filter(|(_, length)| *length > 0);
    let span = found.map_or(span, |(at, length)| {
        let start = span.start as usize + at;
        Span::new(span.file, start, start + length)
    });
    let message = why.lines().next().unwrap_or_default().to_string();
    let diag = Diag::error("bad-regex", span, message);
    let severity = if skippable { Severity::Warning } else { Severity::Error };
    Some(Diag { severity, ..diag }.hint("a sign of its own meaning is written with a backslash: `\\(`"))
}

impl Unit<'_> {
    /// The arguments of a module that are patterns.
    pub fn check_patterns(&mut self, module: &str, entries: &Entries, skippable: bool) {
        let Some((_, names)) = PATTERNS.iter().find(|(name, _)| *name == module) else { return };
        for (key, value) in entries.iter().filter(|(key, _)| names.contains(&&*key.value)) {
            let Value::Str(pattern) = &value.value else { continue };
            let found = wrong(pattern, value.span, skippable, &self.c.loader.sources);
            // The name says what it is: `regexp`.
            found.into_iter().for_each(|diag| {
                let message = format!("`{}`: {}", key.value, diag.message);
                self.diags.push(Diag { message, ..diag });
            });
        }
    }

    /// Arguments of `package` that are nearly its own or those of `apt`: others may be of any package manager.
    pub fn check_package(&mut self, entries: &Entries) {
        let registry = crate::modules::registry::registry();
        let modules = ["package", "apt"].into_iter().filter_map(|name| registry.get(name));
        let known: Vec<&str> = modules.flat_map(|m| crate::spec::all_names(&m.spec.args)).collect();
        for (key, _) in entries {
            let word = &*key.value;
            let open = known.contains(&word) || OF_PACKAGE_MANAGERS.contains(&word);
            if !open && word != super::action::VARIABLE_ARGS && nearest(word, known.iter().copied()).is_some()
            {
                self.diags.push(unknown_argument(word, key.span, "package", &known, &[]));
            }
        }
    }
}

/// `groups['name']`, `hostvars['name']` and `delegate_to: name` of what the inventory has not. Where anything may add
/// hosts or groups, nothing can be said; and it is a warning, since the task may be skipped.
pub(crate) fn of_inventory(inventory: Option<&Inventory>, made: &[Made], sources: &Sources) -> Diags {
    let mut diags = Diags::default();
    let Some(inventory) = inventory.filter(|i| !i.hosts.values().all(|h| h.implicit)) else { return diags };
    if made.iter().any(|play| play.unit.tasks.iter().any(may_add)) {
        return diags;
    }
    let texts = || {
        let mentions = made.iter().flat_map(|play| &play.unit.mentions);
        mentions.filter_map(|m| Some((m.used.as_ref().as_ref().ok()?, m.span)))
    };
    let asked: HashSet<&str> = texts().flat_map(|(used, _)| used.asked.iter().map(String::as_str)).collect();
    let hosts: Vec<&str> = inventory.hosts.keys().map(|name| &**name).chain(LOCAL_NAMES).collect();
    let groups: Vec<&str> = inventory.groups.keys().map(|name| &**name).collect();
    let mut seen = HashSet::new();
    let mut tell = |what: &str, name: &str, span: Span, known: &[&str]| {
        if known.contains(&name) || asked.contains(name) || !seen.insert((what.to_string(), name.to_string()))
        {
            return;
        }
        let span = super::names::word_in(span, name, sources);
        let message = format!("the inventory has no {what} `{name}`");
        diags.push(Diag::warning("unknown-host", span, message).did_you_mean(name, known.iter().copied()));
    };
    for (used, span) in texts() {
        for (source, name) in &used.members {
            match source {
                Source::Groups => tell("group", name, span, &groups),
                Source::Hosts => tell("host", name, span, &hosts),
            }
        }
    }
    for noted in made.iter().flat_map(|play| &play.unit.tasks) {
        // An address is reached without being named.
        let delegate = noted.node.keywords.delegate_to.as_ref().and_then(Value::as_str);
        let named = delegate.filter(|name| !name.is_empty() && !name.contains(['.', ':']));
        if let (Some(name), Some(span)) = (named, noted.written.key("delegate_to")) {
            tell("host", name, span, &hosts);
        }
    }
    diags
}

fn may_add(noted: &Noted) -> bool {
    match &noted.node.act {
        Act::Module { module, .. } => matches!(module.spec.name.as_str(), "add_host" | "group_by"),
        Act::IncludeTasks { file, .. } => matches!(file, Value::Template(_)),
        Act::IncludeRole(role) => matches!(role.name, Value::Template(_)),
        Act::Meta(word) => &**word == "refresh_inventory",
    }
}
