//! Finds out what each inventory source is, and reads it.

use super::{Inventory, LOCAL_NAMES, Target, UNGROUPED, ini, range, tree};
use crate::base::{Diag, Diags, FileId, Sources, Span};
use crate::syntax::vars_file::parse_yaml_or_json;
use crate::syntax::vault::{Keyring, is_vault};
use crate::syntax::yaml::{self, Node};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Ends of file names that a folder of inventories is not read from.
const IGNORED: [&str; 13] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry", ".ini~"];

/// Reads the sources in order into one inventory: files, folders, programs, and `host,list,` texts. What cannot be
/// read is told in `diags` and left out. Without any source there is only this machine, implied.
pub fn load(given: &[String], sources: &Sources, keyring: &Keyring, diags: &mut Diags) -> Inventory {
    load_with(given, sources, keyring, diags, &())
}

/// Reads sources that name an inventory plugin (`plugin:`).
pub trait Plugin {
    /// Adds what the file at `root` asks for; `false`: there is no plugin of that name.
    fn read(&self, name: &str, root: &Node, inventory: &mut Inventory, diags: &mut Diags) -> bool;
}

impl Plugin for () {
    fn read(&self, _: &str, _: &Node, _: &mut Inventory, _: &mut Diags) -> bool {
        false
    }
}

/// [`load`] with plugins.
pub fn load_with(
    given: &[String],
    sources: &Sources,
    keyring: &Keyring,
    diags: &mut Diags,
    plugin: &dyn Plugin,
) -> Inventory {
    let mut inventory = Inventory::default();
    for source in given {
        let mut target = Target { inventory: &mut inventory, sources, keyring, diags, plugin };
        one(&mut target, source);
        inventory.sources.push(source.clone());
    }
    inventory.reading = None;
    inventory.reconcile();
    warn_of_doubles(&inventory, diags);
    inventory
}

fn one(to: &mut Target, source: &str) {
    let path = Path::new(source);
    if source.contains(',') && !path.exists() {
        return host_list(to, source);
    }
    if path.is_dir() {
        remember(to, path.to_path_buf());
        return folder(to, path);
    }
    if !path.exists() {
        let message = format!("there is no inventory `{source}`");
        let diag = Diag::error("no-inventory", None, message);
        return to.diags.push(diag.hint("a list of hosts ends with a comma: `-i web1,`"));
    }
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    remember(to, parent.to_path_buf());
    file(to, path);
}

/// Before the source is read: a plugin may want the files beside it.
fn remember(to: &mut Target, folder: PathBuf) {
    if !to.inventory.folders.contains(&folder) {
        to.inventory.folders.push(folder);
    }
}

fn host_list(to: &mut Target, source: &str) {
    to.inventory.reading = Some(source.into());
    let file = to.sources.add("--inventory", source);
    let mut at = 0;
    for entry in source.split(',') {
        let span = Span::new(file, at, at + entry.len());
        at += entry.len() + 1;
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        match range::expand(entry) {
            Ok((names, port)) => {
                for name in names {
                    let host = to.inventory.add_host(&name, Some(span));
                    to.inventory.add_member(UNGROUPED, host);
                    if let Some(port) = port {
                        to.inventory.set_host_var(host, "ansible_port".into(), u32::from(port).into());
                    }
                }
            }
            Err(why) => to.diags.push(Diag::error("inventory", span, why)),
        }
    }
}

/// All files of a folder, by name; group_vars and host_vars are read later, by those who need them.
fn folder(to: &mut Target, path: &Path) {
    let listing = match std::fs::read_dir(path) {
        Ok(listing) => listing,
        Err(e) => {
            let message = format!("cannot read {}: {}", path.display(), yaml::io_words(&e));
            return to.diags.push(Diag::error("cannot-read", None, message));
        }
    };
    let mut entries: Vec<PathBuf> = listing.filter_map(|e| e.ok().map(|e| e.path())).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let skipped = name.starts_with('.')
            || IGNORED.iter().any(|end| name.ends_with(end))
            || matches!(name.as_str(), "group_vars" | "host_vars" | "vars_plugins");
        if skipped {
            continue;
        }
        if entry.is_dir() { folder(to, &entry) } else { file(to, &entry) }
    }
}

