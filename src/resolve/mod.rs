//! Resolution: playbooks, roles and includes become one [`Program`] in which every name is bound.
//!
//! The whole program is compiled before a host is touched, includes of fixed names too, and all findings are
//! collected. What only a run can name (templated includes) is compiled by the same code through [`Includer`].

mod action;
mod constant;
mod constants;
mod defaults;
mod defined;
mod facts;
mod include_words;
mod includes;
pub mod inventory_plugins;

mod keywords;
mod known;
mod lint;
mod load;
mod names;
mod notify;
mod places;
mod plays;
mod python;
mod reads;
mod role_params;
mod roles;
mod specs;
mod tasks;
mod template_files;
mod template_hints;
mod unit;
mod uses;

#[cfg(test)]
mod tests;

pub use places::vars_file_places;

use crate::base::{Diags, Map, Severity, Sources};
use crate::graph::{Includer, Program};
use crate::syntax::inventory::Inventory;
use crate::syntax::vault::Keyring;
use std::path::PathBuf;
use std::sync::Arc;

/// What is compiled, and with which answers from the command line.
pub struct CompileOptions {
    /// In the order in which they run.
    pub playbooks: Vec<PathBuf>,
    /// `-e`; they win over all others.
    pub extra_vars: Map,
    /// `-t`; empty: all tasks.
    pub tags: Vec<String>,
    /// `--skip-tags`; a task with one of them does not run.
    pub skip_tags: Vec<String>,
    /// `--start-at-task`: its name, or a pattern for it.
    pub start_at_task: Option<String>,
    /// Whether the command line or the configuration lets all tasks become another user.
    pub becomes: bool,
    /// Searched after `roles/` beside the playbook, before the playbook's own folder.
    pub roles_path: Vec<PathBuf>,
    /// Folders that hold an `ansible_collections/`, or are one; behind `collections/` beside the playbook.
    pub collections_path: Vec<PathBuf>,
    /// Folders with modules, behind `library/` of the role and of the playbook.
    pub library: Vec<PathBuf>,
    /// Folders with Python plugins that the configuration names, by what they are.
    pub plugins: Vec<(&'static str, PathBuf)>,
    /// Opens the vaults that playbooks and variables hold.
    pub keyring: Arc<Keyring>,
    /// Gets every file that is read.
    pub sources: Sources,
    /// The hosts of the run, where they are known: then its variables and names are looked at too.
    pub inventory: Option<Arc<Inventory>>,
}

impl CompileOptions {
    /// One playbook, no options.
    pub fn new(playbook: impl Into<PathBuf>, keyring: Arc<Keyring>, sources: Sources) -> Self {
        CompileOptions {
            playbooks: vec![playbook.into()],
            extra_vars: Map::new(),
            tags: Vec::new(),
            skip_tags: Vec::new(),
            start_at_task: None,
            becomes: false,
            roles_path: default_roles_path(),
            collections_path: default_collections_path(),
            library: Vec::new(),
            plugins: Vec::new(),
            keyring,
            sources,
            inventory: None,
        }
    }
}

/// What came of it. `warnings` never holds an error.
pub struct Compiled {
    /// All plays, every name bound.
    pub program: Program,
    /// Compiles what only the run can name.
    pub includer: Arc<dyn Includer>,
    /// In the order in which they were found, without those that the files allow.
    pub warnings: Diags,
}

/// `ANSIBLE_ROLES_PATH`, else where Ansible looks by default.
pub fn default_roles_path() -> Vec<PathBuf> {
    env_paths("ANSIBLE_ROLES_PATH", &["~/.ansible/roles", "/usr/share/ansible/roles", "/etc/ansible/roles"])
}

/// `ANSIBLE_COLLECTIONS_PATH`, else where Ansible looks by default.
pub fn default_collections_path() -> Vec<PathBuf> {
    env_paths("ANSIBLE_COLLECTIONS_PATH", &["~/.ansible/collections", "/usr/share/ansible/collections"])
}

fn env_paths(name: &str, default: &[&str]) -> Vec<PathBuf> {
    if let Some(set) = std::env::var_os(name).filter(|v| !v.is_empty()) {
        return std::env::split_paths(&set).collect();
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let expand = |path: &&str| match path.strip_prefix("~/") {
        Some(rest) => home.as_ref().map(|h| h.join(rest)),
        None => Some(PathBuf::from(path)),
    };
    default.iter().filter_map(expand).collect()
}

/// Compiles playbooks into one program. All findings are collected; with an error among them there is none.
pub fn compile(options: &CompileOptions) -> Result<Compiled, Diags> {
    let loader = load::Loader::new(options.sources.clone(), Arc::clone(&options.keyring));
    let compiler = Arc::new(unit::Compiler::new(loader, options));
    let mut diags = Diags::default();
    let mut made = Vec::new();
    for playbook in &options.playbooks {
        plays::playbook(&compiler, &load::tidy(playbook), &mut diags, &mut made);
    }
    made.iter_mut().for_each(places::vars_files);
    diags.extend(places::hosts(options.inventory.as_deref(), &made));
    diags.extend(places::tags(&options.tags, &made));
    places::start(options.start_at_task.as_deref(), &made).into_iter().for_each(|diag| diags.push(diag));
    let needed = texts(options, &made);
    for play in &made {
        diags.extend(places::files(&play.unit));
        diags.extend(template_files::check(&play.unit));
        diags.extend(lint::check(&play.unit, needed.words()));
    }
    diags.extend(constants::of_inventory(options.inventory.as_deref(), &made, &options.sources));
    diags.extend(lint::check_all(options, &made, &needed));
    diags.extend(names::check(options, &made, &needed));
    let needing = made.iter().any(|p| {
        !p.plan.keywords.needs.is_empty() || p.unit.tasks.iter().any(|t| !t.node.keywords.needs.is_empty())
    });
    let facts = needed.names();
    let nobody = places::nobody(options.inventory.as_deref(), &made);
    let mut plays = Vec::new();
    for mut play in made {
        diags.extend(play.unit.diags);
        play.plan.facts_used = facts.clone();
        plays.push(Arc::new(play.plan));
    }
    let mut program = Program { plays, hash: hash(options, env!("CARGO_PKG_VERSION")) };
    if !diags.has_errors()
        && needing
        && let Err(found) = crate::graph::arrange(&mut program)
    {
        diags.extend(found);
    }
    // Where something is wrong, that may be why.
    nobody.filter(|_| !diags.has_errors()).into_iter().for_each(|diag| diags.push(diag));
    let diags = lint::without_allowed(diags, &options.sources);
    if diags.has_errors() {
        return Err(diags);
    }
    debug_assert!(diags.iter().all(|d| d.severity == Severity::Warning));
    let includer = Arc::new(includes::RunTime(compiler));
    Ok(Compiled { program, includer, warnings: diags })
}

/// What the texts of a program mention; facts gathered in one play serve the later ones too.
fn texts(options: &CompileOptions, made: &[plays::Made]) -> facts::Needed {
    let mut needed = facts::Needed::default();
    needed.inventory(options.inventory.as_deref());
    needed.map(&options.extra_vars);
    options.sources.all().iter().for_each(|file| needed.text(&file.text));
    for play in made {
        needed.play(&play.unit);
        needed.vars_files(&play.plan);
    }
    needed
}

/// SHA-256 over every file read, the options and the tool's version.
fn hash(options: &CompileOptions, version: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut sha = Sha256::new();
    let mut feed = |bytes: &[u8]| {
        sha.update((bytes.len() as u64).to_le_bytes());
        sha.update(bytes);
    };
    feed(version.as_bytes());
    for file in options.sources.all() {
        feed(file.path.as_os_str().as_encoded_bytes());
        feed(options.sources.hashed(&file).as_bytes());
    }
    for (name, value) in &options.extra_vars {
        feed(name.to_string().as_bytes());
        feed(format!("{value:?}").as_bytes());
    }
    for (name, words) in [("tags", &options.tags), ("skip_tags", &options.skip_tags)] {
        feed(name.as_bytes());
        words.iter().for_each(|word| feed(word.as_bytes()));
    }
    feed(b"start_at_task");
    options.start_at_task.iter().for_each(|task| feed(task.as_bytes()));
    sha.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
