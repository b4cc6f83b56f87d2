//! Kernel modules at the next boot: what loads them, and with which options, as modules-load.d(5) and modprobe.d(5)
//! have it.
//!
//! Both read the `*.conf` files of several folders sorted by base name; of one base name only the first folder's
//! counts, a link to /dev/null included. All `options` lines of a module are put together in that order, and where
//! one parameter is given twice the kernel keeps the later.

use super::boot::base;
use super::{params, place};
use crate::modules::Failure;
use crate::modules::kit::diff;
use crate::modules::text::{TextFile, remove_file, text_file};
use crate::plan::Diff;
use crate::remote::{Job, Output};
use std::collections::BTreeMap;

/// The folders' common parents, the one that wins first.
const ROOTS: [&str; 5] = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];
const LOAD: &str = "modules-load.d";
const OPTIONS: &str = "modprobe.d";
/// Read where there is no systemd, and where a link in modules-load.d leads to it.
const MODULES: &str = "/etc/modules";

/// The files that the probe found; the content only of those that name the modules in question.
pub struct BootModules {
    files: BTreeMap<String, String>,
}

/// A line of a file, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file's.
    pub path: String,
    /// From 1.
    pub number: usize,
    /// Without blanks around it.
    pub text: String,
}

/// A file and what it shall be; `None`: it goes.
pub struct Edit {
    /// As it was read.
    pub was: TextFile,
    /// The whole text.
    pub content: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
}

/// What is to be done about files, and what only somebody else can do.
#[derive(Default)]
pub struct Edits {
    /// In the order in which they are made.
    pub files: Vec<Edit>,
    /// Lines that take back at boot what is wanted, and that cannot be edited: the file is a package's.
    pub lost: Vec<String>,
}

/// What carries edits out, in order.
#[derive(Default)]
pub struct Carried {
    /// One for each file.
    pub reasons: Vec<String>,
    /// The files are written and removed.
    pub effects: Vec<Job>,
    /// One for each file.
    pub diffs: Vec<Diff>,
    /// As in [`Edits`].
    pub lost: Vec<String>,
}

impl Edits {
    /// The jobs that make the edits.
    pub fn carried(self, output: &Output) -> Carried {
        let mut out = Carried { lost: self.lost, ..Carried::default() };
        for Edit { was, content, reason } in self.files {
            out.reasons.push(reason);
            let after = content.clone().unwrap_or_default();
            out.diffs.push(diff(&was.path, was.content.as_str(), after));
            match content {
                Some(content) => out.effects.extend(place::write(output, &was.path, &was, &content)),
                None => out.effects.push(remove_file(&was.path)),
            }
        }
        out
    }
}

/// A module by all names that stand for it, the wanted one first.
pub struct Named<'a>(pub &'a [&'a str]);

impl Named<'_> {
    /// In names of modules a dash is an underscore.
    fn is(&self, word: &str) -> bool {
        self.0.iter().any(|name| plain(name) == plain(word))
    }

    /// What grep finds in all lines that load them, or say something of them.
    pub fn pattern(&self) -> String {
        let one = |name: &&str| name.replace('.', "\\.").replace(['-', '_'], "[-_]");
        let names = self.0.iter().filter(|n| !n.is_empty()).map(one).collect::<Vec<_>>().join("|");
        format!("^[[:space:]]*((options|blacklist|install)[[:space:]]+)?({names})([[:space:]]|$)")
    }
}

pub(super) fn plain(name: &str) -> String {
    name.trim().replace('-', "_")
}

impl BootModules {
    /// What `boot_modules` of boot_modules.sh reported, and files that a probe read besides.
    pub fn read(output: &Output) -> BootModules {
        let listed = output.field("modules", "files").unwrap_or_default();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let mut files: BTreeMap<String, String> =
            listed.lines().filter(|p| !p.is_empty()).map(|p| (p.to_string(), String::new())).collect();
        let contents = output.records().filter(|(_, key, _)| *key == b"content");
        files.extend(contents.map(|(path, _, content)| (text(path), text(content))));
        BootModules { files }
    }

    /// The files of a folder that are read, in order.
    fn read_at_boot(&self, folder: &str) -> Vec<(&str, &str)> {
        let mut by_name: BTreeMap<&str, (usize, &str, &str)> = BTreeMap::new();
        for (path, content) in &self.files {
            let name = base(path);
            let rank = ROOTS.iter().position(|root| *path == format!("{root}/{folder}/{name}"));
            let rank = rank.or_else(|| (folder == LOAD && path == MODULES).then_some(0));
            let Some(rank) = rank else { continue };
            let kept = by_name.entry(name).or_insert((rank, path, content));
            if rank < kept.0 {
                *kept = (rank, path, content);
            }
        }
        by_name.into_values().map(|(_, path, content)| (path, content)).collect()
    }

