//! Which facts a program can use, so that a run gathers no others. Asked of the texts themselves, generously: a word
//! too many costs a little time, a word too few would fail a task.

use super::unit::{Noted, Unit};
use crate::base::{Map, Value};
use crate::graph::{Act, PlayPlan};
use crate::syntax::inventory::Inventory;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names that begin like facts but are no facts: connection variables and what the engine itself sets.
const NO_FACTS: &[&str] = &[
    "async_dir",
    "check_mode",
    "collection_name",
    "config_file",
    "connection",
    "dependent_role_names",
    "diff_mode",
    "facts",
    "forks",
    "host",
    "index_var",
    "inventory_sources",
    "job_id",
    "limit",
    "loop",
    "loop_var",
    "managed",
    "parent_role_names",
    "parent_role_paths",
    "password",
    "pipelining",
    "play_batch",
    "play_hosts",
    "play_hosts_all",
    "play_name",
    "play_role_names",
    "playbook_python",
    "port",
    "private_key_file",
    "python_interpreter",
    "remote_tmp",
    "role_name",
    "role_names",
    "run_tags",
    "search_path",
    "shell_executable",
    "shell_type",
    "skip_tags",
    "timeout",
    "user",
    "verbosity",
    "version",
];

const NO_FACT_PREFIXES: &[&str] = &["become", "ssh_", "sudo_", "su_", "winrm_", "paramiko_", "scp_", "sftp_"];

/// More files than this below one folder are not read: then everything is gathered.
const MANY: usize = 2000;

/// What is asked for all plays together: facts of one play serve the later ones.
#[derive(Default)]
pub(crate) struct Needed {
    names: BTreeSet<String>,
    all: bool,
    /// A template's file is named by a variable, so a path in a variable may name any file.
    open_paths: bool,
    absolute_template: bool,
    /// Files of variables or tasks that only the run can name, and which cannot be found now.
    pub open_files: bool,
    /// What was read, with its text.
    pub files: Vec<(PathBuf, String)>,
    /// Every word that may read a variable.
    words: HashSet<String>,
    seen: HashSet<PathBuf>,
}

impl Needed {
    /// What the tasks of a play bring with them: their modules, and the files they read.
    pub fn play(&mut self, unit: &Unit) {
        let book = unit.play.playbook_dir.clone();
        for part in ["tasks", "handlers", "vars", "templates", "group_vars", "host_vars"] {
            self.folder(&book.join(part));
        }
        let roles = unit.layers.iter().chain(unit.tasks.iter().filter_map(|t| t.node.role.as_ref()));
        for role in roles {
            for part in ["tasks", "handlers", "defaults", "vars", "templates", "meta"] {
                self.folder(&role.path.join(part));
            }
        }
        unit.tasks.iter().for_each(|noted| self.task(noted, &book));
    }

    /// The play's files of variables.
    pub fn vars_files(&mut self, play: &PlayPlan) {
        let names = play.vars_files.iter().flat_map(super::keywords::many);
        for name in names {
            match name {
                Value::Str(name) => self.file_if_there(&play.playbook_dir.join(&*name)),
                // Named when it runs: the files beside the playbook are read.
                _ => {
                    self.all |= name.as_str().is_some_and(|n| n.contains(".."));
                    self.open_files |= super::keywords::many(&name).iter().any(super::defined::leads_away);
                    self.folder_to(&play.playbook_dir, 3);
                }
            }
        }
    }

    /// The variables of the inventory. Without one nothing can be said of them.
    pub fn inventory(&mut self, inventory: Option<&Inventory>) {
        let Some(inventory) = inventory else {
            self.all = true;
            return;
        };
        for folder in &inventory.folders {
            self.folder(&folder.join("group_vars"));
            self.folder(&folder.join("host_vars"));
        }
        inventory.hosts.values().for_each(|h| self.map(&h.vars));
        inventory.groups.values().for_each(|g| self.map(&g.vars));
    }

    /// The words of all texts, without those that only register a name.
    pub fn words(&self) -> &HashSet<String> {
        &self.words
    }

    /// Names as the executor wants them; `None`: all.
    pub fn names(mut self) -> Option<Vec<Arc<str>>> {
        self.all |= self.open_paths && self.absolute_template;
        (!self.all).then(|| self.names.iter().map(|n| n.as_str().into()).collect())
    }

