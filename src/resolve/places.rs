//! Names that must lead somewhere: files that tasks read on this machine, tags asked for, hosts of the inventory.

use super::load::missing;
use super::plays::Made;
use super::unit::{Noted, Unit};
use crate::base::diag::nearest;
use crate::base::{Diag, Diags, Severity, Span, Value};
use crate::graph::{Act, TaskKeywords, TaskNode};
use crate::syntax::inventory::Inventory;
use std::path::{Path, PathBuf};

/// Modules whose `src` or `file` is a file of this machine, and the folder where Ansible looks first.
const READERS: &[(&str, &str)] = &[
    ("copy", "files"),
    ("template", "templates"),
    ("script", "files"),
    ("unarchive", "files"),
    ("assemble", "files"),
    ("include_vars", "vars"),
];

/// Constant names of files that are not there. Where the task may be skipped, or an earlier task may make the file, it
/// is a warning: the run decides.
pub(crate) fn files(unit: &Unit) -> Diags {
    let mut diags = Diags::default();
    let local = unit.tasks.iter().any(makes_local_files);
    for noted in &unit.tasks {
        let Some((name, kind, span)) = wanted(noted) else { continue };
        let role = noted.node.role.as_ref().map(|r| r.path.clone());
        let dirs = role.into_iter().chain([noted.dir.clone(), unit.play.playbook_dir.clone()]);
        let places = dirs.flat_map(|d| [d.join(kind).join(name), d.join("tasks").join(name), d.join(name)]);
        let mut looked: Vec<PathBuf> = Vec::new();
        places.for_each(|p| {
            if !looked.contains(&p) {
                looked.push(p);
            }
        });
        let lenient = local || noted.lenient || may_be_skipped(&noted.node.keywords);
        if let Some(there) = looked.iter().find(|p| unit.c.loader.is_there(p)) {
            if kind == "vars" {
                diags.extend(faults(unit, there, lenient));
            }
            continue;
        }
        let mut diag = missing("missing-file", span, &format!("`{name}`"), &looked);
        if let Some(near) = near_file(name, &looked) {
            diag = diag.hint(format!("did you mean `{near}`?"));
        }
        if lenient {
            diag.severity = Severity::Warning;
        }
        diags.push(diag);
    }
    diags
}

/// What is wrong with a file of variables.
fn faults(unit: &Unit, path: &Path, lenient: bool) -> Diags {
    let mut found = Diags::default();
    unit.c.loader.vars(path, &mut found);
    let mut found = unit.c.loader.keyring.without_closed(found);
    if lenient {
        (0..found.iter().count()).for_each(|index| found.soften(index));
    }
    found
}

/// A module's source where it is a constant relative path of this machine.
fn wanted(noted: &Noted) -> Option<(&str, &'static str, Span)> {
    let Act::Module { module, args } = &noted.node.act else { return None };
    let (_, kind) = READERS.iter().find(|(m, _)| *m == module.spec.name)?;
    let said = |name: &str| args.get(name).map(crate::spec::to_bool);
    // `copy: false` is how `unarchive` said it before.
    let old_form = module.spec.name == "unarchive" && said("copy").is_some_and(|v| v != Some(true));
    if old_form || said("remote_src").is_some_and(|v| v != Some(false)) {
        return None;
    }
    let (word, value) =
        ["src", "file", "cmd", "_raw_params"].iter().find_map(|k| args.get(*k).map(|v| (*k, v)))?;
    let Value::Str(text) = value else { return None };
    let name = if matches!(word, "src" | "file") { text.trim() } else { text.split_whitespace().next()? };
    let relative = !name.is_empty() && !name.starts_with(['/', '~', '\'', '"']) && !name.contains("://");
    let span = noted.written.arg(word).unwrap_or(noted.node.span);
    relative.then_some((name, *kind, span))
}

fn makes_local_files(noted: &Noted) -> bool {
    let fetches = matches!(noted.node.action_name(), "fetch");
    let k = &noted.node.keywords;
    fetches || k.delegate_to.is_some() || k.connection.as_ref().and_then(Value::as_str) == Some("local")
}

fn may_be_skipped(k: &TaskKeywords) -> bool {
    let never = k.tags.iter().any(|t| t.as_str() == Some("never"));
    never || !k.when.is_empty() || k.ignore_errors.is_some() || k.loop_.is_some() || !k.failed_when.is_empty()
}

fn near_file(name: &str, looked: &[PathBuf]) -> Option<String> {
    let entries = looked.iter().filter_map(|p| std::fs::read_dir(p.parent()?).ok()).flatten().flatten();
    let names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    let last = name.rsplit('/').next()?;
    nearest(last, names.iter().map(String::as_str)).map(str::to_string)
}

/// Tags asked for that no task has. Where includes bring tasks that only the run knows, it is a warning.
pub(crate) fn tags(asked: &[String], made: &[Made]) -> Diags {
    const OWN: &[&str] = &["all", "tagged", "untagged", "always", "never"];
    let mut diags = Diags::default();
    let mut known: Vec<String> = OWN.iter().map(ToString::to_string).collect();
    let mut open = false;
    for (unit, noted) in made.iter().flat_map(|m| m.unit.tasks.iter().map(move |noted| (&m.unit, noted))) {
        open |= match &noted.node.act {
            Act::IncludeTasks { file, .. } => matches!(file, Value::Template(_)),
            Act::IncludeRole(role) => matches!(role.name, Value::Template(_)),
            _ => false,
        };
        for tag in &noted.node.keywords.tags {
            match tag {
                Value::Str(tag) => known.extend(tag.split(',').map(|t| t.trim().to_string())),
                Value::Template(_) => {
                    // The inventory, or the run, may say something else.
                    open = true;
                    known.extend(rendered(tag, unit, &noted.node));
                }
                _ => {}
            }
        }
    }
    for tag in asked.iter().filter(|t| !known.contains(t)) {
        let diag = match open {
            // A tag, or a file with more tasks, has a name that hosts' variables make.
            true => Diag::warning("unknown-tag", None, format!("no task is known to have the tag `{tag}`")),
            false => Diag::error("unknown-tag", None, format!("no task has the tag `{tag}`")),
        };
        let diag = diag.did_you_mean(tag, known.iter().map(String::as_str));
        diags.push(diag.hint("`fitout playbook --list-tags` shows all"));
    }
    diags
}