    /// Whether another folder has a file of this name, which counts when this one goes.
    fn hides(&self, path: &str) -> bool {
        let folder = |p: &str| p.rsplit('/').nth(1).unwrap_or_default().to_string();
        let twin = |p: &String| *p != path && base(p) == base(path) && folder(p) == folder(path);
        self.files.keys().any(twin)
    }

    /// The lines that load a module at boot.
    pub fn loads(&self, module: &Named<'_>) -> Vec<Line> {
        self.lines(LOAD, |text| !text.starts_with(['#', ';']) && module.is(text))
    }

    /// The lines of modprobe.d that keep a module from being loaded by its name.
    pub fn blocks(&self, module: &Named<'_>) -> Vec<Line> {
        self.lines(OPTIONS, |text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            match words[..] {
                ["blacklist", name] => module.is(name),
                ["install", name, program] => module.is(name) && matches!(base(program), "true" | "false"),
                _ => false,
            }
        })
    }

    fn lines(&self, folder: &str, fits: impl Fn(&str) -> bool) -> Vec<Line> {
        let mut out = Vec::new();
        for (path, content) in self.read_at_boot(folder) {
            let lines = content.lines().enumerate().filter(|(_, text)| fits(text.trim()));
            out.extend(lines.map(|(i, text)| Line {
                path: path.to_string(),
                number: i + 1,
                text: text.trim().to_string(),
            }));
        }
        out
    }

    /// The options that a module is loaded with: parameter, value and whose line it is, later ones last.
    fn options(&self, module: &Named<'_>) -> Vec<(String, String, &str, usize)> {
        let mut out = Vec::new();
        for (path, content) in self.read_at_boot(OPTIONS) {
            for (number, lines) in logical(content) {
                for (param, value) in assigned(&lines, module) {
                    out.push((param, value, path, number));
                }
            }
        }
        out
    }

    /// Has `module` loaded at boot: nothing to do where a file of /etc does, else its own file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(&self, output: &Output, own: &str, module: &Named<'_>) -> Result<Edits, Failure> {
        let mut edits = Edits::default();
        let wanted = Named(&module.0[..1]);
        let etc = |line: &Line| line.path.starts_with("/etc/");
        if self.loads(&wanted).iter().any(etc) {
            return Ok(edits);
        }
        let was = text_file(output, own)?;
        // A name that the kernel does not have any more would fail at boot.
        let stale = |line: &&str| !module.is(line);
        let mut content: String = was.content.lines().filter(stale).map(|l| format!("{l}\n")).collect();
        content.push_str(&format!("{}\n", module.0[0]));
        let reason = format!("{own} {}", if was.exists { "differs" } else { "is absent" });
        edits.files.push(Edit { was, content: Some(content), reason });
        Ok(edits)
    }

    /// Has `module` loaded with these parameters: by its own file, and by those read later that say otherwise.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn parameters(
        &self,
        output: &Output,
        own: &str,
        module: &Named<'_>,
        given: &[(&str, &str)],
    ) -> Result<Edits, Failure> {
        let mut edits = Edits::default();
        let is = self.options(module);
        let outcome = |param: &str| is.iter().rev().find(|(p, ..)| p == param);
        let right = given.iter().all(|(p, v)| outcome(p).is_some_and(|(_, is, ..)| params::same(is, v)));
        let more = is.iter().any(|(p, _, path, _)| *path == own && !given.iter().any(|(g, _)| g == p));
        if right && !more {
            return Ok(edits);
        }
        let was = text_file(output, own)?;
        let words: Vec<String> = given.iter().map(|(p, v)| format!("{p}={v}")).collect();
        let line = format!("options {} {}\n", module.0[0], words.join(" "));
        let content = replaced(&was.content, module, &line);
        if content != was.content {
            let reason = format!("{own} {}", if was.exists { "differs" } else { "is absent" });
            edits.files.push(Edit { was, content: Some(content), reason });
        }
        let against =
            |param: &str, value: &str| given.iter().any(|(p, v)| *p == param && !params::same(value, v));
        for (path, content) in self.read_at_boot(OPTIONS) {
            // What is read before is overridden.
            if base(path) <= base(own) {
                continue;
            }
            if path.starts_with("/etc/") {
                let was = text_file(output, path)?;
                let content = without(&was.content, module, &against);
                if content != was.content {
                    let reason = format!("{path} is read later and says otherwise");
                    edits.files.push(Edit { was, content: Some(content), reason });
                }
                continue;
            }
            for (number, lines) in logical(content) {
                let bad = assigned(&lines, module).into_iter().filter(|(p, v)| against(p, v));
                edits.lost.extend(bad.map(|(param, value)| {
                    format!(
                        "{}'s {param} would be {value} at boot: {path}:{number} sets it later; {}",
                        module.0[0],
                        cure(path)
                    )
                }));
            }
        }
        Ok(edits)
    }

    /// Takes a module out of everything that loads it or gives it options at boot.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn forget(&self, output: &Output, name: &str, module: &Named<'_>) -> Result<Edits, Failure> {
        let mut edits = Edits::default();
        for folder in [LOAD, OPTIONS] {
            let own = format!("/etc/{folder}/{name}.conf");
            for (path, content) in self.read_at_boot(folder) {
                let commented = match folder {
                    LOAD => unloaded(content, module),
                    _ => without(content, module, &|_, _| true),
                };
                if commented == content {
                    continue;
                }
                if !path.starts_with("/etc/") {
                    let load = (folder == LOAD).then(|| {
                        format!("{path} loads {} at boot and is left alone; {}", module.0[0], cure(path))
                    });
                    edits.lost.extend(load);
                    continue;
                }
                let was = text_file(output, path)?;
                let nothing =
                    commented.lines().all(|l| l.trim().is_empty() || l.trim().starts_with(['#', ';']));
                let goes = path == own && nothing && !self.hides(path);
                let reason = match goes {
                    true => format!("{path} is present"),
                    false => format!("{path} names {}", module.0[0]),
                };
                edits.files.push(Edit { was, content: (!goes).then_some(commented), reason });
            }
        }
        Ok(edits)
    }
}