    fn task(&mut self, noted: &Noted, book: &Path) {
        match &noted.node.act {
            Act::Module { module, args } => match module.spec.name.as_str() {
                "package" => {
                    self.names.insert("pkg_mgr".into());
                }
                "template" => self.path(args.get("src"), noted, book),
                "include_vars" => {
                    let word = ["file", "dir", "_raw_params"].iter().find_map(|k| args.get(*k));
                    self.open_files |= word.is_some_and(|w| super::defined::outside(w, noted));
                    self.path(word, noted, book);
                }
                _ => {}
            },
            Act::IncludeTasks { file, .. } => {
                self.open_files |= super::defined::outside(file, noted);
                self.path(Some(file), noted, book);
            }
            Act::IncludeRole(role) => self.all |= matches!(role.name, Value::Template(_)),
            Act::Meta(_) => {}
        }
    }

    /// A file that a task reads. In a role's own folders all is read already.
    fn path(&mut self, value: Option<&Value>, noted: &Noted, book: &Path) {
        let role = noted.node.role.as_ref().map(|r| r.path.clone());
        match value {
            Some(Value::Template(t)) => {
                let outside = t.text.contains("..") || t.text.starts_with('/') || t.text.starts_with('~');
                self.all |= outside;
                self.open_paths = true;
                // The usual folders are read already; without a role any folder may be meant.
                let depth = if role.is_some() { 1 } else { 3 };
                self.folder_to(book, depth);
            }
            Some(Value::Str(name)) => {
                let dirs = role.iter().map(PathBuf::as_path).chain([noted.dir.as_path(), book]);
                let mut places = dirs
                    .flat_map(|d| ["templates", "vars", "tasks", ""].map(|p| d.join(p).join(&**name)))
                    .filter(|p| p.exists());
                match places.next() {
                    Some(folder) if folder.is_dir() => self.folder(&folder),
                    Some(file) => self.file(&file),
                    None => self.all = true,
                }
            }
            _ => {}
        }
    }

    fn folder(&mut self, folder: &Path) {
        self.folder_to(folder, 8);
    }

    fn folder_to(&mut self, folder: &Path, depth: usize) {
        if !self.seen.insert(folder.join(format!(".{depth}"))) {
            return;
        }
        let hidden = |e: &walkdir::DirEntry| {
            e.file_name().to_str().is_some_and(|n| n.starts_with('.')) && e.depth() > 0
        };
        let entries = walkdir::WalkDir::new(folder)
            .follow_links(true)
            .max_depth(depth)
            .into_iter()
            .filter_entry(|e| !hidden(e));
        for (count, entry) in entries.flatten().filter(|e| e.file_type().is_file()).enumerate() {
            if count > MANY {
                self.all = true;
                return;
            }
            self.file(entry.path());
        }
    }

    fn file_if_there(&mut self, path: &Path) {
        if path.exists() {
            self.file(path);
        }
    }

    fn file(&mut self, path: &Path) {
        if !self.seen.insert(path.to_path_buf()) {
            return;
        }
        let Ok(bytes) = std::fs::read(path) else {
            self.all = true;
            return;
        };
        // Bytes that are no text hold no template.
        if let Ok(text) = std::str::from_utf8(&bytes) {
            self.all |= text.starts_with("$ANSIBLE_VAULT");
            self.text(text);
            self.files.push((path.to_path_buf(), text.to_string()));
        }
    }

