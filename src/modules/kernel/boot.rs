//! What the kernel parameters will be after the next boot: a pure function of the files that are read then.
//!
//! `systemd-sysctl` reads the `*.conf` files of four folders sorted by base name, whatever the folder; of one
//! base name only the first folder's counts. A later assignment takes the place of an earlier one, unless the
//! value is the same. A key set by itself beats every pattern that matches it, also a later one; `-key` without
//! a value takes a key out of all patterns, and takes back what an earlier line set.

use super::key;
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// The folders, the one that wins first.
pub const DIRS: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

/// A file that may be read at boot. Comments may be left out if lines keep their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootFile {
    /// Absolute, as it is on the host.
    pub path: String,
    /// (number, text); numbers begin at 1.
    pub lines: Vec<(usize, String)>,
}

impl BootFile {
    /// Takes a file's text apart; lines are numbered from 1.
    pub fn new(path: impl Into<String>, content: &str) -> BootFile {
        let lines = content.lines().enumerate().flat_map(|(i, l)| parts(l).map(move |p| (i + 1, p)));
        BootFile { path: path.into(), lines: lines.collect() }
    }
}

/// systemd takes a carriage return by itself for the end of a line too; editors and grep do not.
pub fn parts(line: &str) -> impl Iterator<Item = String> + '_ {
    line.trim_end_matches('\r').split('\r').map(str::to_string)
}

/// The line that decides about a key; `value` is `None` where it only takes the key out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// As the line gives it, without blanks around it.
    pub value: Option<String>,
    /// The path of the file that has the line.
    pub file: String,
    /// Its number in the file, from 1.
    pub line: usize,
}

/// The outcome of all files.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// By path below /proc/sys or pattern of such paths, in the order in which they are applied.
    options: IndexMap<String, Assignment>,
}

/// A line's key (as a path or a pattern), its value, and whether errors of it are ignored.
pub struct Line<'a> {
    /// Below /proc/sys, or a pattern of such paths.
    pub path: String,
    /// `None`: the line only takes the key out of patterns.
    pub value: Option<&'a str>,
    /// It begins with a minus.
    pub lenient: bool,
}

/// Reads one line; `None` for blank ones, comments, and what is no assignment.
pub fn line(text: &str) -> Option<Line<'_>> {
    let text = text.trim();
    if text.is_empty() || text.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.trim())),
        None => (text, None),
    };
    let (key, lenient) = match key.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (key, false),
    };
    (value.is_some() || lenient).then(|| Line { path: key::path(key), value, lenient })
}

/// Whether a line that is not blank and no comment sets nothing: it has no `=`, or no key that could be one.
pub fn says_nothing(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == char::REPLACEMENT_CHARACTER;
    let text = text.trim();
    !text.is_empty()
        && !text.starts_with(['#', ';'])
        && line(text).is_none_or(|line| line.path.is_empty() || line.path.contains(bad))
}

/// The files in the order they are read: masked ones gone.
pub fn order(files: &[BootFile]) -> Vec<&BootFile> {
    let rank = |path: &str| DIRS.iter().position(|d| dir(path) == *d);
    let mut by_name: BTreeMap<&str, (usize, &BootFile)> = BTreeMap::new();
    for file in files {
        let (Some(rank), name) = (rank(&file.path), base(&file.path)) else { continue };
        if !name.ends_with(".conf") || name.starts_with('.') {
            continue;
        }
        let kept = by_name.entry(name).or_insert((rank, file));
        if rank < kept.0 {
            *kept = (rank, file);
        }
    }
    by_name.into_values().map(|(_, file)| file).collect()
}