/// What a templated tag comes to by what playbook and command line say.
fn rendered(tag: &Value, unit: &Unit, node: &TaskNode) -> Vec<String> {
    let engine = crate::eval::Engine::new(unit.c.loader.sources.clone());
    let scope = crate::eval::MapScope::new(unit.known(node.role.as_ref(), &node.keywords));
    match engine.evaluate(tag, &scope) {
        Ok(Value::Str(text)) => text.split(',').map(|t| t.trim().to_string()).collect(),
        Ok(Value::List(list)) => list.iter().map(crate::spec::to_text).collect(),
        Ok(other) => vec![crate::spec::to_text(&other)],
        Err(_) => Vec::new(),
    }
}

/// `--start-at-task` where no task is called so. What only the run includes cannot be started at, but comes by itself.
pub(crate) fn start(asked: Option<&str>, made: &[Made]) -> Option<Diag> {
    let asked = asked?;
    let wanted = globset::Glob::new(asked).map(|g| g.compile_matcher()).ok();
    let nodes = || made.iter().flat_map(|m| &m.unit.tasks).map(|noted| &noted.node);
    if nodes().any(|node| matches!(node.name, Some(Value::Template(_)))) {
        return None;
    }
    let names = nodes().map(|node| match &node.name {
        Some(Value::Str(name)) => &**name,
        _ => node.action_name(),
    });
    let names: Vec<&str> = names.collect();
    let bare = asked.rsplit(" : ").next().unwrap_or(asked);
    let named = |name: &&str| **name == *bare || wanted.as_ref().is_some_and(|w| w.is_match(name));
    if names.iter().any(named) {
        return None;
    }
    let diag = Diag::error("unknown-task", None, format!("no task is called `{asked}`"));
    let diag = diag.did_you_mean(bare, names);
    Some(diag.hint("`fitout playbook --list-tasks` shows all"))
}

/// Whether a task brings hosts or groups of its own.
fn add_hosts(made: &[Made]) -> bool {
    let adds = |n: &Noted| matches!(n.node.action_name(), "add_host" | "group_by");
    made.iter().any(|m| m.unit.tasks.iter().any(adds))
}

/// The first play that is for hosts, where the inventory has none.
pub(crate) fn nobody(inventory: Option<&Inventory>, made: &[Made]) -> Option<Diag> {
    let inventory = inventory.filter(|i| i.hosts.values().all(|h| h.implicit) && !add_hosts(made))?;
    let nobody = |play: &&Made| {
        let selected = play.hosts.value.as_str().and_then(|pattern| inventory.select(pattern).ok());
        selected.is_some_and(|s| s.hosts.is_empty() && s.unknown.is_empty())
    };
    let span = made.iter().find(nobody)?.hosts.span;
    let diag = Diag::warning("unknown-host", span, "the inventory has no host");
    Some(diag.hint("name one with -i: a file, a folder, or `web1,web2,`"))
}

/// Names in `hosts` that the inventory does not have. Where a play adds hosts or groups, nothing can be said.
pub(crate) fn hosts(inventory: Option<&Inventory>, made: &[Made]) -> Diags {
    let mut diags = Diags::default();
    let Some(inventory) = inventory else { return diags };
    let empty = inventory.hosts.values().all(|h| h.implicit);
    if add_hosts(made) {
        return diags;
    }
    for play in made {
        let patterns = super::keywords::many(&play.hosts.value);
        for pattern in
            patterns.iter().filter_map(|p| if matches!(p, Value::Template(_)) { None } else { p.as_str() })
        {
            let Ok(selection) = inventory.select(pattern) else { continue };
            for unknown in selection.unknown {
                let message = format!("the inventory has no host or group `{}`", unknown.name);
                let diag = Diag::warning("unknown-host", play.hosts.span, message);
                diags.push(match unknown.nearest {
                    _ if empty => diag.hint("there are no hosts in it at all: name it with -i"),
                    Some(near) => diag.hint(format!("did you mean `{near}`?")),
                    None => diag,
                });
            }
        }
    }
    diags
}

/// Where a name in `vars_files` is looked for: in the folder `vars` first, as Ansible does.
pub fn vars_file_places(playbook_dir: &Path, name: &str) -> Vec<PathBuf> {
    let beside = playbook_dir.join(name);
    match name.starts_with("vars/") {
        true => vec![beside],
        false => vec![playbook_dir.join("vars").join(name), beside],
    }
}

/// Files of `vars_files` with constant names, which are read now so that their errors are found too.
pub(crate) fn vars_files(made: &mut Made) {
    let Some(span) = made.keywords.get("vars_files").map(|v| v.span) else { return };
    let book = made.plan.playbook_dir.clone();
    for entry in made.plan.vars_files.clone() {
        let Value::Str(name) = &entry else { continue };
        let looked = vars_file_places(&book, name);
        match looked.iter().find(|p| p.is_file()) {
            Some(path) => {
                made.unit.c.loader.vars(path, &mut made.unit.diags);
            }
            None => made.unit.diags.push(missing("missing-file", span, &format!("`{name}`"), &looked)),
        }
    }
}