    pub fn map(&mut self, map: &Map) {
        map.values().for_each(|v| self.value(v));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Template(t) => self.text(&t.text),
            Value::Str(s) => self.text(s),
            Value::List(items) => items.iter().for_each(|v| self.value(v)),
            Value::Map(map) => self.map(map),
            _ => {}
        }
    }

    /// The words of a text that may be facts.
    pub fn text(&mut self, text: &str) {
        for line in text
            .lines()
            .filter(|l| !(l.trim_start().starts_with('#') && !l.contains("{{") && !l.contains("{%")))
        {
            self.absolute_template |= absolute_template(line);
            let registers = line.trim_start_matches([' ', '-']).starts_with("register:");
            for (at, word) in words(line) {
                let rest = &line[at + word.len()..];
                if !registers && !self.words.contains(word) {
                    self.words.insert(word.to_string());
                }
                match word {
                    "ansible_facts" => self.below_facts(rest),
                    "hostvars" => self.all |= !names_a_variable(rest),
                    "package" if rest.starts_with(':') => {
                        self.names.insert("pkg_mgr".into());
                    }
                    _ => self.word(word),
                }
            }
        }
    }

    fn word(&mut self, word: &str) {
        let Some(name) = word.strip_prefix("ansible_") else { return };
        // The rest of the name is known only when it runs.
        self.all |= name.is_empty() || name.ends_with('_');
        if !NO_FACTS.contains(&name) && !NO_FACT_PREFIXES.iter().any(|p| name.starts_with(p)) {
            self.names.insert(name.to_string());
        }
    }

    /// `ansible_facts.x`, `ansible_facts['x']`, `['ansible_facts']['x']`, `['ansible_facts', 'x']`.
    fn below_facts(&mut self, rest: &str) {
        let rest = rest.trim_start_matches(['\'', '"']).trim_start_matches(']').trim_start();
        let rest = rest.strip_prefix(".get(").map_or(rest, |r| r);
        let name = match rest.strip_prefix('.') {
            Some(attribute) => leading_word(attribute),
            None => {
                let inner = rest.trim_start_matches(['[', ',', ' ']);
                let quoted = inner.strip_prefix(['\'', '"']);
                quoted
                    .filter(|q| q[leading_word(q).len()..].starts_with(['\'', '"']))
                    .map_or("", leading_word)
            }
        };
        match name {
            "" | "items" | "keys" | "values" => self.all = true,
            name => {
                self.names.insert(name.strip_prefix("ansible_").unwrap_or(name).to_string());
            }
        }
    }
}

/// Whether what stands behind `hostvars` picks one variable of a host: `[host].name`, `[host]['name']`, or the
/// arguments of `extract`.
fn names_a_variable(rest: &str) -> bool {
    let rest = rest.trim_start();
    if let Some(argument) = rest.strip_prefix(',') {
        return argument.trim_start().trim_start_matches('[').starts_with(['\'', '"']);
    }
    if let Some(attribute) = rest.strip_prefix('.') {
        let word = leading_word(attribute);
        return !["items", "keys", "values", "get"].contains(&word) && picks(&attribute[word.len()..]);
    }
    let mut depth = 0usize;
    for (at, c) in rest.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth == 1 => return picks(&rest[at + 1..]),
            ']' => depth -= 1,
            _ if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

fn picks(rest: &str) -> bool {
    rest.starts_with(['.', '['])
}

/// A path from the root that names a template.
fn absolute_template(line: &str) -> bool {
    let names_template = line.contains(".j2");
    names_template && line.split([' ', '"', '\'']).any(|w| w.starts_with('/') && w.contains(".j2"))
}

pub(crate) fn leading_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

pub(crate) fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + line[at..].find(|c: char| c.is_alphanumeric() || c == '_')?;
        let word = leading_word(&line[start..]);
        at = start + word.len();
        Some((start, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let mut needed = Needed::default();
        needed.text(text);
        needed.names().map(|n| n.join(" "))
    }

    #[test]
    fn facts_are_found_in_every_way_they_are_written() {
        let cases = [
            ("x: '{{ ansible_os_family }}'", Some("os_family")),
            ("x: \"{{ ansible_facts['distribution'] }}\"", Some("distribution")),
            ("x: '{{ ansible_facts.eth0.ipv4 }}'", Some("eth0")),
            ("x: \"{{ ansible_facts.get('env') }}\"", Some("env")),
            ("x: \"{{ hostvars[h]['ansible_facts']['fqdn'] }}\"", Some("fqdn")),
            ("x: \"{{ hostvars[groups['a'][0]].ansible_fqdn }}\"", Some("fqdn")),
            ("x: \"{{ g | map('extract', hostvars, ['ansible_facts', 'fqdn']) }}\"", Some("fqdn")),
            ("- package: {name: vim}", Some("pkg_mgr")),
            ("ansible_host: 10.0.0.1\nansible_ssh_pipelining: true", Some("")),
            ("x: '{{ users }}'", Some("")),
            ("x: '{{ ansible_facts }}'", None),
            ("x: '{{ ansible_facts[name] }}'", None),
            ("x: \"{{ vars['ansible_' ~ nic] }}\"", None),
            ("x: '{{ hostvars[h] }}'", None),
            ("x: '{{ hostvars | length }}'", None),
            ("# ansible_facts are gathered", Some("")),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_variable_may_name_a_template_anywhere() {
        let mut needed = Needed { open_paths: true, ..Needed::default() };
        needed.text("template_path: /srv/site.j2");
        assert_eq!(needed.names(), None);
    }
}
