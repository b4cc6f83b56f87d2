//! `filetree`: all that is below some folders, as community.general tells it.

use super::{Call, files, unreadable};
use crate::base::{List, Map, Value};
use crate::eval::error::{Res, lookup_failed};
use crate::eval::run::Run;
use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Of what several folders have at the same place the first counts; a folder that is not there has nothing.
pub(super) fn filetree(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    let mut told = HashSet::new();
    for name in call.texts(run)? {
        let Ok(root) = files::locate(run, &name) else { continue };
        let root = std::path::absolute(&root).unwrap_or(root);
        let mut shown = root.display().to_string();
        // As the term has it: items are told apart by it.
        if name.ends_with('/') && !shown.ends_with('/') {
            shown.push('/');
        }
        for path in below(&root)? {
            let inside = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            if let Some(item) = item(&shown, &inside, &path)?
                && told.insert(inside)
            {
                out.push(item.into());
            }
        }
    }
    Ok(out)
}

/// A folder's own entries, folders first, and then those of its folders, as Python's `os.walk` has them.
fn below(folder: &Path) -> Res<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1).max_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|e| lookup_failed(e.to_string()))?;
        found.push((entry.file_type().is_dir(), entry.into_path()));
    }
    found.sort_by_key(|(_, path)| !path.is_dir());
    let mut out: Vec<_> = found.iter().map(|(_, path)| path.clone()).collect();
    for (_, inner) in found.iter().filter(|(own, _)| *own) {
        out.extend(below(inner)?);
    }
    Ok(out)
}

/// What is told of one path; sockets and the like are passed over.
fn item(root: &str, inside: &str, path: &Path) -> Res<Option<Map>> {
    let meta = path.symlink_metadata().map_err(|e| unreadable(path, &e))?;
    let (state, src) = match meta.file_type() {
        t if t.is_dir() => ("directory", None),
        t if t.is_symlink() => {
            ("link", Some(std::fs::read_link(path).map_err(|e| unreadable(path, &e))?.display().to_string()))
        }
        t if t.is_file() => ("file", Some(format!("{}/{inside}", root.trim_end_matches('/')))),
        _ => return Ok(None),
    };
    let mut item = Map::new();
    item.insert("root".into(), root.into());
    item.insert("path".into(), inside.into());
    item.insert("state".into(), state.into());
    if let Some(src) = src {
        item.insert("src".into(), src.into());
    }
    describe(&meta, &mut item);
    Ok(Some(item))
}

fn describe(meta: &Metadata, item: &mut Map) {
    let named = |names: &str, id: u32| name(names, id).map_or(Value::from(id), Value::from);
    let time = |seconds: i64, nanos: i64| Value::from(seconds as f64 + nanos as f64 / 1e9);
    let facts = [
        ("uid", meta.uid().into()),
        ("gid", meta.gid().into()),
        ("owner", named("/etc/passwd", meta.uid())),
        ("group", named("/etc/group", meta.gid())),
        ("mode", format!("0{:03o}", meta.mode() & 0o7777).into()),
        ("size", meta.size().into()),
        ("mtime", time(meta.mtime(), meta.mtime_nsec())),
        ("ctime", time(meta.ctime(), meta.ctime_nsec())),
    ];
    item.extend(facts.map(|(k, v)| (k.into(), v)));
}

/// The name that this machine has for a number.
fn name(names: &str, id: u32) -> Option<String> {
    let lines = std::fs::read_to_string(names).unwrap_or_default();
    let id = id.to_string();
    let mut fields = lines.lines().map(|l| l.split(':').collect::<Vec<_>>());
    fields.find(|f| f.get(2).is_some_and(|n| *n == id)).map(|f| f[0].to_owned())
}