fn file(to: &mut Target, path: &Path) {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    to.inventory.reading = Some(full.display().to_string().into());
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) => {
            let message = format!("cannot read {}: {}", path.display(), yaml::io_words(&e));
            return to.diags.push(Diag::error("cannot-read", None, message));
        }
    };
    let executable = std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
    if executable && (bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF")) {
        return program(to, path);
    }
    let bytes = match is_vault(&bytes) {
        true => match to.keyring.open(&String::from_utf8_lossy(&bytes)) {
            Ok(plain) => plain,
            Err(why) => {
                let message = format!("cannot decrypt {}: {why}", path.display());
                return to.diags.push(Diag::error("vault", None, message));
            }
        },
        false => bytes,
    };
    let file = match yaml::add_bytes(path, bytes, to.sources) {
        Ok(file) => file,
        Err(diag) => return to.diags.push(diag),
    };
    if is_yaml(path, &to.sources.get(file).text) {
        let text = Arc::clone(&to.sources.get(file).text);
        if let Some(root) = parse_yaml_or_json(file, &text, to.diags) {
            tree::read_yaml(to, &root);
        }
    } else {
        ini::read(to, file);
    }
}

/// By its extension; else by its first line that is no comment.
fn is_yaml(path: &Path, text: &str) -> bool {
    match path.extension().map(|e| e.to_string_lossy().to_lowercase()).as_deref() {
        Some("yml" | "yaml" | "json") => return true,
        Some("ini") => return false,
        _ => {}
    }
    let mut lines = text.lines().map(str::trim_end).filter(|l| !l.is_empty() && !l.starts_with(['#', ';']));
    lines.next().is_some_and(|l| {
        l == "---"
            || l.starts_with('{')
            || l.starts_with("plugin:")
            || (l.ends_with(':') && !l.contains(['=', ' ']))
    })
}

fn program(to: &mut Target, path: &Path) {
    let Some((file, text)) = run(to, path, &["--list"]) else { return };
    let Some(root) = parse_yaml_or_json(file, &text, to.diags) else { return };
    let first = to.inventory.hosts.len();
    if tree::read_program(to, &root) {
        return;
    }
    // Without `_meta` each host is asked for on its own.
    let names: Vec<Arc<str>> = to.inventory.hosts.keys().skip(first).cloned().collect();
    for name in names {
        let Some((file, text)) = run(to, path, &["--host", &name]) else { return };
        if let Some(vars) = parse_yaml_or_json(file, &text, to.diags) {
            tree::program_host_vars(to, &name, &vars);
        }
    }
}

fn run(to: &mut Target, path: &Path, args: &[&str]) -> Option<(FileId, Arc<str>)> {
    let shown = format!("{} {}", path.display(), args.join(" "));
    let fail = |to: &mut Target, why: String| {
        to.diags.push(Diag::error("inventory-program", None, format!("`{shown}` {why}")));
        None
    };
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let output = match Command::new(full).args(args).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(e) => return fail(to, format!("cannot be run: {}", yaml::io_words(&e))),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: String = said.trim().lines().last().unwrap_or("").chars().take(300).collect();
        return fail(to, format!("failed ({}): {last}", output.status));
    }
    match yaml::add_bytes(Path::new(&shown), output.stdout, to.sources) {
        Ok(file) => {
            let text = Arc::clone(&to.sources.get(file).text);
            Some((file, text))
        }
        Err(diag) => {
            to.diags.push(diag);
            None
        }
    }
}

fn warn_of_doubles(inventory: &Inventory, diags: &mut Diags) {
    for (name, group) in &inventory.groups {
        let Some(host) = inventory.hosts.get(name).filter(|h| !h.implicit) else { continue };
        let message = format!("`{name}` is the name of a group and of a host");
        let mut diag = Diag::warning("inventory-double-name", group.span, message)
            .hint("a pattern with this name means the group; rename one of them");
        if let Some(span) = host.span {
            diag = diag.related(span, "the host");
        }
        diags.push(diag);
    }
    debug_assert!(LOCAL_NAMES.iter().all(|n| inventory.hosts.contains_key(*n)));
}
