//! What goes into an image, as one hash: by it an image that is there is found again.

use super::super::fail::Fail;
use crate::base::{Map, Sources, Value};
use crate::graph::{Act, Sequence, Step, TaskNode};
use crate::image::options::Source;
use crate::image::{Render, manifest};
use crate::resolve::Compiled;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Modules that read a file or a folder of this machine.
const READERS: [&str; 5] = ["copy", "template", "script", "unarchive", "assemble"];

/// Of the compiled plays, `image:` (`None`: it is in the plays' text with all its values), the source where it is a file,
/// the files that roles and playbooks bring, and those that tasks name elsewhere.
pub fn hash(
    compiled: &Compiled,
    image: Option<&Value>,
    source: &Source,
    sources: &Sources,
    render: &Render,
) -> Result<String, Fail> {
    let mut hash = Hash(Sha256::new());
    hash.feed(compiled.program.hash.as_bytes());
    hash.feed(image.map(|image| image.to_json().to_string()).unwrap_or_default().as_bytes());
    if let Source::Tarball { from, sha256: None } = source {
        let path = Path::new(from);
        let sum = manifest::sha256(path);
        let sum = sum.map_err(|e| Fail::input(format!("image: source: {}: {e}", path.display())))?;
        hash.feed(sum.as_bytes());
    }
    let mut places: BTreeSet<PathBuf> = BTreeSet::new();
    for play in &compiled.program.plays {
        let roles = play.role_layers.iter().map(|role| role.path.clone());
        for folder in roles.chain([play.playbook_dir.clone()]) {
            places.extend(["files", "templates"].map(|name| folder.join(name)));
        }
        // Of whatever hosts and groups: which ones are read, only the run knows.
        places.extend(["group_vars", "host_vars"].map(|name| play.playbook_dir.join(name)));
        let handlers = play.handlers.iter().map(|handler| &*handler.task);
        for task in tasks(&play.body).into_iter().chain(handlers) {
            places.extend(named(task, &play.playbook_dir, sources, render));
        }
    }
    for place in &places {
        hash.all(place)?;
    }
    Ok(hash.0.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

struct Hash(Sha256);

impl Hash {
    fn feed(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// A file, or all that is in a folder, with permissions.
    fn all(&mut self, place: &Path) -> Result<(), Fail> {
        let entries = walkdir::WalkDir::new(place).follow_links(true).sort_by_file_name();
        for entry in entries.into_iter().flatten() {
            let (path, kind) = (entry.path(), entry.file_type());
            if !kind.is_file() {
                continue;
            }
            let mode = entry.metadata().map(|m| m.permissions().mode() & 0o7777).unwrap_or_default();
            // Where it is on this machine does not matter.
            self.feed(path.strip_prefix(place).unwrap_or(path).as_os_str().as_encoded_bytes());
            self.feed(&mode.to_le_bytes());
            let sum = manifest::sha256(path).map_err(|e| Fail::input(format!("{}: {e}", path.display())))?;
            self.feed(sum.as_bytes());
        }
        Ok(())
    }
}

fn tasks(sequence: &Sequence) -> Vec<&TaskNode> {
    let mut all = Vec::new();
    for step in &sequence.steps {
        match step {
            Step::Task(task) => all.push(&**task),
            Step::Block(block) => {
                for inner in [&block.body, &block.rescue, &block.always] {
                    all.extend(tasks(inner));
                }
            }
            Step::Flush { .. } => {}
        }
    }
    all
}

/// Where the source of a task is that reads one of this machine; one whose name only the run knows is not found.
fn named(task: &TaskNode, playbook: &Path, sources: &Sources, render: &Render) -> Option<PathBuf> {
    let Act::Module { module, args } = &task.act else { return None };
    if !READERS.contains(&&*module.spec.name)
        || args.get("remote_src").is_some_and(|v| !matches!(v, Value::Bool(false)))
    {
        return None;
    }
    let (word, value) = ["src", "cmd", "_raw_params"].iter().find_map(|k| args.get(*k).map(|v| (*k, v)))?;
    let Ok(Value::Str(text)) = render(value, &Map::new()) else { return None };
    let name = match word {
        "src" => text.to_string(),
        _ => shell_words::split(&text).ok()?.into_iter().next()?,
    };
    let written = sources.get(task.span.file).path.parent().map(Path::to_path_buf);
    let role = task.role.as_ref().map(|role| role.path.clone());
    let folders = role.into_iter().chain(written).chain([playbook.to_path_buf()]);
    let below = |d: PathBuf| ["files", "templates", "tasks", "."].map(|kind| d.join(kind).join(&name));
    // An absolute name is itself, whatever it is joined to.
    folders.flat_map(below).find(|path| !name.is_empty() && path.exists())
}
