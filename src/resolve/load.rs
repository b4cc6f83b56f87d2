//! Files of a run: each is read and parsed once, whoever asks.

use crate::base::diag::nearest;
use crate::base::{Diag, Diags, Map, Sources, Span, Value};
use crate::modules::registry;
use crate::syntax::ast::{Item, Playbook, RoleUse};
use crate::syntax::playbook::{Reader, RoleMeta};
use crate::syntax::vars_file;
use crate::syntax::vault::Keyring;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

type Cache<T> = Mutex<HashMap<PathBuf, Option<Arc<T>>>>;

/// Reads files, keeps what they hold, and remembers what does not exist.
pub(crate) struct Loader {
    pub sources: Sources,
    pub keyring: Arc<Keyring>,
    playbooks: Cache<Playbook>,
    tasks: Cache<Vec<Item>>,
    vars: Cache<VarsFile>,
    metas: Cache<Meta>,
    exists: Mutex<HashMap<PathBuf, bool>>,
}

/// A file of variables.
#[derive(Debug, Default)]
pub(crate) struct VarsFile {
    pub map: Arc<Map>,
}

/// A role's meta/main.yml.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    pub dependencies: Vec<RoleUse>,
    pub allow_duplicates: bool,
    pub collections: Vec<Arc<str>>,
    /// `argument_specs` by entry point.
    pub argument_specs: Option<Value>,
}

impl Loader {
    pub fn new(sources: Sources, keyring: Arc<Keyring>) -> Loader {
        Loader {
            sources,
            keyring,
            playbooks: Cache::default(),
            tasks: Cache::default(),
            vars: Cache::default(),
            metas: Cache::default(),
            exists: Mutex::default(),
        }
    }

    fn reader(&self) -> Reader<'_> {
        let names = registry::registry().all_names().chain(super::known::ACTIONS.iter().copied());
        let names: Vec<&str> = names.chain(super::known::modules()).collect();
        Reader::new(&self.sources, &self.keyring, names)
    }

    pub fn playbook(&self, path: &Path, diags: &mut Diags) -> Option<Arc<Playbook>> {
        cached(&self.playbooks, path, || self.reader().playbook(path, diags))
    }

    /// A file of tasks or handlers.
    pub fn tasks(&self, path: &Path, diags: &mut Diags) -> Option<Arc<Vec<Item>>> {
        cached(&self.tasks, path, || self.reader().tasks(path, diags))
    }

    pub fn vars(&self, path: &Path, diags: &mut Diags) -> Option<Arc<VarsFile>> {
        cached(&self.vars, path, || {
            let entries = vars_file::load_vars_file(path, &self.sources, &self.keyring, diags)?;
            let map = Arc::new(vars_file::to_map(&entries));
            Some(VarsFile { map })
        })
    }

    /// A role's meta from its folder; a role without one has none of it.
    pub fn meta(&self, role: &Path, diags: &mut Diags) -> Arc<Meta> {
        let read = cached(&self.metas, role, || Some(self.read_meta(role, diags)));
        read.unwrap_or_default()
    }

    fn read_meta(&self, role: &Path, diags: &mut Diags) -> Meta {
        let mut meta = Meta::default();
        if let Some(path) = self.main_file(&role.join("meta"), "main")
            && let Some(RoleMeta { dependencies, allow_duplicates, all }) =
                self.reader().role_meta(&path, diags)
        {
            meta.dependencies = dependencies;
            meta.allow_duplicates = allow_duplicates;
            let get = |name: &str| all.iter().find(|(k, _)| &*k.value == name).map(|(_, v)| &v.value);
            let names = get("collections").map(super::keywords::many).unwrap_or_default();
            meta.collections = names.iter().filter_map(Value::as_str).map(Arc::from).collect();
            meta.argument_specs = get("argument_specs").cloned();
        }
        if let Some(path) = self.main_file(&role.join("meta"), "argument_specs") {
            let value = vars_file::load_data_file(&path, &self.sources, &self.keyring, diags);
            meta.argument_specs = value.as_ref().and_then(|v| v.get("argument_specs")).cloned();
        }
        meta
    }

    /// Whether a file was read as a playbook, as tasks or as variables.
    pub fn has_read(&self, path: &Path) -> bool {
        let path = tidy(path);
        fn known<T>(cache: &Cache<T>, path: &Path) -> bool {
            matches!(cache.lock().unwrap_or_else(|e| e.into_inner()).get(path), Some(Some(_)))
        }
        known(&self.tasks, &path) || known(&self.vars, &path) || known(&self.playbooks, &path)
    }

    /// `NAME.yml`, `.yaml`, `.json` or `NAME` itself, whichever exists in a folder.
    pub fn main_file(&self, dir: &Path, name: &str) -> Option<PathBuf> {
        if !self.is_there(dir) {
            return None;
        }
        ["yml", "yaml", "json", ""].iter().find_map(|extension| {
            let file = if extension.is_empty() { name.to_string() } else { format!("{name}.{extension}") };
            let path = dir.join(file);
            (self.is_there(&path) && path.is_file()).then_some(path)
        })
    }

    /// Whether a path exists; asked of the file system once.
    pub fn is_there(&self, path: &Path) -> bool {
        let mut known = self.exists.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(there) = known.get(path) {
            return *there;
        }
        let there = path.exists();
        known.insert(path.to_path_buf(), there);
        there
    }
}

fn cached<T>(cache: &Cache<T>, path: &Path, read: impl FnOnce() -> Option<T>) -> Option<Arc<T>> {
    let known = cache.lock().unwrap_or_else(|e| e.into_inner()).get(path).cloned();
    if let Some(known) = known {
        return known;
    }
    let made = read().map(Arc::new);
    cache.lock().unwrap_or_else(|e| e.into_inner()).insert(path.to_path_buf(), made.clone());
    made
}

/// A path without `.` and `..` where that needs no look at the file system's links.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// What lies where a file was looked for under nearly its name.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // An ending that is right makes no name more alike.
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let stem_of = |n: &str| match n.rsplit_once('.') {
        Some((stem, e)) => (e == ending).then(|| stem.to_string()),
        None => ending.is_empty().then(|| n.to_string()),
    };
    let names = std::fs::read_dir(here).ok()?.flatten().filter_map(|e| e.file_name().into_string().ok());
    let stems: Vec<String> = names.filter_map(|n| stem_of(&n)).collect();
    let right = nearest(stem, stems.iter().map(String::as_str))?;
    Some(folder.join(if ending.is_empty() { right.to_string() } else { format!("{right}.{ending}") }))
}

/// "not found" with the nearest right name and the places looked at.
pub(crate) fn missing(code: &'static str, span: Span, what: &str, looked: &[PathBuf]) -> Diag {
    let mut diag = Diag::error(code, span, format!("{what} does not exist"));
    if !looked.is_empty() {
        // The playbook's folder may be the working directory: each place counts once.
        let places: indexmap::IndexSet<PathBuf> = looked.iter().map(|p| tidy(p)).collect();
        if let Some(near) = places.iter().find_map(|p| neighbour(p)) {
            diag = diag.hint(format!("did you mean `{}`?", near.display()));
        }
        let places: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        diag = diag.hint(format!("looked for {}", places.join(", ")));
    }
    diag
}
