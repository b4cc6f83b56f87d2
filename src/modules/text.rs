//! Small text files that several modules edit: read in one probe, written atomically, refused when they changed.

use super::Failure;
use super::kit::{changed, diff, with_diff};
use crate::base::Map;
use crate::plan::{Action, Decision};
use crate::remote::files::{Expect, WriteFile, write_file_job};
use crate::remote::{Job, Output, Script};
use crate::script;
use std::sync::{Arc, LazyLock};

/// A text file as the probe found it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFile {
    /// Where it really is: a `~user/` in front is resolved.
    pub path: String,
    /// Whether anything is there that can be read.
    pub exists: bool,
    /// Whether the folder it is in exists.
    pub dir: bool,
    /// Empty where the file is missing.
    pub content: String,
    /// Octal digits; empty where the file is missing, and where a probe does not ask for it. So are the owners.
    pub mode: String,
    /// A name, or a number where the id has none.
    pub owner: String,
    /// A name, or a number where the id has none.
    pub group: String,
}

static READ_TEXT: LazyLock<Arc<Script>> = LazyLock::new(|| {
    Script::for_each(
        "kit.read_text",
        concat!(include_str!("../remote/scripts/take.sh"), include_str!("read_text.sh")),
    )
});

/// The job that reads text files; `~user/…` stands for that user's home.
pub fn read_text<P: AsRef<[u8]>>(paths: impl IntoIterator<Item = P>) -> Job {
    Job::new(&READ_TEXT).args(paths)
}

/// One file of [`read_text`]'s output.
///
/// # Errors
/// The probe failed, or the file exists and cannot be read.
pub fn text_file(output: &Output, item: &str) -> Result<TextFile, Failure> {
    if !output.ok() {
        return Err(Failure::from_output(output));
    }
    let get = |key: &str| output.field(item, key);
    let exists = get("exists").is_some();
    let content = get("content");
    if exists && content.is_none() {
        return Err(Failure::new(format!("{item} cannot be read; `become: true` may be missing")));
    }
    let stat = get("stat").unwrap_or_default();
    let mut words = stat.split_whitespace().map(str::to_string);
    Ok(TextFile {
        path: get("path").unwrap_or_else(|| item.to_string()),
        exists,
        dir: get("dir").is_some(),
        content: content.unwrap_or_default(),
        mode: words.next().unwrap_or_default(),
        owner: words.next().unwrap_or_default(),
        group: words.next().unwrap_or_default(),
    })
}

/// The write that puts `content` in the file's place, if it still is what was read.
pub fn write_text(was: &TextFile, content: &str) -> WriteFile {
    let mut file = WriteFile::new(&was.path, super::bytes(content));
    file.follow = true;
    file.expect = if was.exists { Expect::Sha1(sha1_hex(&was.content)) } else { Expect::Absent };
    file
}

fn sha1_hex(text: &str) -> String {
    crate::remote::files::sha1(text.as_bytes())
}

/// Removes a file; no error where it is gone already.
pub fn remove_file(path: &str) -> Job {
    Job::new(script!("kit.remove", "remove.sh")).args([path])
}

/// The decision to bring a file to `content`; `mode` also of one that exists. Nothing to do: unchanged.
pub fn edit_text(was: &TextFile, content: &str, mode: Option<&str>, reason: &str, result: Map) -> Decision {
    let octal = |m: &str| m.trim_start_matches('0').to_string();
    let mode_differs = was.exists && mode.is_some_and(|m| octal(m) != octal(&was.mode));
    if was.exists && was.content == content && !mode_differs {
        return Decision::unchanged(result);
    }
    let mut file = write_text(was, content);
    file.mode = mode.map(str::to_string);
    let action = if was.exists { Action::Update } else { Action::Create };
    let reason = if mode_differs && was.content == content {
        format!("mode of {} is {}, not {}", was.path, was.mode, mode.unwrap_or_default())
    } else {
        reason.to_string()
    };
    let decision = changed(action, reason, vec![write_file_job(file)], result);
    with_diff(decision, diff(&was.path, was.content.as_str(), content))
}