fn cure(path: &str) -> String {
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    format!("it is not in /etc: mask it with a link /etc/{folder}/{} to /dev/null", base(path))
}

/// Lines of modprobe.d with their first one's number; a backslash at the end goes on with the next.
fn logical(content: &str) -> Vec<(usize, Vec<&str>)> {
    let mut out: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut open = false;
    for (i, text) in content.lines().enumerate() {
        match out.last_mut().filter(|_| open) {
            Some((_, lines)) => lines.push(text),
            None => out.push((i + 1, vec![text])),
        }
        open = text.ends_with('\\');
    }
    out
}

/// What an `options` line of the module sets.
fn assigned(lines: &[&str], module: &Named<'_>) -> Vec<(String, String)> {
    let text = lines.iter().map(|l| l.strip_suffix('\\').unwrap_or(l)).collect::<Vec<_>>().join(" ");
    let mut words = text.split_whitespace();
    if words.next() != Some("options") || !words.next().is_some_and(|name| module.is(name)) {
        return Vec::new();
    }
    let pair = |word: &str| {
        let (param, value) = word.split_once('=').unwrap_or((word, "Y"));
        (param.to_string(), value.to_string())
    };
    words.map(pair).collect()
}

/// The text with the module's `options` lines replaced by this one.
fn replaced(content: &str, module: &Named<'_>, line: &str) -> String {
    let (mut out, mut there) = (String::new(), false);
    for (_, lines) in logical(content) {
        if assigned(&lines, module).is_empty() {
            out.extend(lines.iter().flat_map(|l| [*l, "\n"]));
        } else if !there {
            out.push_str(line);
            there = true;
        }
    }
    if !there {
        out.push_str(line);
    }
    out
}

/// The text with `options` lines of the module commented out where an assignment fits; what else they set stays.
fn without(content: &str, module: &Named<'_>, fits: &dyn Fn(&str, &str) -> bool) -> String {
    let mut out = String::new();
    for (_, lines) in logical(content) {
        let set = assigned(&lines, module);
        let gone = set.iter().any(|(p, v)| fits(p, v));
        let lead = if gone { "#" } else { "" };
        out.extend(lines.iter().flat_map(|l| [lead, *l, "\n"]));
        let rest: Vec<String> =
            set.iter().filter(|(p, v)| !fits(p, v)).map(|(p, v)| format!("{p}={v}")).collect();
        if gone && !rest.is_empty() {
            let name = lines[0].split_whitespace().nth(1).unwrap_or(module.0[0]);
            out.push_str(&format!("options {name} {}\n", rest.join(" ")));
        }
    }
    ended_as(content, out)
}

/// The text with the lines that load the module commented out.
fn unloaded(content: &str, module: &Named<'_>) -> String {
    let one = |line: &str| format!("{}{line}\n", if module.is(line) { "#" } else { "" });
    ended_as(content, content.lines().map(one).collect())
}

/// A last line without an end keeps it so: else every file would differ.
fn ended_as(content: &str, mut out: String) -> String {
    if !content.ends_with('\n') && out.lines().count() == content.lines().count() {
        out.pop();
    }
    out
}

#[cfg(test)]
#[path = "boot_modules_tests.rs"]
mod tests;
