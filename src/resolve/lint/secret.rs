//! Secrets in plain text: module arguments that are secrets, and variables whose names say that they hold one. The
//! defaults of roles are examples to be overridden, and are left alone.

use crate::base::{Diag, Diags, Sources, Span, Value};
use crate::graph::Act;
use crate::modules::Module;
use crate::resolve::facts::Needed;
use crate::resolve::plays::Made;
use crate::resolve::unit::Noted;
use crate::syntax::inventory::Inventory;
use std::path::Path;

const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "secret_key",
    "private_key",
    "access_key",
];

pub(super) fn arguments(noted: &Noted, module: &Module) -> Vec<Diag> {
    let Act::Module { args, .. } = &noted.node.act else { return Vec::new() };
    let mut found = Vec::new();
    for (key, value) in args.iter() {
        let Some(name) = key.as_str() else { continue };
        let secret = match crate::spec::resolve(&module.spec.args, name) {
            Some((_, arg)) => arg.secret,
            // What `set_fact` takes are variables.
            None => module.spec.name == "set_fact" && is_secret_name(name),
        };
        if secret && is_plain(value) {
            found.push(finding(name, noted.written.arg(name).unwrap_or(noted.node.span)));
        }
    }
    found
}

fn finding(name: &str, span: Span) -> Diag {
    let message = format!("the secret `{name}` stands here in plain text");
    Diag::warning("plain-secret", span, message)
        .private()
        .hint("`fitout vault encrypt-string` makes a vault value of it")
}

/// A hash, the sign of a locked account, a path and an empty text are no passwords.
fn is_plain(value: &Value) -> bool {
    matches!(value, Value::Str(text) if is_secret_text(text))
}

fn is_secret_text(text: &str) -> bool {
    let text = text.trim().trim_matches(['"', '\'']);
    let other = text.is_empty() || text.starts_with(['$', '!', '*', '/', '{', '[', '&', '|', '>', '#', '%']);
    let word =
        matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "null" | "~" | "none");
    !other && !word && !text.contains("{{") && text.parse::<f64>().is_err()
}

fn is_secret_name(name: &str) -> bool {
    // How hosts are reached: `ansible_become_pass`, `ansible_ssh_pass`.
    if name.starts_with("ansible_") && name.ends_with("_pass") {
        return true;
    }
    NAMES.iter().any(|n| name == *n || name.strip_suffix(n).is_some_and(|rest| rest.ends_with('_')))
}

/// Variables of the plays, their tasks and roles, and of files of variables.
pub(super) fn variables(made: &[Made], needed: &Needed, sources: &Sources) -> Diags {
    let mut diags = Diags::default();
    for play in made {
        if let Some(vars) = play.keywords.get("vars") {
            map(&vars.value, vars.span, sources, &mut diags);
        }
        for noted in &play.unit.tasks {
            if let (Some(vars), Some(span)) = (noted.node.keywords.vars.last(), noted.written.key("vars")) {
                map(&Value::Map(vars.clone()), span, sources, &mut diags);
            }
        }
    }
    for file in sources.all().iter().filter(|f| holds_vars(&f.path)) {
        let known = needed.files.iter().any(|(path, _)| path.ends_with(&file.path));
        if !known {
            lines(&file.path, &file.text, sources, &mut diags);
        }
    }
    for (path, text) in needed.files.iter().filter(|(path, _)| holds_vars(path)) {
        lines(path, text, sources, &mut diags);
    }
    diags
}

fn map(value: &Value, span: Span, sources: &Sources, diags: &mut Diags) {
    for (key, value) in value.as_map().into_iter().flat_map(|m| m.iter()) {
        let name = key.to_string();
        if is_secret_name(&name) && is_plain(value) {
            diags.push(finding(&name, crate::resolve::names::word_in(span, &name, sources)));
        }
    }
}

/// group_vars, host_vars, vars: not the defaults of roles.
fn holds_vars(path: &Path) -> bool {
    let inside = |name: &str| path.components().any(|c| c.as_os_str() == name);
    let yaml = path.extension().is_none_or(|x| x == "yml" || x == "yaml");
    yaml && (inside("group_vars") || inside("host_vars") || inside("vars")) && !inside("defaults")
}

fn lines(path: &Path, text: &str, sources: &Sources, diags: &mut Diags) {
    if text.starts_with("$ANSIBLE_VAULT") {
        return;
    }
    let mut id = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (at, begin) = (line.len() - line.trim_start().len(), start);
        start += line.len();
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        let value = value.split(" #").next().unwrap_or_default();
        if is_secret_name(name) && is_secret_text(value) {
            let file = *id.get_or_insert_with(|| source_of(path, text, sources));
            diags.push(finding(name, Span::new(file, begin + at, begin + at + name.len())));
        }
    }
}

/// The inventory's own files: `name=value` of INI, `name: value` of YAML. What a program prints has no place.
pub(super) fn inventory(inventory: &Inventory, sources: &Sources) -> Diags {
    let mut diags = Diags::default();
    for file in sources.all() {
        let given = inventory.sources.iter().any(|source| file.path.starts_with(source));
        let yaml = file.path.extension().is_some_and(|x| x == "yml" || x == "yaml");
        if !given || holds_vars(&file.path) || file.text.starts_with("#!") {
            continue;
        }
        match yaml {
            true => lines(&file.path, &file.text, sources, &mut diags),
            false => ini(&file.path, &file.text, sources, &mut diags),
        }
    }
    diags
}

fn ini(path: &Path, text: &str, sources: &Sources, diags: &mut Diags) {
    let (mut start, mut of_vars) = (0, false);
    let mut id = None;
    for line in text.split_inclusive('\n') {
        let begin = start;
        start += line.len();
        let whole = line.trim();
        if whole.starts_with(['#', ';']) {
            continue;
        }
        if whole.starts_with('[') {
            of_vars = whole.ends_with(":vars]");
            continue;
        }
        // A group's variable has its line for itself; a host's stand in words behind it.
        let words = if of_vars { vec![whole] } else { whole.split_whitespace().skip(1).collect() };
        for word in words {
            let Some((name, value)) = word.split_once('=') else { continue };
            let name = name.trim();
            let value = value.split(" #").next().unwrap_or_default();
            if is_secret_name(name) && is_secret_text(value) {
                let at = begin + line.find(word).unwrap_or(0);
                let file = *id.get_or_insert_with(|| source_of(path, text, sources));
                diags.push(finding(name, Span::new(file, at, at + name.len())));
            }
        }
    }
}

fn source_of(path: &Path, text: &str, sources: &Sources) -> crate::base::FileId {
    sources.find(path).unwrap_or_else(|| sources.add(path, text))
}
