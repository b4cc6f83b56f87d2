//! What came of a download, as the script tells it.

use crate::base::{Map, Value};
use crate::modules::{Failure, files};
use crate::plan::Decision;
use crate::remote::Output;

/// The return values; those of a failure, too, say which answer came.
pub fn finish(decision: Decision, done: &[Output]) -> Result<Map, Failure> {
    let said = done.first();
    match (files::finish(decision, done), said) {
        (Ok(mut result), Some(said)) => {
            succeeded(said, &mut result);
            Ok(result)
        }
        (Err(mut failure), Some(said)) => {
            failed(said, &mut failure.result);
            Err(failure)
        }
        (other, None) => other,
    }
}

fn succeeded(said: &Output, result: &mut Map) {
    for key in ["checksum_src", "checksum_dest", "md5sum", "src", "backup_file"] {
        if let Some(value) = said.field("", key) {
            result.insert(key.into(), value.into());
        }
    }
    result.entry("checksum_dest".into()).or_insert(Value::Null);
    result.insert("elapsed".into(), elapsed(said));
    if let Some(status) = said.field("", "status") {
        let length = said.field("", "length").filter(|l| !l.is_empty());
        // A file of the host has no status.
        let status = status.parse::<i64>().ok().filter(|s| *s > 0);
        result.insert("status_code".into(), status.map_or(Value::Null, Value::from));
        result.insert("msg".into(), format!("OK ({} bytes)", length.as_deref().unwrap_or("unknown")).into());
    }
    if let Some(path) = said.field("", "path") {
        result.insert("dest".into(), path.into());
    }
    if let Some(stat) = said.field("", "stat") {
        describe(&stat, result);
    }
    if said.field("", "same").is_some() {
        result.insert("changed".into(), false.into());
    }
}

fn failed(said: &Output, result: &mut Map) {
    result.insert("elapsed".into(), elapsed(said));
    let status = said.field("", "status").and_then(|s| s.parse::<i64>().ok());
    if let Some(status) = status.filter(|s| *s > 0) {
        result.insert("status_code".into(), status.into());
        let response = said.field("", "response").unwrap_or_default();
        let reason = response.split_once(' ').map_or("", |(_, reason)| reason);
        if status >= 400 {
            result.insert("response".into(), format!("HTTP Error {status}: {reason}").into());
        }
    }
}

fn elapsed(said: &Output) -> Value {
    said.field("", "elapsed").and_then(|s| s.parse::<i64>().ok()).unwrap_or(0).into()
}

/// Mode, owner, group, their numbers and the size, of a file whose name came with the answer.
fn describe(stat: &str, result: &mut Map) {
    let words: Vec<&str> = stat.split(' ').collect();
    let [mode, owner, group, uid, gid, size] = words.as_slice() else { return };
    let number = |text: &str| text.parse::<i64>().map_or(Value::Null, Value::from);
    let facts = [
        ("state", "file".into()),
        ("mode", format!("0{mode:0>3}").into()),
        ("owner", (*owner).into()),
        ("group", (*group).into()),
        ("uid", number(uid)),
        ("gid", number(gid)),
        ("size", number(size)),
    ];
    result.extend(facts.map(|(key, value)| (key.into(), value)));
}
