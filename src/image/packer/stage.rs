//! What `ansible-local` uploads, put together as Packer does it: a folder of links on this machine, from which the
//! playbook is read.

use super::model::Part;
use std::fs;
use std::io::Result;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A folder that is there as long as something holds it.
pub type Stage = Arc<TempDir>;

/// The playbooks that a provisioner runs, where they are to be read, and the folder that has to stay for that.
pub fn playbooks(part: &Part) -> std::result::Result<(Vec<PathBuf>, Option<Stage>), String> {
    let one = folder_or_file(part, "playbook_file", Path::is_file)?;
    let several = folder_or_file(part, "playbook_files", Path::is_file)?;
    if part.kind != "ansible-local" {
        return Ok((one, None));
    }
    let folder = folder_or_file(part, "playbook_dir", |_| true)?.into_iter().next();
    let beside = |file: &PathBuf| folder.is_none() || file.parent() == folder.as_deref();
    let mut more = Vec::new();
    for option in ["group_vars", "host_vars", "role_paths", "playbook_paths"] {
        more.extend(folder_or_file(part, option, Path::is_dir)?.into_iter().map(|path| (option, path)));
    }
    if more.is_empty() && one.iter().all(beside) {
        return Ok((one.into_iter().chain(several).collect(), None));
    }
    folder_or_file(part, "playbook_dir", Path::is_dir)?;
    put(folder.as_deref(), &one, &several, &more).map_err(|e| format!("the staging folder: {e}"))?
}

type Put = std::result::Result<(Vec<PathBuf>, Option<Stage>), String>;

fn put(folder: Option<&Path>, one: &[PathBuf], several: &[PathBuf], more: &[(&str, PathBuf)]) -> Result<Put> {
    let stage = tempfile::Builder::new().prefix("fitout-packer-").tempdir()?;
    let root = stage.path();
    if let Some(folder) = folder {
        entries(root, Path::new(""), folder)?;
    }
    let mut books = Vec::new();
    for file in one {
        let at = name_of(file);
        link(root, &at, file)?;
        books.push(root.join(at));
    }
    let has_vars = more.iter().any(|(option, _)| option.ends_with("_vars"));
    for file in several {
        let below = folder.and_then(|folder| file.strip_prefix(folder).ok());
        let at = below.unwrap_or_else(|| file.strip_prefix("/").unwrap_or(file));
        // Packer's inventory stands in the root, and with it these variables are for all; here they are the playbook's.
        if has_vars && at.components().count() > 1 {
            let why = "group_vars and host_vars are for playbooks at the root of `playbook_dir`";
            return Ok(Err(format!("{why}; `{}` is not there", file.display())));
        }
        if below.is_none() {
            link(root, at, file)?;
        }
        books.push(root.join(at));
    }
    for (option, from) in more {
        let at = match *option {
            "role_paths" => Path::new("roles").join(name_of(from)),
            "playbook_paths" => Path::new("playbooks").join(name_of(from)),
            vars => PathBuf::from(vars),
        };
        link(root, &at, from)?;
    }
    own_host(root)?;
    Ok(Ok((books, Some(Arc::new(stage)))))
}

fn name_of(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_default()
}

/// Paths that an option names, from the working directory; each has to be there.
fn folder_or_file(
    part: &Part,
    option: &str,
    is: fn(&Path) -> bool,
) -> std::result::Result<Vec<PathBuf>, String> {
    let what = if option.starts_with("playbook_file") { "file" } else { "folder" };
    let one = |text: String| {
        let path = std::path::absolute(&text).map_err(|e| format!("{option}: {text}: {e}"))?;
        // A playbook that is missing is told where it is imported.
        if what == "file" || is(&path) { Ok(path) } else { Err(format!("{option}: `{text}` is no {what}")) }
    };
    // `playbook_file` and `playbook_dir` are one path, whatever is in its name.
    let given = if option.ends_with("_file") || option.ends_with("_dir") {
        part.texts(option)
    } else {
        part.list(option)
    };
    given.into_iter().filter(|text| !text.is_empty()).map(one).collect()
}

/// Puts a file or folder at a place below the stage. Of two folders at one place all entries are there, the later ones
/// over the others. Nothing is written into what is linked to: it is the user's.
fn link(root: &Path, at: &Path, from: &Path) -> Result<()> {
    let mut parent = root.to_path_buf();
    for step in at.parent().into_iter().flat_map(Path::components) {
        parent.push(step);
        unlinked(&parent)?;
    }
    let place = root.join(at);
    if from.is_dir() && place.is_dir() {
        unlinked(&place)?;
        return entries(root, at, from);
    }
    if fs::symlink_metadata(&place).is_ok() {
        fs::remove_file(&place)?;
    }
    symlink(from, &place)
}

/// A folder of links in place of a link to a folder, or of nothing.
fn unlinked(place: &Path) -> Result<()> {
    let Ok(there) = fs::symlink_metadata(place) else { return fs::create_dir(place) };
    if !there.is_symlink() {
        return Ok(());
    }
    let old = fs::read_link(place)?;
    fs::remove_file(place)?;
    fs::create_dir(place)?;
    entries(place, Path::new(""), &old)
}

fn entries(root: &Path, at: &Path, from: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(root, &at.join(entry.file_name()), &entry.path())?;
    }
    Ok(())
}

/// The host that Packer calls 127.0.0.1 is `localhost` here: its variables are there by this name too.
fn own_host(root: &Path) -> Result<()> {
    let Ok(all) = fs::read_dir(root.join("host_vars")) else { return Ok(()) };
    let names: Vec<String> =
        all.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    if names.iter().any(|name| name.starts_with("localhost")) {
        return Ok(());
    }
    for name in names {
        if let Some(ending) = name.strip_prefix("127.0.0.1") {
            let folder = Path::new("host_vars");
            let own = fs::canonicalize(root.join(folder).join(&name))?;
            link(root, &folder.join(format!("localhost{ending}")), &own)?;
        }
    }
    Ok(())
}
