//! The running kernel against the values wanted: what is set, and what to say where it cannot be.

use super::key;
use super::place::Place;
use super::settings::{Found, Setting, Wish, flat, live, set};
use crate::modules::Failure;
use crate::modules::kit::diff;
use crate::modules::text::TextFile;
use crate::remote::Output;

/// What the running kernel needs, added to `found`; nothing where the wish is about files alone.
///
/// # Errors
/// The kernel has no such key, or does not let it be set, and the task does not forgive that.
pub(super) fn running(
    wish: &Wish<'_>,
    settings: &[Setting],
    output: &Output,
    place: Place,
    was: &TextFile,
    found: &mut Found,
) -> Result<(), Failure> {
    if !wish.running || !wish.live.touches(place) {
        return Ok(());
    }
    // Each with whether it is a change.
    let mut settable: Vec<(&Setting, bool)> = Vec::new();
    let (mut impossible, mut missing) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (String::new(), String::new());
    for setting in settings {
        let Setting { name, path, value } = setting;
        let Some(is) = live(output, path) else {
            match () {
                () if wish.lenient => missing.push(name.as_str()),
                () if wish.live.forgives(place) => impossible.push(name.as_str()),
                () => return Err(Failure::new(no_key(name, path))),
            }
            continue;
        };
        let writable = output.field(&format!("live:{path}"), "writable").is_some();
        if key::same(path, value, &is) {
            settable.extend(writable.then_some((setting, false)));
            continue;
        }
        if !writable {
            if !wish.live.forgives(place) {
                return Err(Failure::new(read_only(name, &flat(&is), value, place)));
            }
            impossible.push(name.as_str());
            continue;
        }
        found.reasons.push(format!("{name} runs with {}", flat(&is)));
        before.push_str(&format!("{name} = {}\n", flat(&is)));
        after.push_str(&format!("{name} = {value}\n"));
        settable.push((setting, true));
    }
    if !missing.is_empty() {
        found.warnings.push(format!("the running kernel has no {}", missing.join(", ")));
    }
    if !impossible.is_empty() {
        let (names, file) = (impossible.join(", "), &was.path);
        let message =
            format!("this is a container, where the machine's kernel decides: only {file} has {names}");
        found.warnings.push(message);
    }
    let changes: Vec<&str> = settable.iter().filter(|(_, new)| *new).map(|(s, _)| s.path.as_str()).collect();
    if !changes.is_empty() {
        // What has its value, and may lose it by these changes, is given it again.
        let again = |s: &Setting| changes.iter().any(|path| key::resets(path, &s.path));
        let mut sets: Vec<&Setting> =
            settable.iter().filter(|(s, new)| *new || again(s)).map(|(s, _)| *s).collect();
        sets.sort_by_key(|s| key::rank(&s.path));
        found.effects.push(set(sets.into_iter().flat_map(|s| [&s.path, &s.value])));
        found.diffs.push(diff("/proc/sys", before, after));
    }
    Ok(())
}

fn no_key(name: &str, path: &str) -> String {
    match key::module(path) {
        Some(module) => format!(
            "the running kernel has no {name}: it comes with the kernel module {module}, which is not loaded; load it \
             first (`modprobe: {{name: {module}, persistent: present}}`), or set `ignoreerrors: true`"
        ),
        None => format!(
            "the running kernel has no {name}: check the name, or load the kernel module that brings it first; with `ignoreerrors: true` it \
             is passed over"
        ),
    }
}

fn read_only(name: &str, is: &str, value: &str, place: Place) -> String {
    match place {
        Place::Container => format!(
            "{name} is {is}, not {value}, and cannot be set in this container: the machine's kernel decides. Set it \
             there; `live: possible` accepts it and writes the file alone"
        ),
        _ => format!(
            "{name} is {is}, not {value}, and cannot be set: it is read-only, or `become: true` is missing"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// One key resets another: here they are one file.
    #[test]
    fn keys_are_read_back_behind_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("a"), "0\n").unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
        let script = include_str!("settings_apply.sh").replace("/proc/sys", root);
        let script = format!("emit() {{ echo \"$1 $2 $3\"; }}\n{script}");
        let done = Command::new("sh")
            .args(["-c", &script, "sh", "a", "1", "no/key", "3", "b", "2 2"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&done.stdout), "live:a value 2 2\nlive:b value 2 2\n");
        assert!(String::from_utf8_lossy(&done.stderr).contains("does not take \"3\" for no/key"));
        assert_eq!(done.status.code(), Some(1));
    }
}
