//! What reads files of the controller, which a task before it may make.

use crate::base::Map;

/// Whether a module sends a file of the controller.
pub(super) fn sends(module: &str, args: &Map) -> bool {
    let there = args.get("remote_src").is_some_and(|v| v.truth() == Some(true));
    match module {
        "script" | "template" => true,
        "assemble" | "copy" | "unarchive" | "uri" => args.contains_key("src") && !there,
        _ => false,
    }
}

/// Whether a lookup, test or filter looks at files of the controller, or at what programs there say.
pub(super) fn reads_here(name: &str) -> bool {
    const READERS: [&str; 18] = [
        "csvfile",
        "directory",
        "exists",
        "file",
        "fileglob",
        "filetree",
        "first_found",
        "ini",
        "is_dir",
        "is_file",
        "is_link",
        "lines",
        "link",
        "link_exists",
        "password",
        "pipe",
        "template",
        "unvault",
    ];
    READERS.contains(&name.rsplit('.').next().unwrap_or(name))
}
