//! The variables of a host as layers, weakest first: the inventory's own, and group_vars and host_vars files beside
//! the inventory and the playbook, read when first asked for.

use super::{ALL, GroupId, HostId, Inventory};
use crate::base::{Diags, Map, Sources};
use crate::syntax::vars_file::{load_vars_file, to_map};
use crate::syntax::vault::Keyring;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Where a layer comes from, in Ansible's order of precedence.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerKind {
    /// `all` in the inventory itself.
    InventoryAll,
    /// Any other group in the inventory itself; outer groups first.
    InventoryGroup,
    /// `group_vars/all` beside the inventory.
    InventoryFilesAll,
    /// `group_vars/all` beside the playbook.
    PlaybookFilesAll,
    /// `group_vars/` of any other group beside the inventory.
    InventoryFilesGroup,
    /// `group_vars/` of any other group beside the playbook.
    PlaybookFilesGroup,
    /// The host in the inventory itself.
    InventoryHost,
    /// `host_vars/` beside the inventory.
    InventoryFilesHost,
    /// `host_vars/` beside the playbook.
    PlaybookFilesHost,
}

impl LayerKind {
    /// Of the sources themselves, not of files beside them.
    pub fn in_the_sources(self) -> bool {
        matches!(self, LayerKind::InventoryAll | LayerKind::InventoryGroup | LayerKind::InventoryHost)
    }
}

/// Variables of one group or host from one place; layers come weakest first.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Where it comes from; its place in the order.
    pub kind: LayerKind,
    /// The group's or host's name.
    pub of: Arc<str>,
    /// As written, templates too; never empty.
    pub vars: Arc<Map>,
}

/// Finds and reads group_vars and host_vars; each file once.
pub struct VarFolders {
    sources: Sources,
    keyring: Keyring,
    playbook: Option<PathBuf>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    /// Names in a group_vars or host_vars folder, and whether each is a folder.
    listings: HashMap<PathBuf, Arc<HashMap<String, bool>>>,
    /// The merged variables of one name in one folder; none is by far the most frequent.
    vars: HashMap<(PathBuf, Arc<str>), Option<Arc<Map>>>,
}

impl VarFolders {
    /// `playbook`: the folder of the playbook that runs.
    pub fn new(playbook: Option<&Path>, sources: &Sources, keyring: &Keyring) -> Self {
        VarFolders {
            sources: sources.clone(),
            keyring: keyring.clone(),
            playbook: playbook.map(Path::to_path_buf),
            cache: Mutex::default(),
        }
    }

    /// The layers of a host, weakest first; empty ones are left out. Errors of a file are told once.
    pub fn layers(&self, inventory: &Inventory, host: HostId, diags: &mut Diags) -> Vec<Layer> {
        self.layers_of(inventory, Some(host), diags)
    }

    /// Those of a host that no inventory knows: what all hosts have.
    pub fn layers_of_all(&self, inventory: &Inventory, diags: &mut Diags) -> Vec<Layer> {
        self.layers_of(inventory, None, diags)
    }

    fn layers_of(&self, inventory: &Inventory, host: Option<HostId>, diags: &mut Diags) -> Vec<Layer> {
        use LayerKind::*;
        let mut layers = Vec::new();
        let mut push = |kind, of: &Arc<str>, vars: Arc<Map>| {
            if !vars.is_empty() {
                layers.push(Layer { kind, of: Arc::clone(of), vars });
            }
        };
        let all = &inventory[ALL];
        let groups = host.map(|host| inventory.groups_of(host)).unwrap_or_default();
        let groups: Vec<_> = groups.into_iter().map(|g| &inventory[g]).collect();
        let beside = &inventory.folders;
        let playbook = self.playbook.as_slice();
        push(InventoryAll, &all.name, Arc::clone(&all.vars));
        groups.iter().for_each(|g| push(InventoryGroup, &g.name, Arc::clone(&g.vars)));
        let mut files = |kind, folders: &[PathBuf], sub: &str, name: &Arc<str>| {
            for folder in folders {
                if let Some(vars) = self.read(&folder.join(sub), name, diags) {
                    push(kind, name, vars);
                }
            }
        };
        files(InventoryFilesAll, beside, "group_vars", &all.name);
        files(PlaybookFilesAll, playbook, "group_vars", &all.name);
        groups.iter().for_each(|g| files(InventoryFilesGroup, beside, "group_vars", &g.name));
        groups.iter().for_each(|g| files(PlaybookFilesGroup, playbook, "group_vars", &g.name));
        let Some(host) = host.map(|host| &inventory[host]) else { return layers };
        files(InventoryFilesHost, beside, "host_vars", &host.name);
        files(PlaybookFilesHost, playbook, "host_vars", &host.name);
        if !host.vars.is_empty() {
            let own = Layer { kind: InventoryHost, of: Arc::clone(&host.name), vars: Arc::clone(&host.vars) };
            let place = layers.iter().position(|l| l.kind > InventoryHost).unwrap_or(layers.len());
            layers.insert(place, own);
        }
        layers
    }

