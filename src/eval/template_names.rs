//! What a template file knows of itself.

use super::Scope;
use crate::base::{Map, Value};
use std::path::Path;

/// The `template_*` names, for a template at this path that becomes `dest` (empty in a lookup), and `ansible_managed`
/// unless a variable has that name.
pub fn template_names(path: &Path, dest: Value, scope: &dyn Scope) -> Map {
    let shown = path.to_string_lossy().into_owned();
    let full =
        std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).to_string_lossy().into_owned();
    let written = |time: jiff::Timestamp| {
        Value::from(time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
    };
    let modified = std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let modified = modified.and_then(|t| jiff::Timestamp::try_from(t).ok());
    let managed = scope.get("ansible_managed").unwrap_or_else(|| "Ansible managed".into());
    [
        ("ansible_managed", managed),
        ("template_path", shown.as_str().into()),
        ("template_fullpath", full.into()),
        ("template_destpath", dest),
        ("template_mtime", modified.map_or(Value::Null, written)),
        ("template_run_date", written(jiff::Timestamp::now())),
        ("template_uid", owner(path).map_or(Value::Null, Value::from)),
        ("template_host", rustix::system::uname().nodename().to_string_lossy().into_owned().into()),
    ]
    .into_iter()
    .map(|(k, v)| (k.into(), v))
    .collect()
}

/// The name of a file's owner, else the number.
fn owner(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata(path).ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut lines = users.lines().map(|l| l.split(':').collect::<Vec<_>>());
    let name =
        lines.find(|f| f.get(2).is_some_and(|id| *id == uid)).and_then(|f| f.first().map(|n| n.to_string()));
    Some(name.unwrap_or(uid))
}