fn dir(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// The file's name without folders: systemd orders and masks by it.
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The outcome of these files. A file outside of [`DIRS`] is not read, but for the ones in `last`, which some
/// hosts without systemd read behind all others (`/etc/sysctl.conf`).
pub fn effective(files: &[BootFile], last: &[&str]) -> Boot {
    let mut boot = Boot::default();
    let behind = last.iter().filter_map(|path| files.iter().find(|f| f.path == *path));
    for file in order(files).into_iter().chain(behind) {
        for (number, text) in &file.lines {
            let Some(line) = line(text) else { continue };
            let value = line.value.map(str::to_string);
            let assignment = Assignment { value, file: file.path.clone(), line: *number };
            match boot.options.get_mut(&line.path) {
                // The same value again: it stays where it was in the order of application.
                Some(kept) if kept.value == assignment.value => *kept = assignment,
                _ => {
                    boot.options.shift_remove(&line.path);
                    boot.options.insert(line.path, assignment);
                }
            }
        }
    }
    boot
}

impl Boot {
    /// Whether a line names the key itself, so that no pattern touches it.
    pub fn names(&self, path: &str) -> bool {
        self.options.contains_key(path)
    }

    /// What decides about a key (of a pattern: its own line); `None` where no file sets it, so that the kernel's
    /// own value stays.
    pub fn decides(&self, path: &str) -> Option<&Assignment> {
        let exact = [Some(path), key::twin(path)].into_iter().flatten();
        let own = exact.filter_map(|p| self.options.get_full(p)).max_by_key(|(index, _, a)| {
            // A key that is only taken out says nothing about its twin.
            (a.value.is_some(), *index)
        });
        if let Some((_, _, assignment)) = own {
            return Some(assignment);
        }
        let patterns = self.options.iter().filter(|(key, a)| a.value.is_some() && is_pattern(key));
        patterns.filter(|(key, _)| matches(key, path)).map(|(_, a)| a).next_back()
    }

    /// The rival of a key and its line, where that is applied later and so makes the key 0.
    pub fn takes_over(&self, path: &str) -> Option<(&'static str, &Assignment)> {
        let rival = key::rival(path)?;
        let (later, _, by) = self.options.get_full(rival)?;
        let value = by.value.as_ref()?;
        let own = self.options.get_index_of(path).is_none_or(|own| own < later);
        (own && key::takes_over(rival, value)).then_some((rival, by))
    }
}

/// Whether it stands for all keys it matches.
pub fn is_pattern(key: &str) -> bool {
    key.contains(['*', '?', '['])
}

/// Whether a pattern matches a path, as glob(3) does: a wildcard stops at a slash.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let (pattern, part): (Vec<char>, Vec<char>) =
                    (pattern.chars().collect(), part.chars().collect());
                let hidden = part.first() == Some(&'.') && pattern.first() != Some(&'.');
                if hidden || !part_matches(&pattern, &part) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn part_matches(pattern: &[char], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some('*'), _) => {
            part_matches(&pattern[1..], text) || (!text.is_empty() && part_matches(pattern, &text[1..]))
        }
        (Some('?'), Some(_)) => part_matches(&pattern[1..], &text[1..]),
        (Some('['), Some(c)) => match set(&pattern[1..], *c) {
            Some((hit, rest)) => hit && part_matches(rest, &text[1..]),
            None => *c == '[' && part_matches(&pattern[1..], &text[1..]),
        },
        (Some('\\'), Some(c)) if pattern.get(1) == Some(c) => part_matches(&pattern[2..], &text[1..]),
        (Some(p), Some(c)) => p == c && part_matches(&pattern[1..], &text[1..]),
        _ => false,
    }
}

/// Whether a bracket's set has the character, and what follows it; `None` where it is not closed.
fn set(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let negated = matches!(pattern.first(), Some('!' | '^'));
    let start = usize::from(negated);
    // A bracket right at the beginning is a member.
    let end = (start + 1..pattern.len()).find(|i| pattern[*i] == ']')?;
    let members = &pattern[start..end];
    let mut hit = false;
    let mut i = 0;
    while i < members.len() {
        match members.get(i + 1..i + 3) {
            Some(['-', to]) => {
                hit |= (members[i]..=*to).contains(&c);
                i += 3;
            }
            _ => {
                hit |= members[i] == c;
                i += 1;
            }
        }
    }
    Some((hit != negated, &pattern[end + 1..]))
}

#[cfg(test)]
#[path = "boot_tests.rs"]
mod tests;