    /// The variables of a group, the inventory's own and those of files beside inventory and playbook; not those of the
    /// groups it stands in.
    pub fn of_group(&self, inventory: &Inventory, group: GroupId, diags: &mut Diags) -> Map {
        let group = &inventory[group];
        let mut vars = Map::clone(&group.vars);
        for folder in inventory.folders.iter().chain(&self.playbook) {
            if let Some(more) = self.read(&folder.join("group_vars"), &group.name, diags) {
                vars.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
        }
        vars
    }

    /// Reads all that is beside the playbook, whatever hosts and groups there are: for what is wrong with it.
    pub fn look(&self, diags: &mut Diags) {
        for folder in self.playbook.iter().flat_map(|p| ["group_vars", "host_vars"].map(|sub| p.join(sub))) {
            let mut files = Vec::new();
            below(&folder, 0, &mut files);
            // Without the groups' names nobody knows whether `README` is one.
            files.retain(|file| file.extension().is_some() || file.ends_with("all"));
            self.merge(&files, diags);
        }
    }

    /// The variables of one group or host in one folder.
    fn read(&self, folder: &Path, name: &Arc<str>, diags: &mut Diags) -> Option<Arc<Map>> {
        let mut cache = self.cache.lock().unwrap_or_else(|e| e.into_inner());
        let listing =
            Arc::clone(cache.listings.entry(folder.to_path_buf()).or_insert_with(|| Arc::new(list(folder))));
        if listing.is_empty() {
            return None;
        }
        let key = (folder.to_path_buf(), Arc::clone(name));
        if let Some(known) = cache.vars.get(&key) {
            return known.clone();
        }
        let vars = self.merge(&files_of(folder, &listing, name), diags);
        cache.vars.insert(key, vars.clone());
        vars
    }

    fn merge(&self, files: &[PathBuf], diags: &mut Diags) -> Option<Arc<Map>> {
        let mut merged: Option<Map> = None;
        for file in files {
            if let Some(entries) = load_vars_file(file, &self.sources, &self.keyring, diags) {
                merged.get_or_insert_default().extend(to_map(&entries));
            }
        }
        merged.map(Arc::new)
    }
}

fn list(folder: &Path) -> HashMap<String, bool> {
    let Ok(entries) = std::fs::read_dir(folder) else { return HashMap::new() };
    let entries = entries.filter_map(Result::ok);
    entries.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path().is_dir())).collect()
}

/// `NAME` (a file, or a folder of files), else `NAME.yml`, `.yaml`, `.json`.
fn files_of(folder: &Path, listing: &HashMap<String, bool>, name: &str) -> Vec<PathBuf> {
    for ext in ["", ".yml", ".yaml", ".json"] {
        let file = format!("{name}{ext}");
        match listing.get(&file) {
            Some(true) => {
                let mut files = Vec::new();
                below(&folder.join(&file), 0, &mut files);
                return files;
            }
            Some(false) => return vec![folder.join(file)],
            None => {}
        }
    }
    Vec::new()
}

/// The files of a folder by name, folders within it in their place; hidden and backup files left out.
fn below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = list(folder).into_iter().collect();
    entries.sort();
    for (name, is_folder) in entries {
        let ext = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or("", |(_, ext)| ext);
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let path = folder.join(&name);
        if is_folder {
            // A loop of links would have no end.
            if ext.is_empty() && depth < 16 {
                below(&path, depth + 1, files);
            }
        } else if matches!(ext, "" | "yml" | "yaml" | "json") {
            files.push(path);
        }
    }
}
